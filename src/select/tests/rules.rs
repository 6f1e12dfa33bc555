//! What the keys of a rule do, alone and together.

use std::num::NonZeroUsize;

use super::{apply, everything, newest, selected, tags};
use crate::oci::Digest;
use crate::select::{Reason, Rule, RuleError, Spec, select};

fn matching(pattern: &str) -> Spec {
    Spec { pattern: pattern.to_owned(), ..Spec::default() }
}

#[track_caller]
fn check_errors(spec: Spec, expected: &[(&str, &str)]) {
    let errors = Rule::new(spec).err().unwrap_or_default();
    let found: Vec<_> = errors.iter().map(|error| (error.field(), error.to_string())).collect();
    let expected: Vec<_> = expected.iter().map(|&(field, text)| (field, text.to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_fault_is_reported() {
    let per = vec!["line".to_owned(), "lin".to_owned()];
    let spec = Spec { except: Some("[".to_owned()), per, ..matching("^(?<line>21)$") };
    check_errors(
        spec,
        &[
            ("except", "not a regular expression: unclosed character class, at character 1, `[`"),
            ("per", "no group named `lin` in `match`"),
        ],
    );
    // Without a pattern nothing can be said of its groups.
    let spec = Spec { except: Some("(".to_owned()), per: vec!["line".to_owned()], ..matching("(?<line>21") };
    check_errors(
        spec,
        &[
            ("match", "not a regular expression: unclosed group, at character 1, `(?<line>21`"),
            ("except", "not a regular expression: unclosed group, at character 1, `(`"),
        ],
    );
}

#[test]
fn which_names_a_rule_may_give_is_known_without_a_tag() {
    let named = |spec: Spec, name: &str| Spec { names: vec![name.to_owned()], ..spec };
    let latest = Spec { tag: "latest".parse().ok(), ..Spec::default() };
    let check = |spec: Spec, may: &str, may_not: &str| {
        let rule = Rule::new(spec).unwrap();
        assert!(tags(may).iter().all(|name| rule.may_name(name)), "{may}");
        assert!(!tags(may_not).iter().any(|name| rule.may_name(name)), "{may_not}");
    };
    check(Spec { except: Some("-rc".to_owned()), ..matching("^1") }, "1.2", "2.0 1.2-rc1");
    check(named(matching("."), "b-{tag}"), "b-1 b-", "a-1 1");
    check(named(matching("^(?<line>21)"), "{line}-newest"), "21-newest", "21-old 21");
    check(latest.clone(), "latest", "1.2");
    check(named(latest, "stable"), "stable", "latest");
    check(Spec { digest: Some(Digest::of(b"x")), ..Spec::default() }, "", "latest");
}

#[test]
fn the_place_in_per_is_reported() {
    let per = vec!["line".to_owned(), "lin".to_owned()];
    let errors = Rule::new(Spec { per, ..matching("^(?<line>21)$") }).unwrap_err();
    assert_eq!(errors, [RuleError::Per { group: "lin".to_owned(), index: 1 }]);
}

#[test]
fn patterns_are_limited() {
    check_errors(
        matching(r"(\w{1,500}){1,500}"),
        &[("match", "too large a regular expression: compiles to more than 524288 bytes")],
    );
    let long = "21|".repeat(6000);
    check_errors(
        matching(&long),
        &[("match", "too long a regular expression: 18000 bytes, of 16384 at the most")],
    );
    assert!(Rule::new(matching(r"^\w{1,128}-\d{1,128}$")).is_ok());
    // With all of Unicode's letters this would be a hundred times as large.
    assert!(Rule::new(matching(r"^(\w{1,50}-){20}$")).is_ok());
}

#[test]
fn what_only_unicode_has_may_be_named() {
    assert_eq!(selected("ab 21 a1", &[matching(r"^\pL+$")]), "ab");
    assert_eq!(selected("ab 21", &[matching("^[^é]b$")]), "ab");
}

#[test]
fn patterns_are_anchored_only_where_they_say_so() {
    assert_eq!(selected("21 21.0.1 1.21", &[matching("21")]), "21.0.1 21 1.21");
    assert_eq!(selected("21 21.0.1 1.21", &[matching("^21$")]), "21");
}

#[test]
fn the_version_group_is_compared_instead_of_the_tag() {
    let rule = Spec { newest: newest(1), ..matching(r"^go(?<version>[0-9.]+)(-.*)?$") };
    assert_eq!(selected("go1.9 go1.22.1-x go1.22", std::slice::from_ref(&rule)), "go1.22.1-x");
    let selection = apply("go1.9 go1.22.1-x", &[rule]);
    let read: Vec<_> =
        selection.verdicts.iter().map(|v| (v.version.as_ref().unwrap().to_string(), &*v.variant)).collect();
    assert_eq!(read, [("1.22.1".to_owned(), ""), ("1.9".to_owned(), "")]);
}

#[test]
fn a_version_group_that_took_no_part_is_no_version() {
    let rule = Spec { newest: newest(1), ..matching(r"^(?:go(?<version>[0-9.]+)|[0-9.]+)$") };
    assert_eq!(selected("go1.9 2.0", &[rule]), "go1.9");
}

#[test]
fn the_variant_group_replaces_the_detected_one() {
    let text = "21.0.1-ol8 21.0.2-ol9 21.0.3-slim-ol9 21.0.4";
    let rule = Spec { newest: newest(1), ..matching("(?<variant>slim)?") };
    assert_eq!(selected(text, std::slice::from_ref(&rule)), "21.0.4");
    let rule = Spec { newest: newest(1), ..matching("^[0-9.]+-?(?<variant>slim)?") };
    assert_eq!(selected(text, &[rule]), "21.0.4 21.0.3-slim-ol9");
}

#[test]
fn a_version_group_is_compared_whole() {
    let rule = Spec { newest: newest(1), ..matching(r"^(?<version>8\.9-[0-9]+)(?<variant>)$") };
    assert_eq!(selected("8.9-1107 8.9-1161", &[rule]), "8.9-1161");
    let rule = Spec { newest: newest(1), ..matching(r"^(?<version>.*)-ol9$") };
    assert_eq!(selected("1.2-java17-3-ol9 1.2-java21-2-ol9 1.2-java21-1-ol9", &[rule]), "1.2-java21-2-ol9");
}

#[test]
fn a_revision_group_counts_rebuilds() {
    let text = "1.2-zing7 1.2-zing8 1.2-slim-zing9";
    let rule = Spec { newest: newest(1), ..matching("-zing(?<revision>[0-9]+)$") };
    let selection = apply(text, &[rule]);
    let read: Vec<_> = selection.selected().map(|v| format!("{}: {}", v.variant, v.tag)).collect();
    // The word stays where the group leaves it.
    assert_eq!(read, ["slim-zing: 1.2-slim-zing9", "zing: 1.2-zing8"]);
    let rule =
        Spec { newest: newest(1), ..matching("^(?<version>[0-9.]+)(-slim)?-(?<revision>zing[0-9]+)$") };
    assert_eq!(selected(text, &[rule]), "1.2-slim-zing9");
    // One that takes no part leaves the tag as it reads itself.
    let rule = Spec { newest: newest(1), ..matching("^1.2-zing7$|-zing(?<revision>8)$") };
    assert_eq!(selected(text, &[rule]), "1.2-zing8 1.2-zing7");
}

#[test]
fn an_empty_variant_is_one_family() {
    let rule = Spec { newest: newest(1), ..matching("^[0-9].*(?<variant>)$") };
    assert_eq!(selected("1.2-ol8 1.3-ol9 1.1", &[rule]), "1.3-ol9");
}

#[test]
fn of_each_version_the_newest_builds_count() {
    let text = "1.2-r1 1.2-r2 1.2-r3 1.1-r7 1.1-r8 1.0-r1 1.0 1.0-20240501";
    let rule = |revisions| Spec { newest: newest(3), revisions: newest(revisions), ..everything() };
    assert_eq!(selected(text, &[Spec { revisions: None, ..rule(1) }]), "1.2-r3 1.2-r2 1.2-r1");
    assert_eq!(selected(text, &[rule(1)]), "1.2-r3 1.1-r8 1.0-r1");
    assert_eq!(selected(text, &[rule(2)]), "1.2-r3 1.2-r2 1.1-r8");
    let selection = apply(text, &[rule(1)]);
    let reason =
        |tag: &str| selection.verdicts.iter().find(|v| v.tag.as_str() == tag).unwrap().reason.to_string();
    assert_eq!(reason("1.2-r2"), "older than the newest 1 of its version");
    assert_eq!(reason("1.2-r3"), "newest 3 of 3");
}

#[test]
fn groups_without_a_part_are_one_empty_value() {
    let text = "21.0.1-ol8 21.0.2-ol8 22.0.1-ol8 23.0.1-ol8";
    let rule = Spec { newest: newest(1), per: vec!["line".to_owned()], ..matching(r"^(?<line>21)?.*") };
    let selection = apply(text, &[rule]);
    let lines: Vec<_> = selection.selected().map(|v| format!("{}: {}", v.tag, v.reason)).collect();
    assert_eq!(
        lines,
        [
            "23.0.1-ol8: newest 1 of 2 in variant ol8, line (none)",
            "21.0.2-ol8: newest 1 of 2 in variant ol8, line 21",
        ]
    );
}

#[test]
fn several_groups_count_together() {
    let per = vec!["line".to_owned(), "system".to_owned()];
    let rule = Spec { newest: newest(1), per, ..matching(r"^(?<line>\d+)\.[\d.]+-(?<system>ol\d)") };
    assert_eq!(
        selected("21.0.1-ol8 21.0.2-ol8 21.0.3-ol9 17.0.2-ol8 17.0.1-ol8", &[rule]),
        "21.0.2-ol8 17.0.2-ol8 21.0.3-ol9"
    );
}

#[test]
fn range_counts_before_newest() {
    let rule = Spec { newest: newest(1), range: Some("<22".parse().unwrap()), ..everything() };
    assert_eq!(selected("21.0.1 21.0.2 22.0.0", &[rule]), "21.0.2");
}

#[test]
fn without_newest_and_range_everything_that_matches_is_selected() {
    assert_eq!(selected("1.0-rc1 latest 1.0", &[everything()]), "1.0 1.0-rc1 latest");
}

#[test]
fn the_first_rule_that_selects_decides() {
    let rules = [
        Spec { newest: newest(1), ..everything() },
        Spec { immutable: true, ..matching("^1") },
        matching("^1.1$"),
    ];
    let selection = apply("1.0 1.1 2.0 3-ea latest", &rules);
    let found: Vec<_> =
        selection.verdicts.iter().map(|v| (v.tag.as_str(), v.rule, v.is_selected())).collect();
    assert_eq!(
        found,
        [
            ("3-ea", Some(0), false),
            ("2.0", Some(0), true),
            ("1.1", Some(1), true),
            ("1.0", Some(1), true),
            ("latest", Some(0), false),
        ]
    );
}

#[test]
fn a_tag_that_no_rule_selects_names_the_rule_that_came_nearest() {
    let rules = [
        Spec { except: Some(".".to_owned()), ..everything() },
        Spec { newest: newest(1), ..matching("^[12]") },
        Spec { newest: newest(1), range: Some("<2".parse().unwrap()), ..matching("^[12]") },
    ];
    let selection = apply("1.0 1.1 2.0 2.1 2.2-rc1 0.1 x", &rules);
    let found: Vec<_> =
        selection.verdicts.iter().map(|v| format!("{} {:?}: {}", v.tag, v.rule, v.reason)).collect();
    assert_eq!(
        found,
        [
            "2.2-rc1 Some(1): pre-release: needs `prereleases: true`",
            "2.1 Some(1): newest 1 of 4",
            "2.0 Some(1): older than the newest 1",
            "1.1 Some(2): newest 1 of 2",
            "1.0 Some(1): older than the newest 1",
            "0.1 Some(0): excluded by `except`",
            "x Some(0): excluded by `except`",
        ]
    );
}

#[test]
fn newest_of_few_says_how_many_there_are() {
    let selection = apply("1.0 1.1 v1.1", &[Spec { newest: newest(5), ..everything() }]);
    let reasons: Vec<_> = selection.verdicts.iter().map(|verdict| verdict.reason.to_string()).collect();
    assert_eq!(reasons, ["newest 2 of 2"; 3]);
}

#[test]
fn no_rules_and_no_tags_select_nothing() {
    assert!(apply("", &[everything()]).verdicts.is_empty());
    let selection = select(&tags("1.0"), &[]);
    assert_eq!((selection.selected().count(), &selection.verdicts[0].reason), (0, &Reason::Unmatched));
}

#[test]
fn a_tag_listed_twice_counts_once() {
    let rule = Spec { newest: newest(2), ..everything() };
    assert_eq!(selected("1.0 1.1 1.1 latest latest", &[rule]), "1.1 1.0");
}

#[test]
fn a_rule_is_shown_as_it_was_written() {
    let spec = Spec {
        pattern: r"^(?<line>17|21)\.(?<os>.*)$".to_owned(),
        except: Some("-debug$".to_owned()),
        newest: NonZeroUsize::new(3),
        per: vec!["line".to_owned(), "os".to_owned()],
        range: Some(">=17, <22".parse().unwrap()),
        prereleases: true,
        immutable: true,
        revisions: NonZeroUsize::new(1),
        at_least: Some(6),
        ..Spec::default()
    };
    assert_eq!(
        Rule::new(spec).unwrap().to_string(),
        r"match ^(?<line>17|21)\.(?<os>.*)$; except -debug$; newest 3 per line, os; revisions 1; range >=17, <22; at_least 6; prereleases; immutable"
    );
    let spec = Spec { pattern: "^21$".to_owned(), ..Spec::default() };
    assert_eq!(Rule::new(spec).unwrap().to_string(), "match ^21$");
}
