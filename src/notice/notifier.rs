//! The sending ends of the queues.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tracing::warn;
use url::Url;

use crate::config;
use crate::event::{Ending, Event, EventKind, MirrorSummary, Observer, PassId, TagOutcome};
use crate::ledger::{Ledger, Record, Transition};
use crate::notice::heartbeat::Heart;
use crate::notice::{NOTICE_MAX_BYTES, Notice, Rhythm, TagNotice, Waiting};

/// Makes notices of what happens, and never waits.
pub struct Notifier {
    /// Knows what the end of a pass changed.
    ledger: Arc<Ledger>,
    /// Where people reach the page.
    page: Option<Url>,
    senders: Vec<QueueSender>,
    hearts: Vec<Heart>,
    rhythm: Rhythm,
}

/// The queue of one destination.
pub(super) struct QueueSender {
    wanted: config::Notice,
    queue: mpsc::Sender<Waiting>,
    /// In KiB, for those that wait.
    room: Arc<Semaphore>,
    /// Whether the last notice found no room, which is said once.
    is_full: AtomicBool,
}

impl Notifier {
    pub(super) fn new(
        ledger: Arc<Ledger>,
        page: Option<Url>,
        senders: Vec<QueueSender>,
        hearts: Vec<Heart>,
        rhythm: Rhythm,
    ) -> Self {
        Self { ledger, page, senders, hearts, rhythm }
    }

    /// Gives a sign that the one run began.
    pub fn run_started(&self) {
        self.hearts.iter().for_each(Heart::start);
    }

    /// Gives a sign of how the one run ended.
    pub fn run_finished(&self, at: Timestamp) {
        self.hearts.iter().for_each(|heart| heart.tell(&self.ledger, at));
    }

    fn hearts_of<'a>(&'a self, mirror: &'a str) -> impl Iterator<Item = &'a Heart> {
        self.hearts.iter().filter(move |heart| heart.is_about(mirror))
    }

    /// Tells that a success was due and did not come.
    pub fn late(&self, record: &Record, at: Timestamp) {
        self.offer(Notice::late(record, at));
        self.hearts_of(&record.name).for_each(|heart| heart.tell(&self.ledger, at));
    }

    /// Tells that there are new repositories, each of which is a mirror now.
    pub fn discovered(&self, source: &str, names: &[&str], at: Timestamp) {
        self.offer(Notice::discovered(source, names, at));
    }

    /// Tells that a new configuration was not taken, and why.
    pub fn reload_refused(&self, error: &str, at: Timestamp) {
        self.offer(Notice::reload_refused(error, at));
    }

    fn offer(&self, notice: Notice) {
        let notice = notice.linked(self.page.as_ref()).within(NOTICE_MAX_BYTES);
        for sender in self.senders.iter().filter(|sender| sender.wants(&notice)) {
            sender.offer(notice.clone());
        }
    }

    /// What is to be told now that a pass ended so. A plan tells nothing. What a pass copied is there, whatever else
    /// came of it.
    fn notices(&self, pass: &PassId, summary: &MirrorSummary, at: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        if summary.ending == Ending::Planned {
            return notices;
        }
        let copied = tags(summary, TagOutcome::Copied);
        if !copied.is_empty() {
            notices.push(Notice::copied(summary, copied, at));
        }
        match self.ledger.transition(pass) {
            Transition::Failing => {
                notices.push(Notice::failed(summary, tags(summary, TagOutcome::Failed), at));
            }
            Transition::Recovered => notices.push(Notice::recovered(summary, at)),
            Transition::None => {}
        }
        notices
    }
}

impl Observer for Notifier {
    fn observe(&self, event: &Event<'_>) {
        let Some(pass) = event.pass else { return };
        let hearts = || {
            self.hearts_of(&pass.pair.mirror).filter(|_| self.rhythm == Rhythm::Pass && pass.tag.is_none())
        };
        let summary = match &event.kind {
            EventKind::PassStarted => return hearts().for_each(Heart::start),
            EventKind::PassFinished { summary, .. } => summary,
            _ => return,
        };
        // One that was told to stop says nothing of the mirror.
        if summary.ending == Ending::Finished {
            hearts().for_each(|heart| heart.tell(&self.ledger, event.at));
        }
        for notice in self.notices(pass, summary, event.at) {
            self.offer(notice);
        }
    }
}

