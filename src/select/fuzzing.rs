//! What holds for whatever tags an upstream makes up. See [`crate::oci::fuzzing`].
#![expect(clippy::missing_panics_doc, reason = "to panic is how a property says that it does not hold")]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::LazyLock;

use crate::oci::Tag;
use crate::select::{Rule, Selection, Spec, Version, select};

/// Triples of so many are compared.
const COMPARED_MAX: usize = 12;
const TAGS_MAX: usize = 100;

/// Some rules: the newest of all, of groups, and of a range.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let newest = NonZeroUsize::new(2);
    let all = || Spec { pattern: ".*".to_owned(), ..Spec::default() };
    let specs = [
        Spec { newest, ..all() },
        Spec {
            newest,
            prereleases: true,
            pattern: "^(?<line>[0-9]+)".to_owned(),
            per: vec!["line".to_owned()],
            ..all()
        },
        Spec { range: ">=8, <26".parse().ok(), except: Some("-slim$".to_owned()), ..all() },
        Spec { newest, pattern: "^(?<variant>[a-z]*)-?(?<version>.*)$".to_owned(), ..all() },
    ];
    specs.into_iter().filter_map(|spec| Rule::new(spec).ok()).collect()
});

/// `Version` and `select`: versions have a total order, and neither the order of tags
/// nor their repetition changes a selection. The input is tags, parted by white space.
pub fn version(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read =
        |text: &str| Version::parse(text).inspect(|(version, variant)| check_read(text, version, variant));
    read(&text);
    let versions: Vec<_> =
        text.split_whitespace().take(TAGS_MAX).filter_map(read).map(|(version, _)| version).collect();
    check_order(&versions[..versions.len().min(COMPARED_MAX)]);
    let mut tags: Vec<Tag> =
        text.split_whitespace().take(TAGS_MAX).filter_map(|tag| tag.parse().ok()).collect();
    assert_eq!(RULES.len(), 4);
    for rules in [&RULES[..1], &RULES[1..2], &RULES[2..3], &RULES[3..], &RULES[..]] {
        let selection = select(&tags, rules);
        tags.reverse();
        assert_eq!(select(&tags, rules), selection);
        let third = tags.len() / 3;
        tags.rotate_left(third);
        let twice = [&*tags, &tags[..tags.len() / 2]].concat();
        assert_eq!(select(&twice, rules), selection);
    }
    check_newest(&select(&tags, &RULES[..1]));
}

fn check_read(text: &str, version: &Version, variant: &str) {
    let printed = version.to_string();
    assert!(printed.starts_with(|first: char| first.is_ascii_digit()), "{text:?}: {printed:?}");
    // Parts that stood apart are joined by dashes.
    assert!(printed.len() + variant.len() <= text.len() + 4, "{text:?}: {printed:?}, {variant:?}");
}

fn check_order(versions: &[Version]) {
    for a in versions {
        assert_eq!(a.cmp(a), Ordering::Equal);
        for b in versions {
            assert_eq!(a.cmp(b), b.cmp(a).reverse(), "{a}, {b}");
            assert_eq!(a == b, a.cmp(b) == Ordering::Equal, "{a}, {b}");
            for c in versions {
                assert!(!(a <= b && b <= c) || a <= c, "{a}, {b}, {c}");
            }
        }
    }
}

/// Of each variant the two newest versions are selected, and all tags of these.
fn check_newest(selection: &Selection) {
    let mut variants: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for verdict in &selection.verdicts {
        match &verdict.version {
            Some(version) if !version.is_prerelease() => {
                variants.entry(&*verdict.variant).or_default().push((version, verdict.is_selected()));
            }
            _ => assert!(!verdict.is_selected(), "{}", verdict.tag),
        }
    }
    for (variant, mut members) in variants {
        members.sort_by(|(a, _), (b, _)| b.cmp(a));
        for (rank, same) in members.chunk_by(|(a, _), (b, _)| a == b).enumerate() {
            assert!(same.iter().all(|(_, is_selected)| *is_selected == (rank < 2)), "{variant}: {same:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_properties_hold_for_the_seeds() {
        crate::oci::fuzzing::check_seeds("version", version);
    }
}
