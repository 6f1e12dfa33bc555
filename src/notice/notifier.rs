//! The end of the queues where notices go in.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::warn;

use crate::config;
use crate::event::{Event, EventKind, Observer};
use crate::notice::Notice;
use crate::notice::history::History;

/// Makes notices of what happens, and never waits.
pub struct Notifier {
    /// Guards what is known of the passes before. Held while one is judged.
    history: Arc<Mutex<History>>,
    senders: Vec<QueueSender>,
}

/// The queue of one destination.
pub(super) struct QueueSender {
    wanted: config::Notice,
    queue: mpsc::Sender<Notice>,
    /// Whether the last notice found no room, which is said once.
    is_full: AtomicBool,
}

impl Notifier {
    /// A notifier that knows what this one knows, or nothing.
    pub(super) fn after(before: Option<&Self>, senders: Vec<QueueSender>) -> Self {
        let history = before.map_or_else(Arc::default, |before| Arc::clone(&before.history));
        Self { history, senders }
    }
}

impl Observer for Notifier {
    fn observe(&self, event: &Event<'_>) {
        let EventKind::PassFinished { summary, .. } = event.kind else { return };
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let notices = history.judge(summary, event.at);
        drop(history);
        for notice in &notices {
            for sender in self.senders.iter().filter(|sender| sender.wants(notice)) {
                sender.offer(notice.clone());
            }
        }
    }
}

impl QueueSender {
    pub(super) fn new(wanted: config::Notice, queue: mpsc::Sender<Notice>) -> Self {
        Self { wanted, queue, is_full: AtomicBool::new(false) }
    }

    fn wants(&self, notice: &Notice) -> bool {
        let config::Notice { on, mirrors, .. } = &self.wanted;
        on.contains(&notice.kind) && mirrors.as_ref().is_none_or(|mirrors| mirrors.contains(&notice.mirror))
    }

    /// Puts the notice into the queue, or drops it where there is no room.
    fn offer(&self, notice: Notice) {
        match self.queue.try_send(notice) {
            Ok(()) => self.is_full.store(false, Relaxed),
            Err(TrySendError::Full(notice)) => {
                if !self.is_full.swap(true, Relaxed) {
                    warn!(
                        "Too many notices wait for {}: this one of `{}` ({}) and those that come are dropped until \
                         there is room",
                        self.wanted.destination,
                        notice.mirror,
                        notice.kind.as_str()
                    );
                }
            }
            // Nobody delivers any more, which is its owner's decision.
            Err(TrySendError::Closed(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Config, NoticeKind};
    use crate::event::MirrorSummary;
    use crate::notice::document::tests::{at, mirror};
    use crate::notice::{Delivery, QUEUE_MAX, channel};

    fn channel_of(notices: &str) -> (Arc<Notifier>, Delivery) {
        let yaml = format!(
            "mirrors: [{{source: quay.io/java/jdk, target: registry.test/jdk, tags: [{{match: x}}]}}, \
             {{source: quay.io/other, target: registry.test/other, tags: [{{match: x}}]}}]\nnotices:\n{notices}"
        );
        channel(&Config::parse("test.yaml", &yaml, &|_| None).unwrap(), None, None)
    }

    fn finished(summary: &MirrorSummary) -> Event<'_> {
        Event { at: at(), pass: None, kind: EventKind::PassFinished { summary, took: Duration::ZERO } }
    }

    /// The kinds that wait for the destinations, in their order.
    fn waiting(delivery: Delivery) -> Vec<Vec<NoticeKind>> {
        let drained = |mut queue: mpsc::Receiver<Notice>| {
            std::iter::from_fn(|| queue.try_recv().ok()).map(|notice| notice.kind).collect()
        };
        delivery.into_receivers().into_iter().map(|receiver| drained(receiver.queue)).collect()
    }

    #[test]
    fn a_destination_gets_what_it_asks_for() {
        let (notifier, delivery) = channel_of(
            "  - {slack: {url: 'http://127.0.0.1:9/'}}\n  \
               - {slack: {url: 'http://127.0.0.1:9/'}, on: [failed]}\n  \
               - {slack: {url: 'http://127.0.0.1:9/'}, mirrors: [other]}\n",
        );
        notifier.observe(&finished(&mirror(&["21"], &[("25", "503")])));
        notifier.observe(&Event { at: at(), pass: None, kind: EventKind::PassStarted });
        use NoticeKind::{Copied, Failed};
        assert_eq!(waiting(delivery), [vec![Copied, Failed], vec![Failed], vec![]]);
    }

    #[test]
    fn a_full_queue_drops_what_comes_and_blocks_nobody() {
        let (notifier, delivery) = channel_of("  - {slack: {url: 'http://127.0.0.1:9/'}}\n");
        let summary = mirror(&["21"], &[]);
        for _ in 0..QUEUE_MAX + 3 {
            notifier.observe(&finished(&summary));
        }
        assert_eq!(waiting(delivery)[0].len(), QUEUE_MAX);
    }
}
