//! How many pulls a host still allows, as Docker Hub says it: `ratelimit-remaining: 76;w=21600`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use crate::oci::Host;

/// With its window (docs.docker.com, pull usage and limits). Other hosts give a header of this name another form
/// and meaning.
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
/// With fewer pulls left, people are told.
const FEW: u64 = 10;

/// The pulls of one host. A pull is the `GET` of a manifest; `HEAD` and blobs cost none.
#[derive(Debug, Default)]
pub(in crate::registry) struct Quota(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    used_up: Option<UsedUp>,
    has_warned: bool,
}

#[derive(Clone, Copy, Debug)]
struct UsedUp {
    window: Duration,
    at: Instant,
}

impl Quota {
    /// Takes in what an answer says, if it says anything.
    pub(in crate::registry) fn learn(&self, host: &Host, headers: &HeaderMap) {
        let text = headers.get(REMAINING).and_then(|value| value.to_str().ok());
        let Some((remaining, window)) = text.and_then(parse) else { return };
        if self.lock().is_news(remaining, window) {
            let window = humantime::format_duration(window);
            tracing::warn!(%host, remaining, "{host} allows only {remaining} more pulls in its window of {window}");
        }
    }

    /// The window of which all pulls are used up, if so. It ends by itself, or with an answer that says more.
    pub(in crate::registry) fn used_up(&self) -> Option<Duration> {
        let UsedUp { window, at } = self.lock().used_up?;
        (at.elapsed() < window).then_some(window)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes in an answer. Tells whether it is the first with few pulls left.
    fn is_news(&mut self, remaining: u64, window: Duration) -> bool {
        self.used_up = (remaining == 0).then(|| UsedUp { window, at: Instant::now() });
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

    fn learn(quota: &Quota, value: &'static str) {
        let headers = HeaderMap::from_iter([(REMAINING, HeaderValue::from_static(value))]);
        quota.learn(&"docker.io".parse().unwrap(), &headers);
    }

    #[tokio::test(start_paused = true)]
    async fn pulls_are_used_up_until_an_answer_says_more_or_the_window_ends() {
        let (quota, window) = (Quota::default(), Duration::from_hours(6));
        assert_eq!(quota.used_up(), None);
        learn(&quota, "0;w=21600");
        assert_eq!(quota.used_up(), Some(window));
        quota.learn(&"docker.io".parse().unwrap(), &HeaderMap::new());
        assert_eq!(quota.used_up(), Some(window));
        learn(&quota, "1;w=21600");
        assert_eq!(quota.used_up(), None);
        learn(&quota, "0;w=21600");
        tokio::time::advance(window).await;
        assert_eq!(quota.used_up(), None);
    }

    #[test]
    fn people_are_told_once_that_few_are_left() {
        let mut state = State::default();
        let told = [11, 10, 9, 8, 0, 100, 5, 4].map(|remaining| state.is_news(remaining, Duration::ZERO));
        assert_eq!(told, [false, false, true, false, false, false, true, false]);
    }

    #[test]
    fn only_the_form_of_docker_hub_counts() {
        assert_eq!(parse("76;w=21600"), Some((76, Duration::from_hours(6))));
        for other in ["0", "", ";", "0;", "0;w=", "-1;w=1", "0;r=1", "many;w=1"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
