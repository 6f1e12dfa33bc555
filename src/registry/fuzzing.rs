//! What holds for whatever a registry writes. See [`crate::oci::fuzzing`].
#![expect(clippy::missing_panics_doc, reason = "to panic is how a property says that it does not hold")]

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::{Timestamp, ToSpan};
use url::Url;

use crate::oci::Tag;
use crate::oci::fuzzing::{check_error, check_message};
use crate::registry::challenge as challenges;
use crate::registry::challenge::Challenge;
use crate::registry::code;
use crate::registry::error::{Error, Kind};
use crate::registry::lists::listing::Listing;
use crate::registry::refusal::ERROR_BODY_MAX_BYTES;
use crate::registry::transport::link;
use crate::registry::transport::link::Next;
use crate::registry::transport::quota::Quota;
use crate::registry::transport::{origin, retry};
use crate::registry::{PrivateHosts, Refusal, Retry};
use crate::text::is_hidden;

/// An address that is not inside any network.
const ROOT: &str = "https://registry.test/";

/// `WWW-Authenticate`: what is read says no more than the header, and reads the same when it is written cleanly.
pub fn challenge(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = challenges::parse(&text);
    let texts = |challenge: &Challenge| {
        let params = challenge.params.iter().map(|(name, value)| name.len() + value.len());
        challenge.scheme.len() + params.sum::<usize>()
    };
    // A character that is cut in two becomes a replacement, which is longer.
    let length: usize = read.iter().map(texts).sum();
    assert!(length <= 3 * text.len(), "{length}");
    for challenge in &read {
        let names = challenge.params.keys().chain([&challenge.scheme]);
        assert!(
            names.clone().all(|name| !name.is_empty() && *name == name.to_ascii_lowercase()),
            "{challenge:?}"
        );
    }
    let clean: Vec<String> = read.iter().map(write).collect();
    let clean = clean.join(", ");
    if clean.len() <= text.len() {
        assert_eq!(challenges::parse(&clean), read, "{clean}");
    }
}

fn write(challenge: &Challenge) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let param = |(name, value): (&String, &String)| format!("{name}=\"{}\"", escaped(value));
    let params: Vec<_> = challenge.params.iter().map(param).collect();
    format!("{} {}", challenge.scheme, params.join(", "))
}

/// `Link`: the query of a next page is a part of the header, and leads nowhere else.
pub fn link(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(list) = Url::parse("https://registry.test/v2/a/tags/list") else { return };
    let Next::Query { query, .. } = link::next(&text, &list) else { return };
    assert!(!query.is_empty() && text.contains(&query) && !query.contains(['#', '>']), "{query:?}");
    let clean = format!("</v2/a/tags/list?{query}>; rel=\"next\"");
    assert_eq!(link::next(&clean, &list), Next::Query { query: query.clone(), is_own: true });
    let mut next = list.clone();
    next.set_query(Some(&query));
    next.set_fragment(None);
    assert_eq!((next.origin(), next.path()), (list.origin(), list.path()), "{query:?}");
    next.set_query(None);
    assert_eq!(next, list);
}

/// A page of a tag list: each tag once, no more of them than entries, whatever comes twice.
pub fn tags(data: &[u8]) {
    let mut listing = Listing::<Tag>::new("tags", usize::MAX);
    if listing.read(data).is_err() {
        return;
    }
    let tags: HashSet<_> = listing.names.iter().collect();
    assert_eq!(tags.len(), listing.names.len());
    assert!(listing.names.len() <= listing.len() && listing.len() <= listing.count);
    let (known, count) = (listing.len(), listing.count);
    assert!(listing.read(data).is_ok());
    assert_eq!((listing.len(), listing.count), (known, count));
}

/// A realm, `Location` or redirect: nothing that is allowed leads from outside into a network, or out of TLS.
pub fn address(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(root) = Url::parse(ROOT) else { return };
    let Ok(url) = root.join(&text) else { return };
    match origin::permitted(&root, url.clone(), &PrivateHosts::default()) {
        Ok(url) => {
            assert_eq!(url.scheme(), "https", "{url}");
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
            let is_inside = match host.parse() {
                Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
                Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
                Err(_) => host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
            };
            assert!(!is_inside, "{url}");
        }
        Err(why) => {
            assert!(!origin::is_own(&root, &url), "{url}");
            assert!(!why.contains(is_hidden), "{why:?}");
            assert!(!why.contains('?'), "a query may hold a signature: {why}");
        }
    }
}

/// The body of a refusal: it is told on one line, and each of its codes is found.
pub fn refusal(data: &[u8]) {
    let body = &data[..data.len().min(ERROR_BODY_MAX_BYTES)];
    let Ok(url) = Url::parse(ROOT) else { return };
    for status in
        [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::BAD_GATEWAY]
    {
        let refusal = Refusal::parse(status, None, body, str::to_owned);
        assert!(refusal.errors.is_empty() || refusal.text.is_empty());
        assert!(refusal.errors.iter().all(|error| refusal.has_code(&error.code)));
        check_message(&refusal.to_string());
        let is_throttled = refusal.has_code(code::TOO_MANY_REQUESTS);
        for method in [Method::GET, Method::PUT] {
            let error = Error::new(&method, &url, Kind::Refused(refusal.clone()));
            check_error(&error);
            assert_eq!(error.is_denied(), matches!(status.as_u16(), 401 | 403));
            assert!(error.transient().is_some() || status != StatusCode::BAD_GATEWAY && !is_throttled);
            assert!(!error.is_worth_new_upload() || method == Method::PUT);
            assert!(!error.is_expired_login() || status == StatusCode::FORBIDDEN);
        }
    }
}

/// `Retry-After`: a pause is as long as was asked for or is not made, and a date comes nearer as time goes by.
pub fn retry_after(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let now = Timestamp::UNIX_EPOCH;
    let Some(asked) = retry::retry_after(&text, now) else {
        let digits = text.trim();
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        return assert!(!is_number || digits.parse::<u64>().is_err(), "{text:?}");
    };
    match Retry::default().budget().spend(Some(asked)) {
        Some(pause) => assert!(pause >= asked && pause <= Duration::from_mins(5)),
        None => assert!(asked > Duration::from_mins(5)),
    }
    let later = retry::retry_after(&text, now + 10.seconds());
    let is_date = later.is_some_and(|later| later.saturating_add(Duration::from_secs(10)) == asked);
    assert!(later == Some(asked) || is_date || asked < Duration::from_secs(10), "{asked:?}, then {later:?}");
}

/// `RateLimit-Remaining`: whatever a registry says, it is asked again within an hour.
pub fn quota(data: &[u8]) {
    let (Ok(value), Ok(host)) = (HeaderValue::from_bytes(data), "docker.io".parse()) else { return };
    let quota = Quota::default();
    let headers = HeaderMap::from_iter([(HeaderName::from_static("ratelimit-remaining"), value)]);
    for method in [Method::GET, Method::HEAD, Method::GET] {
        quota.learn(&host, &method, &headers);
        assert!(quota.used_up().is_none_or(|left| left <= Duration::from_hours(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::fuzzing::check_seeds;

    #[test]
    fn the_properties_hold_for_the_seeds() {
        check_seeds("address", address);
        check_seeds("challenge", challenge);
        check_seeds("link", link);
        check_seeds("quota", quota);
        check_seeds("refusal", refusal);
        check_seeds("retry_after", retry_after);
        check_seeds("tags", tags);
    }
}
