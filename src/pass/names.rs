//! Who gave which name to what in a target that several mirrors share.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::oci::{Digest, Reference, Tag};
use crate::plan::{Action, Step};

/// More names of one mirror are not compared with those of others: a megabyte or two.
const NAMES_MAX: usize = 10_000;

/// The last selections of the mirrors into one target, as long as a configuration counts.
#[derive(Debug, Default)]
pub struct Names {
    /// By mirror. Held for look-ups only.
    last: Mutex<HashMap<String, HashMap<Reference, Claim>>>,
}

/// What a mirror wants under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    digest: Digest,
    source: String,
    source_tag: Option<Tag>,
}

impl Names {
    /// Whether it is known what a mirror wants.
    pub(super) fn know(&self, mirror: &str) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).contains_key(mirror)
    }

    /// Takes what a mirror wants in place of what it wanted before; steps for names that another one gave to another image
    /// become conflicts. A part of a selection replaces nothing else.
    pub(super) fn settle(&self, (mirror, source): (&str, &str), steps: &mut [Step], is_whole: bool) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let claim = |step: &Step| Claim {
            digest: step.digest(),
            source: source.to_owned(),
            source_tag: step.source_tag.clone(),
        };
        for step in &mut *steps {
            let mine = claim(step);
            let others = last.iter().filter(|(other, _)| *other != mirror);
            let rival = others.filter_map(|(other, names)| Some((other, names.get(&step.tag)?)));
            if let Some((other, theirs)) = rival.clone().find(|(_, theirs)| theirs.contests(&mine)) {
                let their_tag = theirs.source_tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
                step.action = Action::Conflict;
                step.reason = format!(
                    "mirror {other} gives this name to {}{their_tag} ({}), this one to {}: give each a name of its own by `as`",
                    theirs.source,
                    theirs.digest.short(),
                    mine.digest.short()
                );
            }
        }
        let names = last.entry(mirror.to_owned()).or_default();
        if is_whole {
            names.clear();
        }
        if names.len() + steps.len() <= NAMES_MAX {
            names.extend(steps.iter().map(|step| (step.tag.clone(), claim(step))));
        }
    }
}

impl Claim {
    /// Whether both cannot have the name. One tag of one source that moves meanwhile is no contest.
    fn contests(&self, other: &Self) -> bool {
        let is_one_tag = self.source_tag.is_some() && self.source_tag == other.source_tag;
        self.digest != other.digest && !(is_one_tag && self.source == other.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Root;

    fn step(name: &str, tag: &str, content: &str) -> Step {
        Step {
            tag: name.parse().unwrap(),
            source_tag: tag.parse().ok(),
            root: Root::Source(Digest::of(content.as_bytes())),
            previous: None,
            action: Action::Copy,
            reason: String::new(),
        }
    }

    /// The steps that are conflicts.
    fn settled(names: &Names, mirror: &str, steps: &[(&str, &str, &str)]) -> Vec<String> {
        let mut steps: Vec<_> = steps.iter().map(|(name, tag, content)| step(name, tag, content)).collect();
        names.settle((mirror, &format!("quay.io/{mirror}")), &mut steps, true);
        let conflicts = steps.iter().filter(|step| step.action == Action::Conflict);
        conflicts.map(|step| format!("{}: {}", step.tag, step.reason)).collect()
    }

    #[test]
    fn a_name_that_another_mirror_gave_to_another_image_is_a_conflict_that_names_both() {
        let names = Names::default();
        assert!(settled(&names, "a", &[("1", "1", "x"), ("2", "2", "y")]).is_empty());
        let conflicts = settled(&names, "b", &[("1", "1", "z"), ("2", "2", "y"), ("3", "3", "z")]);
        assert_eq!(conflicts.len(), 1);
        assert!(conflicts[0].starts_with("1: mirror a gives this name to quay.io/a:1"), "{conflicts:?}");
        assert_eq!(settled(&names, "a", &[("1", "1", "x")]).len(), 1, "the first one learns of it, too");
        assert!(settled(&names, "b", &[("2", "2", "y")]).is_empty());
        assert!(settled(&names, "a", &[("1", "1", "x")]).is_empty(), "who gives it up, ends it");
    }

    #[test]
    fn a_tag_that_moves_between_two_mirrors_of_one_source_is_no_conflict() {
        let names = Names::default();
        let settle = |mirror: &str, content: &str| {
            let mut steps = [step("latest", "latest", content)];
            names.settle((mirror, "quay.io/a"), &mut steps, true);
            steps[0].action
        };
        assert_eq!([settle("a", "x"), settle("b", "y"), settle("a", "y")], [Action::Copy; 3]);
    }

    #[test]
    fn it_is_bounded() {
        let names = Names::default();
        let mut steps: Vec<_> = (0..=NAMES_MAX).map(|number| step(&format!("t{number}"), "x", "y")).collect();
        names.settle(("a", "quay.io/a"), &mut steps, true);
        assert!(names.last.lock().unwrap()["a"].is_empty());
        names.settle(("a", "quay.io/a"), &mut steps[1..], true);
        assert_eq!(names.last.lock().unwrap()["a"].len(), NAMES_MAX);
    }
}