fn tags(summary: &MirrorSummary, outcome: TagOutcome) -> Vec<TagNotice> {
    summary.tags.iter().filter(|tag| tag.outcome == Some(outcome)).map(TagNotice::from).collect()
}

impl QueueSender {
    pub(super) fn new(wanted: config::Notice, queue: mpsc::Sender<Waiting>, room: Semaphore) -> Self {
        Self { wanted, queue, room: Arc::new(room), is_full: AtomicBool::new(false) }
    }

    fn wants(&self, notice: &Notice) -> bool {
        let config::Notice { on, mirrors, .. } = &self.wanted;
        let is_about = |mirrors: &BTreeSet<String>| {
            // What is about no mirror is about all.
            notice.mirror.as_ref().is_none_or(|mirror| mirrors.contains(mirror))
        };
        on.contains(&notice.kind) && mirrors.as_ref().is_none_or(is_about)
    }

    /// Puts the notice into the queue, or drops it where there is no room.
    fn offer(&self, notice: Notice) {
        let kib = u32::try_from(notice.bytes().div_ceil(1024)).unwrap_or(u32::MAX);
        let refused = match Arc::clone(&self.room).try_acquire_many_owned(kib) {
            Ok(room) => match self.queue.try_send((notice, room)) {
                Ok(()) => return self.is_full.store(false, Relaxed),
                Err(TrySendError::Full((notice, _))) => notice,
                // The owner of the delivery has ended it.
                Err(TrySendError::Closed(_)) => return,
            },
            Err(_) => notice,
        };
        if !self.is_full.swap(true, Relaxed) {
            warn!(
                "The queue of notices for {} is full: this one of `{}` ({}) and later ones are dropped until there is room",
                self.wanted.destination,
                refused.about(),
                refused.kind.as_str()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Config, NoticeKind};
    use crate::event::{Pair, RunOutcome};
    use crate::notice::QUEUE_MAX_KIB;
    use crate::notice::document::tests::{at, mirror};
    use crate::notice::{Delivery, QUEUE_MAX, channel};

    /// A ledger, and what is told of its mirrors.
    struct Told {
        ledger: Arc<Ledger>,
        notifier: Arc<Notifier>,
        delivery: Delivery,
    }

    impl Told {
        fn new(notices: &str) -> Self {
            let yaml = format!(
                "mirrors: [{{source: quay.io/java/jdk, target: registry.test/jdk, tags: [{{match: x}}], fresh_within: 25h}}, \
                 {{source: quay.io/other, target: registry.test/other, tags: [{{match: x}}]}}]\nnotices:\n{notices}"
            );
            let config = Config::parse("test.yaml", &yaml, &|_| None).unwrap();
            let ledger = Arc::new(Ledger::new(at()));
            ledger.configure(&config.mirrors, 1, at());
            let (notifier, delivery) = channel(&config, None, Arc::clone(&ledger), Rhythm::Pass);
            Self { ledger, notifier, delivery }
        }

        /// A pass over `java/jdk` that ends so.
        fn pass(&self, summary: &MirrorSummary) {
            let pair = Pair::new("java/jdk", &"registry.test/jdk");
            let pass = PassId { pair, generation: 1, number: 1, retry: 0, tag: None };
            for kind in [EventKind::PassStarted, EventKind::PassFinished { summary, took: Duration::ZERO }] {
                let event = Event { at: at(), pass: Some(&pass), kind };
                self.ledger.observe(&event);
                self.notifier.observe(&event);
            }
        }

        /// What waits for the destinations, in their order.
        fn waiting(self) -> Vec<Vec<Notice>> {
            let drained = |mut queue: mpsc::Receiver<Waiting>| {
                std::iter::from_fn(|| Some(queue.try_recv().ok()?.0)).collect()
            };
            self.delivery.into_receivers().into_iter().map(|receiver| drained(receiver.queue)).collect()
        }

        /// The kinds of that.
        fn kinds(self) -> Vec<Vec<NoticeKind>> {
            let kinds = |notices: Vec<Notice>| notices.iter().map(|notice| notice.kind).collect();
            self.waiting().into_iter().map(kinds).collect()
        }
    }

    const SLACK: &str = "  - {slack: {url: 'http://127.0.0.1:9/'}}\n";

    #[test]
    fn a_destination_gets_what_it_asks_for() {
        let told = Told::new(&format!(
            "{SLACK}  \
               - {{slack: {{url: 'http://127.0.0.1:9/'}}, on: [failed]}}\n  \
               - {{slack: {{url: 'http://127.0.0.1:9/'}}, mirrors: [other]}}\n",
        ));
        told.pass(&mirror(&["21"], &[("25", "503")]));
        use NoticeKind::{Copied, Failed};
        assert_eq!(told.kinds(), [vec![Copied, Failed], vec![Failed], vec![]]);
    }

    #[test]
    fn where_the_page_is_known_a_notice_leads_to_its_mirror() {
        for (public_url, url) in [
            ("", None),
            ("public_url: https://ferry.example\n", Some("https://ferry.example/?mirror=java%2Fjdk")),
            (
                "public_url: https://ferry.example/a/b/#c\n",
                Some("https://ferry.example/a/b/?mirror=java%2Fjdk"),
            ),
        ] {
            let told = Told::new(&format!("{SLACK}{public_url}"));
            told.pass(&mirror(&["21"], &[]));
            let notice = told.waiting().remove(0).remove(0);
            assert_eq!(notice.url.as_deref(), url);
            assert_eq!(notice.told().lines().nth(1), url);
        }
    }

    #[test]
    fn new_tags_are_told_and_a_pass_without_any_is_not() {
        let told = Told::new(SLACK);
        told.pass(&mirror(&["21", "25"], &[]));
        told.pass(&mirror(&[], &[]));
        let notices = told.waiting().remove(0);
        let tags: Vec<_> = notices[0].tags.iter().map(|tag| tag.tag.to_string()).collect();
        assert_eq!(
            (notices.len(), notices[0].kind, tags.join(" ")),
            (1, NoticeKind::Copied, "21 25".to_owned())
        );
    }

    #[test]
    fn what_waits_for_a_destination_is_bounded_in_bytes() {
        let told = Told::new(SLACK);
        let error = "é".repeat(2000);
        let failed: Vec<_> = (0..1000).map(|number| (format!("21.0.{number}"), error.as_str())).collect();
        let failed: Vec<_> = failed.iter().map(|(tag, error)| (tag.as_str(), *error)).collect();
        let copied: Vec<_> = failed.iter().map(|(tag, _)| *tag).collect();
        for _ in 0..12 {
            told.pass(&mirror(&copied, &failed));
            told.pass(&mirror(&[], &[]));
        }
        let notices = told.waiting().remove(0);
        assert!(notices.iter().all(|notice| notice.bytes() <= NOTICE_MAX_BYTES));
        assert!(notices.iter().any(|notice| notice.tags_omitted > 0 && !notice.tags.is_empty()));
        let bytes: usize = notices.iter().map(Notice::bytes).sum();
        assert!(bytes <= QUEUE_MAX_KIB * 1024, "{bytes}");
        assert!(bytes > QUEUE_MAX_KIB * 1024 / 2, "{bytes}");
    }

    #[test]
    fn tags_that_arrive_in_a_failing_pass_are_told_too() {
        let told = Told::new(SLACK);
        told.pass(&mirror(&["21"], &[("25", "503")]));
        let notices = told.waiting().remove(0);
        let told: Vec<_> =
            notices.iter().map(|notice| (notice.kind, notice.tags[0].tag.to_string())).collect();
        assert_eq!(told, [(NoticeKind::Copied, "21".to_owned()), (NoticeKind::Failed, "25".to_owned())]);
    }

    #[test]
    fn a_failure_is_told_once_and_its_end_too() {
        let told = Told::new(SLACK);
        let failed = || mirror(&[], &[("25", "503")]);
        for pass in [failed(), failed(), mirror(&[], &[]), mirror(&[], &[]), failed()] {
            told.pass(&pass);
        }
        use NoticeKind::{Failed, Recovered};
        assert_eq!(told.kinds(), [[Failed, Recovered, Failed]]);
    }

    #[test]
    fn signs_of_life_tell_of_all_their_mirrors() {
        use crate::notice::heartbeat::Beat;
        let told = Told::new(
            "  - {heartbeat: {url: 'http://127.0.0.1:9/'}}\n  - {heartbeat: {url: 'http://127.0.0.1:9/'}, mirrors: [other]}\n",
        );
        let stopped = MirrorSummary { ending: Ending::Stopped, ..mirror(&[], &[("25", "dropped")]) };
        for pass in [mirror(&["21"], &[]), mirror(&[], &[("25", "503")]), stopped] {
            told.pass(&pass);
        }
        let [all, other] = told.delivery.into_pulses().try_into().unwrap_or_else(|_| panic!());
        let fail = "java/jdk to registry.test/jdk: failed".to_owned();
        // The success before is told no more.
        assert_eq!(all.waiting(), [Beat::Fail(fail), Beat::Start]);
        assert_eq!(other.waiting(), []);
    }

    #[test]
    fn a_mirror_that_is_late_is_told_once_where_that_is_wanted_and_so_is_its_end() {
        let told = Told::new(&format!(
            "{SLACK}  - {{slack: {{url: 'http://127.0.0.1:9/'}}, on: [late, recovered]}}\n"
        ));
        let later = |hours: i64| at() + jiff::SignedDuration::from_hours(hours);
        let late = |hours| {
            told.ledger.age(later(hours)).iter().for_each(|record| told.notifier.late(record, later(hours)));
        };
        for hours in [1, 26, 27] {
            late(hours);
        }
        told.pass(&mirror(&[], &[]));
        let notices = told.waiting();
        let kinds = |index: usize| notices[index].iter().map(|notice| notice.kind).collect::<Vec<_>>();
        use NoticeKind::{Late, Recovered};
        assert_eq!((kinds(0), kinds(1)), (vec![Recovered], vec![Late, Recovered]));
        let text = "java/jdk: late since 2026-09-02T13:00:00Z, a success was due by then; none is known since the start";
        assert_eq!(notices[1][0].text, text);
    }

    #[test]
    fn a_refused_reload_is_told_to_whoever_wants_it_whatever_its_mirrors() {
        let on = "on: [reload_refused]";
        let told = Told::new(&format!(
            "{SLACK}  - {{slack: {{url: 'http://127.0.0.1:9/'}}, {on}, mirrors: [other]}}\npublic_url: 'https://t.example/x'\n"
        ));
        told.notifier.reload_refused("tagferry.yaml:8:1: unknown key `nonsense`", at());
        let [nothing, notices] = &told.waiting()[..] else { panic!() };
        let text = "a new configuration was not taken, the one before stays: tagferry.yaml:8:1: unknown key `nonsense`";
        assert!(nothing.is_empty());
        assert_eq!((notices[0].text.as_str(), notices[0].mirror.as_ref()), (text, None));
        assert_eq!(notices[0].url.as_deref(), Some("https://t.example/x/"));
    }

    #[test]
    fn a_plan_tells_nothing_and_a_pass_that_was_told_to_stop_what_it_copied() {
        let with =
            |ending, pass: MirrorSummary| MirrorSummary { ending, outcome: RunOutcome::Failed, ..pass };
        let told = Told::new(SLACK);
        told.pass(&with(Ending::Planned, mirror(&["21"], &[("25", "503")])));
        told.pass(&with(Ending::Stopped, mirror(&["21"], &[("25", "dropped")])));
        assert_eq!(told.kinds(), [[NoticeKind::Copied]]);
    }

    #[test]
    fn a_full_queue_drops_what_comes_and_blocks_nobody() {
        let told = Told::new(SLACK);
        let summary = mirror(&["21"], &[]);
        for _ in 0..QUEUE_MAX + 3 {
            told.pass(&summary);
        }
        assert_eq!(told.kinds()[0].len(), QUEUE_MAX);
    }
}
