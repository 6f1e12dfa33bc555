//! Time that passes at once, instead of being waited for.

use std::convert::Infallible;
use std::time::Duration;

use crate::fake::{Match, Server};

/// Far longer than anything takes on a busy machine: nobody but who is meant to is given up.
pub(crate) const STALL: Duration = Duration::from_mins(10);

/// The turns of the runtime after which all that can go on has gone on. Every peer of such a test lives on it.
const TURNS: usize = 1000;
/// Where the time that passed was too early for the client, it passes again.
const ONCE_MORE: Duration = Duration::from_secs(1);

/// A step of [`hurry`]. Whoever does not move for thirty of them is given up by `timeouts.stall` as it is by default.
const STEP: Duration = Duration::from_secs(1);

/// Does the work while time passes as fast as it can: a second whenever all that can go on has gone on.
pub(crate) async fn hurry<T>(work: impl Future<Output = T>) -> T {
    let time = async {
        loop {
            pass(STEP).await;
        }
    };
    tokio::select! {
        biased;
        result = work => result,
        () = time => unreachable!("time does not end"),
    }
}

/// Time goes on by itself when this is dropped.
struct Frozen;

impl Drop for Frozen {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}

/// Lets time pass at once for everything on this runtime, after all that can go on without it has gone on.
pub(crate) async fn pass(time: Duration) {
    settled().await;
    tokio::time::pause();
    let _frozen = Frozen;
    tokio::time::advance(time).await;
}

/// Returns when all on this runtime that can go on without time has gone on.
pub(crate) async fn settled() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// Whenever a request hangs, lets `timeouts.stall` pass at once, until such a request is made anew.
///
/// The time passes for everything on the runtime, so nothing but the request that hangs should wait for an answer.
pub(crate) async fn outlast(server: &Server, pattern: &Match) -> Infallible {
    let mut hung = 0;
    loop {
        hung += 1;
        server.hung(hung).await;
        let asked = server.count(pattern);
        let mut is_given_up = false;
        while !is_given_up {
            pass(STALL).await;
            let anew = server.wait_for(pattern, asked + 1);
            is_given_up = tokio::time::timeout(ONCE_MORE, anew).await.is_ok();
        }
    }
}
