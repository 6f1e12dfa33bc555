//! The plan: what would make the target equal to the selection, digests pinned.
//!
//! Pure. The plan can be printed before it runs, and the executor decides nothing.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use crate::oci::{Digest, Manifest, ManifestError, Platform, Reference, Tag};
use crate::text::excerpt;

/// The manifest that a tag is to point at.
#[derive(Clone, Debug)]
pub enum Root {
    /// As it is at the source.
    Source(Digest),
    /// Made from what is at the source: an index with fewer platforms.
    Made(Manifest),
}

/// What a tag is to point at where only some platforms are wanted.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What it is to point at.
    pub root: Root,
    /// The wanted platforms that are not offered, while others are.
    pub missing: Vec<Platform>,
}

/// Why a tag can be given no platforms.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// None of the wanted platforms is offered.
    #[error("none of the platforms {wanted} is offered; offered: {offered}")]
    NoPlatform {
        /// What was asked for.
        wanted: String,
        /// What there is.
        offered: String,
    },
    /// An index that cannot be made smaller.
    #[error(transparent)]
    Index(#[from] ManifestError),
}

/// Chooses what a tag is to point at where only the `wanted` platforms are. `offered` has the platform of each child of an
/// index, or that of an image which is in none.
///
/// One wanted platform gives its image alone, several give an index of theirs: the source's own where it has no others.
/// What is for no platform at all, such as an artifact, is taken whole.
pub fn choose(
    source: &Manifest,
    offered: &[Option<Platform>],
    wanted: &[Platform],
) -> Result<Choice, ChoiceError> {
    let known = || offered.iter().flatten();
    let is_wanted = |platform: &Platform| wanted.iter().any(|wish| wish.accepts(platform));
    if known().next().is_none() {
        return Ok(Choice { root: Root::Source(source.digest()), missing: Vec::new() });
    }
    if !known().any(is_wanted) {
        let list = |platforms: Vec<String>| excerpt(&platforms.join(", "));
        return Err(ChoiceError::NoPlatform {
            wanted: list(wanted.iter().map(Platform::to_string).collect()),
            offered: list(known().map(Platform::to_string).collect()),
        });
    }
    let missing = wanted.iter().filter(|wish| !known().any(|platform| wish.accepts(platform)));
    let missing = missing.cloned().collect();
    if !source.media_type().is_index() {
        return Ok(Choice { root: Root::Source(source.digest()), missing });
    }
    let platforms = source.children().iter().zip(offered);
    let kept: BTreeSet<Digest> = platforms
        .filter(|(_, platform)| platform.as_ref().is_some_and(is_wanted))
        .map(|(child, _)| child.digest)
        .collect();
    let filtered = source.filtered(|child| kept.contains(&child.digest))?;
    let root = match filtered.children() {
        [only] if wanted.len() == 1 => Root::Source(only.digest),
        // Other bytes would be another digest for nothing, which no signature is about.
        all if all.len() == source.children().len() => Root::Source(source.digest()),
        _ => Root::Made(filtered),
    };
    Ok(Choice { root, missing })
}

impl Root {
    /// The digest that the tag will answer with.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Source(digest) => *digest,
            Self::Made(manifest) => manifest.digest(),
        }
    }
}

/// What is to be in the target under a name, and what the source says that it is.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The name in the target: a tag, or a digest for an image that gets none.
    pub name: Reference,
    /// The source's tag; none where the image was chosen by its digest.
    pub source_tag: Option<Tag>,
    /// The rule that wants it, counted from 0.
    pub rule: usize,
    /// What it is to point at; none where the target has the tag and upstream never moves it, so that the source was
    /// not asked.
    pub root: Option<Root>,
}

/// What is to be done with one selected tag.
#[derive(Clone, Debug)]
pub struct Step {
    /// The name in the target: a tag, or a digest for an image that gets none.
    pub tag: Reference,
    /// The source's tag; none where the image was chosen by its digest.
    pub source_tag: Option<Tag>,
    /// What the tag is to point at; it is copied by its digest, never by the tag.
    pub root: Root,
    /// What the target has under the name instead, if it has another image there.
    pub previous: Option<Digest>,
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
    /// The target has another image under this tag and forbids to move the tag, or another one is wanted there, too.
    Conflict,
}

/// What lets a tag move in ECR, which alone has immutable tags.
const TO_MOVE: &str =
    "let the tag move (`aws ecr put-image-tag-mutability` can except it), or take it out of the rules";

