//! Patterns that are found within longer numbers.

use super::{everything, tags};
use crate::select::{Rule, Spec, Unanchored, select};

fn rule(pattern: &str, except: Option<&str>) -> Rule {
    let except = except.map(str::to_owned);
    Rule::new(Spec { pattern: pattern.to_owned(), except, ..Spec::default() }).unwrap()
}

#[track_caller]
fn check(pattern: &str, expected: Option<&str>) {
    let found = Unanchored::find(&rule(pattern, None)).map(|note| note.to_string());
    assert_eq!(found.as_deref(), expected, "{pattern}");
}

#[test]
fn a_version_within_longer_numbers_is_noted_with_its_anchored_form() {
    let cases = [
        ("1.2.3", r"`11.2.3`, `1.2.31`, `1.2.3.1`; `^1\.2\.3$` matches none of these"),
        (r"21\.0", r"`121.0`, `21.01`, `21.0.1`; `^21\.0$` matches none of these"),
        ("21", "`121`, `211`, `21.1`; `^21$` matches none of these"),
        ("8u491$", "`18u491`; `^8u491$` matches none of these"),
        (r"21\.0\.[0-9]+", r"`121.0.1`; `^21\.0\.[0-9]+$` matches none of these"),
        (r"21-jdk$", "`121-jdk`; `^21-jdk$` matches none of these"),
        (r"v?1\.2\.3$", r"`11.2.3`; `^v?1\.2\.3$` matches none of these"),
        (r"17|21", "`117`, `171`, `17.1`; `^(17|21)$` matches none of these"),
        ("1", "`11`, `1.1`; `^1$` matches none of these"),
        ("^1", r"`11`, `1.1`; `^1$` matches none of these, `^1\b` only `1.1`"),
        (r"^17|21$", "`171`, `17.1`; `^(17|21)$` matches none of these"),
        (r"^3\.5", r"`3.51`, `3.5.1`; `^3\.5$` matches none of these, `^3\.5\b` only `3.5.1`"),
        ("^(17|21)", r"`171`, `17.1`; `^(17|21)$` matches none of these, `^(17|21)\b` only `17.1`"),
        (
            r"^v1\.3[0-9]",
            r"`v1.311`, `v1.31.1`; `^v1\.3[0-9]$` matches none of these, `^v1\.3[0-9]\b` only `v1.31.1`",
        ),
    ];
    for (pattern, expected) in cases {
        check(pattern, Some(&format!("not anchored: it also matches {expected}")));
    }
}

#[test]
fn what_is_written_instead_does_as_it_says() {
    for pattern in ["1.2.3", "17|21", "^17|21$", r"^3\.5", "^(17|21)", "8u491$", r"^1|^a\.\$"] {
        let text = Unanchored::find(&rule(pattern, None)).unwrap_or_else(|| panic!("{pattern}")).to_string();
        let quoted =
            |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let (examples, instead) = text.split_once("; ").unwrap();
        let (examples, instead) = (quoted(examples), quoted(instead));
        let matched = |pattern: &str| {
            let selection = select(&tags(&examples.join(" ")), &[rule(pattern, None)]);
            selection.selected().map(|verdict| verdict.tag.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(matched(pattern).len(), examples.len(), "{pattern}");
        assert_eq!(matched(&instead[0]), [""; 0], "{pattern}");
        if let [_, bounded, below] = &instead[..] {
            assert_eq!(&matched(bounded), std::slice::from_ref(below), "{pattern}");
        }
    }
}

#[test]
fn what_is_anchored_or_meant_so_is_not_noted() {
    let patterns = [
        "^1$",
        r"\A1\.2\z",
        ".",
        ".*",
        "-jdk$",
        "^latest",
        "jdk",
        r"^21\.",
        r"^3\.5\b",
        r"^21\.0\.[0-9]+",
        "[0-9]+",
        "^8u",
        r"^(?<line>17|21)\.",
        r"^(17|21)\.[0-9.]+(-lite)?$",
        r"\d+-alpine$",
        r"(^|-)8$",
        "^[0-9]{8}$",
        "(?x) ^21 $ # one",
    ];
    for pattern in patterns {
        check(pattern, None);
    }
}

#[test]
fn what_except_leaves_out_is_no_example() {
    assert!(Unanchored::find(&rule(r"^3\.5", Some(r"^3\.5\d"))).is_none());
    let found = Unanchored::find(&rule(r"3\.5$", Some("^1"))).map(|note| note.to_string());
    assert_eq!(found, None);
}

#[test]
fn tags_that_came_in_for_want_of_an_anchor_are_named() {
    let rules = [everything(), Spec { pattern: "1.2.3".to_owned(), ..Spec::default() }]
        .map(|spec| Rule::new(spec).unwrap());
    let notes = |text: &str| -> Vec<_> {
        select(&tags(text), &rules).notes(&rules).iter().map(ToString::to_string).collect()
    };
    let note = r"tags[1] (match 1.2.3) is not anchored: it also matches `11.2.3`, `1.2.31`, `1.2.3.1`; `^1\.2\.3$` matches none of these";
    assert_eq!(notes("1.2.3 1.3.0"), [note]);
    assert_eq!(notes("1.2.3 1.2.34"), [format!("{note}; selected by that: 1.2.34")]);
    assert_eq!(
        notes("1.2.3 1.2.31 1.2.32 1.2.33 1.2.3-rc1 11.2.3"),
        [format!("{note}; selected by that: 11.2.3, 1.2.33, 1.2.32 and 2 more")]
    );
}
