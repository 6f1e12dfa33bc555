//! What is to be in the target: tags by name, pins, and names there.

use super::{apply, newest, tags};
use crate::oci::{Digest, Tag};
use crate::select::{Pick, Reason, Rule, Spec, select};

fn matching(pattern: &str) -> Spec {
    Spec { pattern: pattern.to_owned(), ..Spec::default() }
}

/// The picks as `SOURCE=NAME`, or `NAME` where both are equal; with `!` where they never move, `@` where they are pinned, `?`
/// where there is no such name.
fn picked(text: &str, specs: &[Spec]) -> String {
    let rules: Vec<_> = specs.iter().map(|spec| Rule::new(spec.clone()).unwrap()).collect();
    let shown = |pick: &Pick| {
        let source = pick.wish.tag().map(Tag::to_string).unwrap_or_default();
        let name = pick.name.as_ref().map_or_else(|_| "?".to_owned(), ToString::to_string);
        let name = if name == source { name } else { format!("{source}={name}") };
        let marks = [(pick.immutable, "!"), (pick.wish.digest().is_some(), "@")];
        marks.iter().filter(|(is_set, _)| *is_set).fold(name, |name, (_, mark)| name + mark)
    };
    let picks = select(&tags(text), &rules).picks(&rules);
    picks.iter().map(shown).collect::<Vec<_>>().join(" ")
}

fn named(tag: &str) -> Spec {
    Spec { tag: Some(tag.parse().unwrap()), ..Spec::default() }
}

#[test]
fn a_tag_by_its_name_is_selected_be_it_listed_or_not() {
    let newest_of_21 = Spec { newest: newest(1), ..matching("^21") };
    let rules = [named("21.0.9"), named("latest"), newest_of_21];
    // One that is not listed takes no place among the newest.
    assert_eq!(picked("21.0.7 21.0.8 latest", &rules), "21.0.8 latest 21.0.9");
    let selection = apply("21.0.7 21.0.8 latest", &rules);
    let last = selection.verdicts.last().unwrap();
    assert_eq!((last.tag.as_str(), last.rule, &last.reason), ("21.0.9", Some(0), &Reason::Named));
    let shortfalls: Vec<_> = rules.iter().map(|spec| Rule::new(spec.clone()).unwrap()).collect();
    let shortfalls = selection.shortfalls(&shortfalls);
    assert_eq!(shortfalls.len(), 1);
    assert_eq!(shortfalls[0].to_string(), "tags[0] (tag 21.0.9) is not there; the nearest: 21.0.7, 21.0.8");
}

#[test]
fn names_in_the_target_are_made_by_each_rule_that_selects() {
    let lines = Spec {
        newest: newest(1),
        per: vec!["line".to_owned()],
        names: vec!["{line}-newest".to_owned(), "{tag}".to_owned()],
        ..matching(r"^(?<line>17|21)\.[0-9.]+$")
    };
    let rules = [matching("^21.0.8$"), lines, named("17.0.9")];
    assert_eq!(picked("17.0.9 21.0.8 21.0.7", &rules), "21.0.8 21.0.8=21-newest 17.0.9=17-newest 17.0.9");
    let optional = Spec { names: vec!["{line}".to_owned()], ..matching("^(?<line>17)?.*") };
    assert_eq!(picked("17 21", &[optional]), "21=? 17");
}

#[test]
fn a_pin_goes_with_its_tag_or_alone() {
    let digest = Digest::of(b"pinned");
    let pinned = Spec { digest: Some(digest), ..named("latest") };
    let alone = Spec { digest: Some(digest), ..Spec::default() };
    let called = Spec { names: vec!["2024".to_owned()], ..alone.clone() };
    let expected = format!("latest@ ={digest}@ =2024@");
    assert_eq!(picked("latest", &[pinned, alone, called]), expected);
}

#[test]
fn a_name_that_can_be_none_is_a_fault_of_the_rule() {
    let names = vec!["{tag}".to_owned(), "{line}".to_owned()];
    let errors = Rule::new(Spec { names, ..matching("^21$") }).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(
        (errors[0].field(), errors[0].to_string().as_str()),
        ("as", "`{line}` is neither `{tag}` nor a named group of `match`")
    );
}

#[test]
fn the_first_rule_that_selects_says_whether_a_tag_moves() {
    let rules = [
        Spec { newest: newest(1), ..matching(".") },
        Spec { immutable: true, ..matching("^1") },
        matching("^1.1$"),
    ];
    assert_eq!(picked("1.0 1.1 2.0 latest", &rules), "2.0 1.1! 1.0!");
}