/// Compares what the source says with what the target holds.
///
/// `held` says what the target has under a name, `is_immutable` whether it forbids to move a tag that it has. A name that
/// is wanted for several images is a conflict of each of them; for one image it is one step, however often it is wanted.
pub fn plan(
    wanted: &[Wanted],
    held: impl Fn(&Reference) -> Option<Digest>,
    is_immutable: impl Fn(&Tag) -> bool,
) -> Vec<Step> {
    let digest = |wanted: &Wanted| wanted.root.as_ref().map(Root::digest).or_else(|| held(&wanted.name));
    let mut by_name: HashMap<&Reference, Vec<&Wanted>> = HashMap::with_capacity(wanted.len());
    for wanted in wanted {
        let others = by_name.entry(&wanted.name).or_default();
        if others.iter().all(|other| digest(other) != digest(wanted)) {
            others.push(wanted);
        }
    }
    let step = |wanted: &Wanted| {
        let others = by_name.get(&wanted.name).into_iter().flatten();
        let is_first = others.clone().any(|other| std::ptr::eq(*other, wanted));
        let rival = others.clone().find(|other| digest(other) != digest(wanted));
        let Wanted { name, source_tag, root, .. } = wanted;
        let (root, action, reason) = match (root.clone(), held(name)) {
            _ if !is_first => return None,
            (root, _) if rival.is_some() => {
                let root = root.or_else(|| digest(wanted).map(Root::Source))?;
                (
                    root,
                    Action::Conflict,
                    rival.map(|rival| contested(wanted, rival, digest(rival))).unwrap_or_default(),
                )
            }
            (Some(root), None) => (root, Action::Copy, "missing in target".to_owned()),
            (Some(root), Some(held)) if held == root.digest() => {
                (root, Action::Skip, "target is equal".to_owned())
            }
            (Some(root), Some(held)) if name.tag().is_some_and(&is_immutable) => {
                let reason = format!(
                    "target has {} under this tag, and its tags are immutable: {TO_MOVE}",
                    held.short()
                );
                (root, Action::Conflict, reason)
            }
            (Some(root), Some(held)) => (root, Action::Copy, format!("moved: target has {}", held.short())),
            (None, Some(held)) => {
                (Root::Source(held), Action::Skip, "target has it, and upstream never moves it".to_owned())
            }
            (None, None) => return None,
        };
        let previous = held(name).filter(|held| *held != root.digest());
        Some(Step { tag: name.clone(), source_tag: source_tag.clone(), root, previous, action, reason })
    };
    wanted.iter().filter_map(step).collect()
}

