//! The plan: what would make the target equal to the selection, digests pinned.
//!
//! Pure. The plan can be printed before it runs, and the executor decides nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::oci::{Digest, Manifest, ManifestError, Platform, Tag};

/// The manifest that a tag is to point at.
#[derive(Clone, Debug)]
pub enum Root {
    /// As it is at the source.
    Source(Digest),
    /// Made from what is at the source: an index with fewer platforms.
    Made(Manifest),
}

impl Root {
    /// What a tag is to point at where only the `wanted` platforms are. `own` is the platform of an image that is in no
    /// index, where its config names one.
    ///
    /// One wanted platform gives its image alone, several give an index of theirs.
    pub fn of_platforms(
        source: &Manifest,
        own: Option<&Platform>,
        wanted: &[Platform],
    ) -> Result<Self, ManifestError> {
        if !source.media_type().is_index() {
            let fits = own.is_none_or(|own| wanted.iter().any(|wish| wish.accepts(own)));
            let wrong = || ManifestError::no_platform(wanted, own.into_iter());
            return if fits { Ok(Self::Source(source.digest())) } else { Err(wrong()) };
        }
        let filtered = source.filtered(wanted)?;
        match filtered.children() {
            [only] if wanted.len() == 1 => Ok(Self::Source(only.digest)),
            _ => Ok(Self::Made(filtered)),
        }
    }

    /// The digest that the tag will answer with.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Source(digest) => *digest,
            Self::Made(manifest) => manifest.digest(),
        }
    }
}

/// A selected tag, and what the source says that it is.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The tag.
    pub tag: Tag,
    /// What it is to point at; none where the target has the tag and upstream never moves it, so that the source was
    /// not asked.
    pub root: Option<Root>,
}

/// What is to be done with one selected tag.
#[derive(Clone, Debug)]
pub struct Step {
    /// The tag, in source and target alike.
    pub tag: Tag,
    /// What the tag is to point at; it is copied by its digest, never by the tag.
    pub root: Root,
    /// What to do.
    pub action: Action,
    /// Why, for people.
    pub reason: String,
}

impl Step {
    /// The digest that the tag is to answer with.
    pub fn digest(&self) -> Digest {
        self.root.digest()
    }
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
    let step = |Wanted { tag, root }: &Wanted| {
        let (root, action, reason) = match (root.clone(), target.get(tag).copied()) {
            (Some(root), None) => (root, Action::Copy, "missing in target".to_owned()),
            (Some(root), Some(held)) if held == root.digest() => {
                (root, Action::Skip, "target is equal".to_owned())
            }
            (Some(root), Some(held)) if is_immutable(tag) => {
                let reason =
                    format!("target has {} under this tag, and its tags are immutable", held.short());
                (root, Action::Conflict, reason)
            }
            (Some(root), Some(held)) => (root, Action::Copy, format!("target has {}", held.short())),
            (None, Some(held)) => {
                (Root::Source(held), Action::Skip, "target has it, and upstream never moves it".to_owned())
            }
            (None, None) => return None,
        };
        Some(Step { tag: tag.clone(), root, action, reason })
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
        .map(|(name, digest)| Wanted { tag: tag(name), root: digest.map(Root::Source) });
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
