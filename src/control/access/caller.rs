//! Who asks for something that is not for everybody: told in the log, and slowed down where the token is wrong.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::warn;

use crate::control::answer::Error;
use crate::text::excerpt;

/// An answer to a wrong token takes this long.
const PAUSE: Duration = Duration::from_secs(1);
/// So many of these wait at once, a small part of all connections; whoever comes then is sent away.
const WAITING_MAX: usize = 32;
/// Wrong tokens are logged once in this time.
const SILENCE: Duration = Duration::from_mins(1);

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::control) struct Peer(pub(in crate::control) SocketAddr);

/// Who asks, and by what.
#[derive(Debug)]
pub(in crate::control) struct Caller<'a> {
    pub(in crate::control) peer: Option<Peer>,
    pub(in crate::control) headers: &'a HeaderMap,
    /// `API` or `page`.
    pub(in crate::control) way: &'static str,
}

impl fmt::Display for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(Peer(address)) => write!(f, "{address}")?,
            None => f.write_str("somebody")?,
        }
        // Whoever stands in between may say anything.
        if let Some(forwarded) = self.headers.get("x-forwarded-for") {
            write!(f, " (for `{}`, as it says)", excerpt(&String::from_utf8_lossy(forwarded.as_bytes())))?;
        }
        write!(f, " by the {}", self.way)
    }
}

/// The wrong tokens that came.
#[derive(Debug)]
pub struct WrongTokens {
    count: AtomicU64,
    /// When they were last told, and how many there were then. Held for copies only.
    told: Mutex<Option<(Instant, u64)>>,
    waiting: Semaphore,
}

impl Default for WrongTokens {
    fn default() -> Self {
        Self { count: AtomicU64::new(0), told: Mutex::default(), waiting: Semaphore::new(WAITING_MAX) }
    }
}

impl WrongTokens {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// Counts one, and lets it wait for its answer.
    pub(in crate::control) async fn add(&self, caller: &Caller<'_>) -> Result<(), Error> {
        let count = self.count.fetch_add(1, Relaxed) + 1;
        if let Some(new) = self.untold(count) {
            let times =
                if new == 1 { String::new() } else { format!(", {new} times since this was last told") };
            warn!(count, "A wrong TAGFERRY_API_TOKEN came from {caller}{times}");
        }
        let Ok(_place) = self.waiting.try_acquire() else { return Err(Error::WrongTokens) };
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    /// How many are to be told now, if any.
    fn untold(&self, count: u64) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match *told {
            Some((at, _)) if at.elapsed() < SILENCE => return None,
            Some((_, known)) => known,
            None => 0,
        };
        *told = Some((Instant::now(), count));
        Some(count - known)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    // Seen in Growth-Circle/cadis#1574, lixmal/keepass4web-rs#275.
    #[tokio::test(start_paused = true)]
    async fn wrong_tokens_are_counted_slowed_and_bounded() {
        let (tokens, headers) = (WrongTokens::default(), HeaderMap::new());
        let caller = Caller { peer: None, headers: &headers, way: "API" };
        let start = Instant::now();
        let answers = join_all((0..1000).map(|_| tokens.add(&caller))).await;
        assert_eq!(start.elapsed(), PAUSE);
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), WAITING_MAX);
        assert_eq!(tokens.count(), 1000);
        assert!(tokens.add(&caller).await.is_ok(), "there is room again");
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_told_once_a_minute() {
        let tokens = WrongTokens::default();
        assert_eq!([tokens.untold(1), tokens.untold(2), tokens.untold(3)], [Some(1), None, None]);
        tokio::time::advance(SILENCE).await;
        assert_eq!([tokens.untold(4), tokens.untold(5)], [Some(3), None]);
    }

    #[test]
    fn a_caller_is_told_by_address_and_way() {
        let mut headers = HeaderMap::new();
        let peer = Some(Peer("10.0.0.7:40123".parse().unwrap()));
        let told = |headers: &HeaderMap| Caller { peer, headers, way: "page" }.to_string();
        assert_eq!(told(&headers), "10.0.0.7:40123 by the page");
        headers.insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
        assert_eq!(told(&headers), "10.0.0.7:40123 (for `192.0.2.7`, as it says) by the page");
    }
}
