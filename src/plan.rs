//! The plan: what would make the target equal to the selection, digests pinned.
//!
//! Pure. The plan can be printed before it runs, and the executor decides nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::oci::{Digest, Tag};

/// A selected tag, and what the source says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The tag.
    pub tag: Tag,
    /// Its digest at the source; none where the target has the tag and upstream never moves it, so that the
    /// source was not asked.
    pub digest: Option<Digest>,
}

/// What is to be done with one selected tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The tag, in source and target alike.
    pub tag: Tag,
    /// What the source says that the tag is; it is copied by this digest, never by the tag.
    pub digest: Digest,
    /// What to do.
    pub action: Action,
    /// Why, for people.
    pub reason: String,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Copy the image and set the tag.
    Copy,
    /// The target has it already.
    Skip,
    /// The target has another image under this tag and forbids to move the tag.
    Conflict,
}

/// Compares what the source says with what the target holds.
///
/// `is_immutable` says whether the target forbids to move a tag that it has.
pub fn plan(
    wanted: &[Wanted],
    target: &BTreeMap<Tag, Digest>,
    is_immutable: impl Fn(&Tag) -> bool,
) -> Vec<Step> {
    let step = |Wanted { tag, digest }: &Wanted| {
        let (digest, action, reason) = match (*digest, target.get(tag).copied()) {
            (Some(digest), None) => (digest, Action::Copy, "missing in target".to_owned()),
            (Some(digest), Some(held)) if held == digest => {
                (digest, Action::Skip, "target is equal".to_owned())
            }
            (Some(digest), Some(held)) if is_immutable(tag) => {
                let reason =
                    format!("target has {} under this tag, and its tags are immutable", held.short());
                (digest, Action::Conflict, reason)
            }
            (Some(digest), Some(held)) => (digest, Action::Copy, format!("target has {}", held.short())),
            (None, Some(held)) => {
                (held, Action::Skip, "target has it, and upstream never moves it".to_owned())
            }
            (None, None) => return None,
        };
        Some(Step { tag: tag.clone(), digest, action, reason })
    };
    wanted.iter().filter_map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_gets_the_step_that_makes_it_equal() {
        let tag = |text: &str| text.parse::<Tag>().unwrap();
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let wanted = [
            ("missing", Some(new)),
            ("equal", Some(new)),
            ("moved", Some(new)),
            ("fixed", Some(new)),
            ("unasked", None),
        ]
        .map(|(name, digest)| Wanted { tag: tag(name), digest });
        let target = [("equal", new), ("moved", old), ("fixed", old), ("unasked", old), ("alien", old)];
        let target = target.map(|(name, digest)| (tag(name), digest)).into();
        let steps = plan(&wanted, &target, |tag| tag.as_str() == "fixed" || tag.as_str() == "equal");
        let actions: Vec<_> = steps.iter().map(|step| (step.tag.as_str(), step.action)).collect();
        let expected = [
            ("missing", Action::Copy),
            ("equal", Action::Skip),
            ("moved", Action::Copy),
            ("fixed", Action::Conflict),
            ("unasked", Action::Skip),
        ];
        assert_eq!(actions, expected);
    }
}
