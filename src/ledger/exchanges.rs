//! What is counted of requests, host by host.

use std::collections::BTreeMap;

use crate::event::Exchange;

/// Requests and retries since the start.
#[derive(Clone, Debug, Default)]
pub struct Exchanges {
    /// How many requests there were of each kind. As many kinds as the configuration's hosts, times a few.
    pub requests: BTreeMap<RequestKey, u64>,
    /// How many were tried again, and why.
    pub retries: BTreeMap<RetryKey, u64>,
}

/// What requests are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKey {
    /// The host.
    pub registry: String,
    /// The HTTP method.
    pub method: String,
    /// The class of the status, such as `2xx`; `none` where no answer came.
    pub status: &'static str,
}

/// What retries are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RetryKey {
    /// The host.
    pub registry: String,
    /// Why, one of a few words.
    pub reason: &'static str,
}

impl Exchanges {
    pub(super) fn add(&mut self, exchange: Exchange<'_>) {
        match exchange {
            Exchange::Requested { host, method, status } => {
                let (registry, method) = (host.to_owned(), method.to_owned());
                let request = RequestKey { registry, method, status: status_class(status) };
                *self.requests.entry(request).or_default() += 1;
            }
            Exchange::Retried { host, reason } => {
                *self.retries.entry(RetryKey { registry: host.to_owned(), reason }).or_default() += 1;
            }
            Exchange::Held { .. } => {}
        }
    }
}

/// The class of a status; a status of no known class is taken for a fault of the server (RFC 9110, section 15).
fn status_class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(_) => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_counted_by_class() {
        let classes = [Some(200), Some(206), Some(307), Some(404), Some(503), Some(101), Some(999), None];
        let classes = classes.map(status_class);
        assert_eq!(classes, ["2xx", "2xx", "3xx", "4xx", "5xx", "5xx", "5xx", "none"]);
    }
}
