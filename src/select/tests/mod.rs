//! Rules against real tags, and the properties that hold for all.

mod anchors;
mod lists;
mod oracle;
mod order;
mod others;
mod picks;
mod rules;
mod warnings;

use std::num::NonZeroUsize;

use crate::oci::Tag;
use crate::select::{Rule, Selection, Spec, select};

/// Tags separated by white space.
fn tags(text: &str) -> Vec<Tag> {
    text.split_whitespace().map(|tag| tag.parse().unwrap()).collect()
}

fn everything() -> Spec {
    Spec { pattern: ".*".to_owned(), ..Spec::default() }
}

fn newest(count: usize) -> Option<NonZeroUsize> {
    NonZeroUsize::new(count)
}

fn apply(text: &str, specs: &[Spec]) -> Selection {
    let rules: Vec<_> = specs.iter().map(|spec| Rule::new(spec.clone()).unwrap()).collect();
    select(&tags(text), &rules)
}

fn selected(text: &str, specs: &[Spec]) -> String {
    let selection = apply(text, specs);
    let tags: Vec<_> = selection.selected().map(|verdict| verdict.tag.as_str()).collect();
    tags.join(" ")
}

/// Checks what `match: .*` selects with `newest: 3` and with `newest: 1`: of every variant the tags of a row, and
/// the first of them. `unversioned` are all the tags that it can never select.
#[track_caller]
fn check_newest(text: &str, expected: &[(&str, &str)], unversioned: &str) {
    let expect = |keep: usize| -> Vec<_> {
        let keep = |(variant, row): &(&str, &str)| {
            row.split_whitespace().take(keep).map(|tag| format!("{variant}: {tag}")).collect::<Vec<_>>()
        };
        expected.iter().flat_map(keep).collect()
    };
    for count in [3, 1] {
        let selection = apply(text, &[Spec { newest: newest(count), ..everything() }]);
        let found: Vec<_> =
            selection.selected().map(|verdict| format!("{}: {}", verdict.variant, verdict.tag)).collect();
        assert_eq!(found, expect(count), "newest {count}");
        let without: Vec<_> =
            selection.verdicts.iter().filter(|v| v.version.is_none()).map(|v| v.tag.as_str()).collect();
        assert_eq!(without.join(" "), unversioned);
    }
}
