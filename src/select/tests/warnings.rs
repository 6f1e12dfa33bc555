//! What looks wrong with a rule, and what fails it.

use super::{apply, everything, newest, tags};
use crate::select::{Rule, Spec, select};

fn warnings(text: &str, keep: usize) -> Vec<String> {
    let selection = apply(text, &[Spec { newest: newest(keep), ..everything() }]);
    selection
        .warnings
        .iter()
        .map(|warning| format!("{} {}: {warning}", warning.code(), warning.rule))
        .collect()
}

/// `1.0-PREFIX3-SUFFIX 1.0-PREFIX4-SUFFIX …`: of one version, so that the list does not tell what the number is.
fn alike(prefix: &str, suffix: &str, count: usize) -> String {
    let tags: Vec<_> = (3..3 + count).map(|number| format!("1.0-{prefix}{number}{suffix}")).collect();
    tags.join(" ")
}

#[test]
fn tags_that_differ_in_a_number_alone_are_doubted() {
    assert_eq!(
        warnings(&alike("zing", "-ol", 9), 1),
        [
            "lonely_variants 0: `newest` keeps 9 of the 9 tags among which it counts: nearly each is alone in its variant \
          (`zing10-ol`, `zing11-ol`, `zing3-ol` and 6 more); where that number counts rebuilds, name it in `match`: \
          `zing(?<revision>[0-9]+)-ol`; where these tags are one family, add an empty group `(?<variant>)` to `match`"
        ]
    );
}

#[test]
fn a_few_tags_that_differ_in_a_number_of_unknown_meaning_are_doubted() {
    let text = format!("{} 1.0 1.1 1.2 1.3", alike("zing", "", 3));
    assert_eq!(
        warnings(&text, 1),
        [
            "lonely_variants 0: `newest` keeps 4 of the 7 tags among which it counts: some are alone in variants that \
          differ in a number of unknown meaning (`zing3`, `zing4`, `zing5`); where that number counts rebuilds, name it in \
          `match`: `zing(?<revision>[0-9]+)`; where these tags are one family, add an empty group `(?<variant>)` to `match`"
        ]
    );
}

#[test]
fn words_that_change_with_every_version_are_doubted() {
    let text = "1.0-adam 1.1-bert 1.2-cleo 1.3-dora 1.4-emma 1.5-fred 1.6-gina";
    assert_eq!(
        warnings(text, 2),
        [
            "lonely_variants 0: `newest` keeps 7 of the 7 tags among which it counts: nearly each is alone in its variant \
          (`adam`, `bert`, `cleo` and 4 more); where these tags are one family, add an empty group `(?<variant>)` to \
          `match`"
        ]
    );
}

#[test]
fn equal_versions_are_doubted() {
    let commits: Vec<_> = (0..8).map(|number| format!("main-1.0-{number}a1b2c3")).collect();
    let found = warnings(&commits.join(" "), 1);
    assert!(found[0].starts_with("equal_versions 0: `newest` keeps 8 of the 8 tags"), "{found:?}");
}

#[test]
fn real_variants_are_not_doubted() {
    // A few.
    assert!(warnings(&alike("zing", "", 2), 1).is_empty());
    // One version in many flavours.
    let flavours = ["", "-amd64", "-arm64", "-lite", "-lite-amd64", "-lite-arm64", "-fpm-ol8", "-fpm-ol9"];
    let tags = flavours.map(|flavour| format!("23.26.3.0{flavour}"));
    assert!(warnings(&tags.join(" "), 1).is_empty());
    // Many variants with many versions.
    let tags: Vec<_> =
        (0..9).flat_map(|base| (0..9).map(move |patch| format!("1.{patch}-zing{}", base + 3))).collect();
    assert!(warnings(&tags.join(" "), 1).is_empty());
}

#[test]
fn a_rule_that_selects_too_few_names_the_tags_nearest_to_it() {
    let text = "21-oraclelinux8 21-oraclelinux9 17.0.1-oraclelinux9 latest 3.0-rc1 3.1-rc1";
    let shortfalls = |specs: &[Spec]| {
        let rules: Vec<_> = specs.iter().map(|spec| Rule::new(spec.clone()).unwrap()).collect();
        let shortfalls = select(&tags(text), &rules).shortfalls(&rules);
        shortfalls.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let matching = |pattern: &str| Spec { pattern: pattern.to_owned(), ..Spec::default() };
    assert_eq!(
        shortfalls(&[matching("^21-oraclelinx9$"), matching("latest"), matching("^[0-9.]+-oraclelinx9$")]),
        [
            "tags[0] (match ^21-oraclelinx9$) matches no tag; the nearest: 21-oraclelinux9, 21-oraclelinux8",
            "tags[2] (match ^[0-9.]+-oraclelinx9$) matches no tag; the nearest: 21-oraclelinux9, 21-oraclelinux8"
        ]
    );
    assert_eq!(
        shortfalls(&[
            Spec { newest: newest(1), ..matching("rc") },
            Spec { at_least: Some(3), ..matching("^21") }
        ]),
        [
            "tags[0] (match rc) selects none of the 2 tags that it matches: pre-release: needs `prereleases: true`",
            "tags[1] (match ^21) selects 2 of the 2 tags that it matches, fewer than its `at_least: 3`"
        ]
    );
    assert!(shortfalls(&[Spec { at_least: Some(0), ..matching("^x$") }]).is_empty());
}

#[test]
fn a_rule_is_counted_alone() {
    let both = [everything(), Spec { newest: newest(1), ..everything() }];
    let selection = apply("1.0 1.1 1.1", &both);
    let found: Vec<_> = selection.choices.iter().map(|choice| (choice.matched, choice.selected)).collect();
    assert_eq!(found, [(2, 2), (2, 1)]);
}