/// Two images are wanted under one name.
fn contested(one: &Wanted, other: &Wanted, other_digest: Option<Digest>) -> String {
    let other_tag = other.source_tag.as_ref().map(|tag| format!("{tag} ")).unwrap_or_default();
    let other_digest = other_digest.map(|digest| digest.short()).unwrap_or_default();
    let rules = if one.rule == other.rule {
        format!("tags[{}] gives", one.rule)
    } else {
        format!("tags[{}] wants it here, tags[{}] gives", one.rule, other.rule)
    };
    format!("{rules} this name to {other_tag}({other_digest}) as well: give each a name of its own by `as`")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// An index with one child for each platform, empty for none.
    fn index(platforms: &[&str]) -> (Manifest, Vec<Option<Platform>>) {
        let child = |platform: &&str| {
            let digest = Digest::of(platform.as_bytes());
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":1}}"#
            )
        };
        let children: Vec<_> = platforms.iter().map(child).collect();
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, children.join(","));
        let index = Manifest::parse(Bytes::from(text), None).unwrap();
        (index, platforms.iter().map(|platform| platform.parse().ok()).collect())
    }

    /// The platforms that are kept, and those that are missing.
    #[track_caller]
    fn check(offered: &[&str], wanted: &[&str], kept: &[&str], missing: &[&str]) {
        let (source, platforms) = index(offered);
        let wanted: Vec<Platform> = wanted.iter().map(|wish| wish.parse().unwrap()).collect();
        let choice = choose(&source, &platforms, &wanted).unwrap();
        let digests: Vec<_> = match &choice.root {
            Root::Source(digest) => vec![*digest],
            Root::Made(made) => made.children().iter().map(|child| child.digest).collect(),
        };
        assert_eq!(digests, kept.iter().map(|platform| Digest::of(platform.as_bytes())).collect::<Vec<_>>());
        assert_eq!(choice.missing.iter().map(Platform::to_string).collect::<Vec<_>>(), missing);
    }

    #[test]
    fn an_index_of_the_wanted_platforms_alone_stays_as_it_is() {
        let (source, platforms) = index(&["linux/amd64", "linux/arm64"]);
        let choose = |wanted: &[&str]| {
            let wanted: Vec<Platform> = wanted.iter().map(|wish| wish.parse().unwrap()).collect();
            choose(&source, &platforms, &wanted).unwrap().root
        };
        assert_eq!(choose(&["linux/arm64", "linux/amd64"]).digest(), source.digest());
        assert!(matches!(choose(&["linux/arm64", "linux/amd64", "windows/amd64"]), Root::Source(_)));
        assert_eq!(choose(&["linux/amd64"]).digest(), Digest::of(b"linux/amd64"));
    }

    #[test]
    fn the_wanted_platforms_are_chosen_and_the_missing_ones_told() {
        let offered = ["linux/amd64", "linux/arm64", "", "linux/s390x"];
        check(&offered, &["linux/arm64"], &["linux/arm64"], &[]);
        check(&offered, &["linux/s390x", "linux/amd64"], &["linux/amd64", "linux/s390x"], &[]);
        check(&offered, &["linux/amd64", "linux/arm/v7"], &["linux/amd64"], &["linux/arm/v7"]);
    }

    #[test]
    fn what_is_for_no_platform_is_taken_whole() {
        let (source, platforms) = index(&["", ""]);
        let choice = choose(&source, &platforms, &["linux/amd64".parse().unwrap()]).unwrap();
        assert!(matches!(choice.root, Root::Source(digest) if digest == source.digest()));
        assert!(choice.missing.is_empty());
    }

    #[test]
    fn no_wanted_platform_is_a_failure_that_fits_into_a_message() {
        let long = format!("linux/{}", "x".repeat(10_000));
        let (source, platforms) = index(&[&long]);
        let error = choose(&source, &platforms, &["linux/amd64".parse().unwrap()]).unwrap_err().to_string();
        assert!(
            error.starts_with("none of the platforms linux/amd64 is offered; offered: linux/xxx"),
            "{error}"
        );
        assert!(error.len() < 1000, "{error}");
    }

    #[test]
    fn each_tag_gets_the_step_that_makes_it_equal() {
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let wanted = [
            ("missing", Some(new)),
            ("equal", Some(new)),
            ("moved", Some(new)),
            ("fixed", Some(new)),
            ("unasked", None),
        ]
        .map(|(name, digest)| wanted(name, name, digest));
        let target = [("equal", new), ("moved", old), ("fixed", old), ("unasked", old), ("alien", old)];
        let target: HashMap<Reference, _> =
            target.map(|(name, digest)| (name.parse().unwrap(), digest)).into();
        let held = |name: &Reference| target.get(name).copied();
        let steps = plan(&wanted, held, |tag| tag.as_str() == "fixed" || tag.as_str() == "equal");
        let actions: Vec<_> = steps.iter().map(|step| (step.tag.to_string(), step.action)).collect();
        let expected = [
            ("missing", Action::Copy),
            ("equal", Action::Skip),
            ("moved", Action::Copy),
            ("fixed", Action::Conflict),
            ("unasked", Action::Skip),
        ];
        assert_eq!(actions, expected.map(|(name, action)| (name.to_owned(), action)));
    }

    fn wanted(source: &str, name: &str, digest: Option<Digest>) -> Wanted {
        Wanted {
            name: name.parse().unwrap(),
            source_tag: source.parse().ok(),
            rule: 0,
            root: digest.map(Root::Source),
        }
    }

    #[test]
    fn one_name_for_two_images_is_a_conflict_of_both_that_names_both() {
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let other = Wanted { rule: 1, ..wanted("21.0.8", "21-newest", Some(new)) };
        let wanted = [wanted("21.0.7", "21-newest", Some(old)), other, wanted("21.0.8", "free", Some(new))];
        let steps = plan(&wanted, |_| None, |_| false);
        let told: Vec<_> = steps.iter().map(|step| (step.action, step.reason.as_str())).collect();
        let says = |(action, reason): (Action, &str), words: [&str; 2]| {
            assert_eq!(action, Action::Conflict);
            assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
        };
        says(told[0], ["tags[1] gives this name to 21.0.8", &new.short()]);
        says(told[1], ["tags[0] gives this name to 21.0.7", &old.short()]);
        assert_eq!(told[2].0, Action::Copy);
    }

    #[test]
    fn one_name_for_one_image_is_one_step_however_often_it_is_wanted() {
        let new = Digest::of(b"new");
        let wanted = [wanted("21", "lts", Some(new)), wanted("21.0.8", "lts", Some(new))];
        let steps = plan(&wanted, |_| None, |_| false);
        assert_eq!(steps.iter().map(|step| step.action).collect::<Vec<_>>(), [Action::Copy]);
    }
}
