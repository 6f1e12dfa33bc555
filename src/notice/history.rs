//! What is worth telling of a pass, by what came of the one before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::event::{Ending, MirrorSummary, RunOutcome, TagOutcome};
use crate::notice::{Notice, TagNotice};

/// The mirrors whose last pass failed, and what failed then.
#[derive(Debug, Default)]
pub(super) struct History(BTreeMap<String, BTreeSet<Trouble>>);

/// One thing that failed: a tag, or the mirror as a whole.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Trouble {
    tag: Option<String>,
    error: String,
}

impl History {
    /// What is to be told now that a pass ended so.
    ///
    /// A failure is told when the pass before did not fail, or is not known, and when something fails that did not
    /// fail then or fails otherwise. A plan changes nothing. A pass that only fails because it was told to stop says
    /// nothing about the mirror, but its new tags are there all the same.
    pub(super) fn judge(&mut self, mirror: &MirrorSummary, at: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        if mirror.ending == Ending::Planned {
            return notices;
        }
        let copied = tags(mirror, TagOutcome::Copied);
        if !copied.is_empty() {
            notices.push(Notice::copied(mirror, copied, at));
        }
        match (mirror.ending, mirror.outcome) {
            (Ending::Finished, RunOutcome::Failed) => {
                let now = troubles(mirror);
                let is_old = self.0.get(&mirror.name).is_some_and(|before| now.is_subset(before));
                if !is_old {
                    notices.push(Notice::failed(mirror, tags(mirror, TagOutcome::Failed), at));
                }
                self.0.insert(mirror.name.clone(), now);
            }
            (Ending::Finished, RunOutcome::Succeeded) => {
                if self.0.remove(&mirror.name).is_some() {
                    notices.push(Notice::recovered(mirror, at));
                }
            }
            (Ending::Planned | Ending::Stopped, _) => {}
        }
        notices
    }
}

fn tags(mirror: &MirrorSummary, outcome: TagOutcome) -> Vec<TagNotice> {
    mirror.tags.iter().filter(|tag| tag.outcome == Some(outcome)).map(TagNotice::from).collect()
}

/// Tags that were not started fail for something that is told already.
fn troubles(mirror: &MirrorSummary) -> BTreeSet<Trouble> {
    let tags = mirror.tags.iter().filter(|tag| tag.outcome == Some(TagOutcome::Failed));
    let of_tags = tags.map(|tag| Trouble {
        tag: Some(tag.tag.as_str().to_owned()),
        error: likeness(tag.error.as_deref().unwrap_or_default()),
    });
    let whole = mirror.error.as_deref().map(|error| Trouble { tag: None, error: likeness(error) });
    of_tags.chain(whole).collect()
}

/// What stays of an error from pass to pass. Words with a digit do not: they are request ids, times, counts of bytes.
fn likeness(error: &str) -> String {
    let words = error
        .split_whitespace()
        .map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NoticeKind;
    use crate::notice::document::tests::{at, mirror};

    /// What is told of each of these passes, in words.
    #[track_caller]
    fn check(passes: &[MirrorSummary], expected: &[&[NoticeKind]]) {
        let mut history = History::default();
        let told: Vec<Vec<NoticeKind>> = passes
            .iter()
            .map(|pass| history.judge(pass, at()).into_iter().map(|notice| notice.kind).collect())
            .collect();
        assert_eq!(told, expected);
    }

    const COPIED: &[NoticeKind] = &[NoticeKind::Copied];
    const FAILED: &[NoticeKind] = &[NoticeKind::Failed];
    const RECOVERED: &[NoticeKind] = &[NoticeKind::Recovered];
    const NOTHING: &[NoticeKind] = &[];

    fn quiet() -> MirrorSummary {
        mirror(&[], &[])
    }

    fn fails(error: &str) -> MirrorSummary {
        MirrorSummary { outcome: RunOutcome::Failed, error: Some(error.to_owned()), ..quiet() }
    }

    fn with(ending: Ending, pass: MirrorSummary) -> MirrorSummary {
        MirrorSummary { ending, ..pass }
    }

    #[test]
    fn new_tags_are_told_and_a_pass_without_any_is_not() {
        check(&[mirror(&["21", "25"], &[]), quiet()], &[COPIED, NOTHING]);
        let notices = History::default().judge(&mirror(&["21", "25"], &[]), at());
        let tags: Vec<&str> = notices[0].tags.iter().map(|tag| tag.tag.as_str()).collect();
        assert_eq!(tags, ["21", "25"]);
    }

    #[test]
    fn a_failure_is_told_once_and_its_end_too() {
        let passes = [fails("denied"), fails("denied"), quiet(), quiet(), fails("denied")];
        check(&passes, &[FAILED, NOTHING, RECOVERED, NOTHING, FAILED]);
    }

    #[test]
    fn another_failure_is_told() {
        check(&[fails("denied"), fails("no answer"), fails("no answer")], &[FAILED, FAILED, NOTHING]);
    }

    #[test]
    fn what_differs_in_every_answer_is_no_other_failure() {
        let text = |id| format!("PutImage: ServerException: try later (AWS request id {id})");
        check(&[fails(&text("7f3a-1")), fails(&text("0b2c-9"))], &[FAILED, NOTHING]);
    }

    #[test]
    fn one_more_tag_that_fails_is_told_and_one_fewer_is_not() {
        let (one, two) = (mirror(&[], &[("21", "503")]), mirror(&[], &[("21", "503"), ("25", "503")]));
        check(&[one.clone(), two, one, quiet()], &[FAILED, FAILED, NOTHING, RECOVERED]);
    }

    #[test]
    fn tags_that_arrive_in_a_failing_pass_are_told_too() {
        let notices = History::default().judge(&mirror(&["21"], &[("25", "503")]), at());
        let told: Vec<_> = notices.iter().map(|notice| (notice.kind, notice.tags[0].tag.as_str())).collect();
        assert_eq!(told, [(NoticeKind::Copied, "21"), (NoticeKind::Failed, "25")]);
    }

    #[test]
    fn a_plan_tells_nothing_and_changes_nothing() {
        let passes =
            [fails("denied"), with(Ending::Planned, quiet()), with(Ending::Planned, fails("else")), quiet()];
        check(&passes, &[FAILED, NOTHING, NOTHING, RECOVERED]);
    }

    #[test]
    fn being_told_to_stop_is_no_failure_and_no_recovery() {
        let stopped = |pass| with(Ending::Stopped, pass);
        check(&[stopped(fails("stopped before its end")), quiet()], &[NOTHING, NOTHING]);
        check(&[stopped(mirror(&["21"], &[("25", "dropped")]))], &[COPIED]);
        check(&[fails("denied"), stopped(fails("stopped")), quiet()], &[FAILED, NOTHING, RECOVERED]);
    }

    #[test]
    fn mirrors_are_judged_each_by_its_own_past() {
        let other = MirrorSummary { name: "other".to_owned(), ..fails("denied") };
        check(&[fails("denied"), other, quiet()], &[FAILED, FAILED, RECOVERED]);
    }
}
