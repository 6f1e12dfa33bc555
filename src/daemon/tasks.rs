//! What runs beside one another in the daemon.

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;

/// Something that runs until it is told to stop.
pub(super) type Work = LocalBoxFuture<'static, ()>;

/// Where work is handed over.
pub(super) struct Starts {
    /// The workers of mirrors.
    pub(super) passes: mpsc::UnboundedSender<Work>,
    /// The deliveries of notices.
    pub(super) notices: mpsc::UnboundedSender<Work>,
}

/// Where it comes out.
pub(super) struct Ends {
    pub(super) passes: mpsc::UnboundedReceiver<Work>,
    pub(super) notices: mpsc::UnboundedReceiver<Work>,
}

/// As many works are in these as a configuration has mirrors, and one.
pub(super) fn channels() -> (Starts, Ends) {
    let ((passes, passes_end), (notices, notices_end)) =
        (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    (Starts { passes, notices }, Ends { passes: passes_end, notices: notices_end })
}

/// Does all work that comes, side by side. Ends when no more can come and all is done.
pub(super) async fn run_all(mut works: mpsc::UnboundedReceiver<Work>) {
    let mut at_work = FuturesUnordered::new();
    let mut is_open = true;
    loop {
        tokio::select! {
            work = works.recv(), if is_open => match work {
                Some(work) => at_work.push(work),
                None => is_open = false,
            },
            Some(()) = at_work.next() => {}
            else => return,
        }
    }
}
