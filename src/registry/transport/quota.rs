//! How many pulls a host still allows, as Docker Hub says it: `ratelimit-remaining: 76;w=21600`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, Method};
use tokio::time::Instant;

use crate::oci::Host;

/// With its window (docs.docker.com, pull usage and limits). Other hosts give a header of this name another form
/// and meaning.
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
/// With fewer pulls left, people are told.
const FEW: u64 = 10;
/// After this time the host is asked again, whatever it said: a wrong header must not silence it for good.
const BLIND_MAX: Duration = Duration::from_hours(1);

/// The pulls of one host. A pull is the `GET` of a manifest; `HEAD` and blobs cost none.
#[derive(Debug, Default)]
pub(in crate::registry) struct Quota(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Until when nothing is pulled; may be past.
    used_up: Option<Instant>,
    has_warned: bool,
}

impl Quota {
    /// Takes in what an answer of the host itself says, if it says anything. Where we were sent to, nobody knows its pulls.
    pub(in crate::registry) fn learn(&self, host: &Host, method: &Method, headers: &HeaderMap) {
        let text = headers.get(REMAINING).and_then(|value| value.to_str().ok());
        let Some((remaining, window)) = text.and_then(parse) else { return };
        if self.lock().is_news(method, remaining, window) {
            tracing::warn!(%host, remaining, "{host} allows only {remaining} more pulls for now");
        }
    }

    /// How long nothing may be pulled, if so. It ends by itself, or with an answer that says more.
    pub(in crate::registry) fn used_up(&self) -> Option<Duration> {
        let left = self.lock().used_up?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes in an answer. Tells whether it is the first with few pulls left.
    fn is_news(&mut self, method: &Method, remaining: u64, window: Duration) -> bool {
        let until = Instant::now() + window.min(BLIND_MAX);
        self.used_up = match self.used_up {
            _ if remaining > 0 => None,
            // A `HEAD` that repeats itself puts nothing off: only a pull shows whether pulls are refused.
            Some(until) if method == Method::HEAD => Some(until),
            _ => Some(until),
        };
        let is_few = remaining < FEW;
        let has_warned = std::mem::replace(&mut self.has_warned, is_few);
        is_few && !has_warned
    }
}

/// The number and its window.
fn parse(value: &str) -> Option<(u64, Duration)> {
    let (remaining, window) = value.split_once(';')?;
    let seconds = window.trim().strip_prefix("w=")?.parse().ok()?;
    Some((remaining.trim().parse().ok()?, Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn learn(quota: &Quota, method: &Method, value: &'static str) {
        let headers = HeaderMap::from_iter([(REMAINING, HeaderValue::from_static(value))]);
        quota.learn(&"docker.io".parse().unwrap(), method, &headers);
    }

    #[tokio::test(start_paused = true)]
    async fn pulls_are_used_up_until_an_answer_says_more_or_the_window_ends() {
        let (quota, window) = (Quota::default(), Duration::from_mins(10));
        let get = |value| learn(&quota, &Method::GET, value);
        assert_eq!(quota.used_up(), None);
        get("0;w=600");
        assert_eq!(quota.used_up(), Some(window));
        quota.learn(&"docker.io".parse().unwrap(), &Method::GET, &HeaderMap::new());
        assert_eq!(quota.used_up(), Some(window));
        get("1;w=600");
        assert_eq!(quota.used_up(), None);
        get("0;w=600");
        tokio::time::advance(window).await;
        assert_eq!(quota.used_up(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_a_host_says_it_is_asked_again_after_an_hour() {
        for value in ["0;w=21600", "0;w=99999999999999", "0;w=18446744073709551615"] {
            let quota = Quota::default();
            learn(&quota, &Method::HEAD, value);
            assert_eq!(quota.used_up(), Some(BLIND_MAX), "{value}");
            for _ in 0..2 {
                tokio::time::advance(BLIND_MAX / 2).await;
                learn(&quota, &Method::HEAD, value);
            }
            assert_eq!(quota.used_up(), None, "a pull has to be tried: {value}");
            learn(&quota, &Method::GET, value);
            assert_eq!(quota.used_up(), Some(BLIND_MAX), "{value}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn people_are_told_once_that_few_are_left() {
        let mut state = State::default();
        let told = [11, 10, 9, 8, 0, 100, 5, 4]
            .map(|remaining| state.is_news(&Method::GET, remaining, Duration::ZERO));
        assert_eq!(told, [false, false, true, false, false, false, true, false]);
    }

    #[test]
    fn only_the_form_of_docker_hub_counts() {
        assert_eq!(parse("76;w=21600"), Some((76, Duration::from_hours(6))));
        for other in
            ["0", "", ";", "0;", "0;w=", "-1;w=1", "0;r=1", "many;w=1", "76, 76", "r=0;t=30", "0;w=-1"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
