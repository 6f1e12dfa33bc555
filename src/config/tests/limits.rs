//! Hostile texts are refused, in little time and memory.

use std::fmt::Write;

use proptest::prelude::{Strategy, any, prop, prop_oneof};
use proptest::proptest;

use crate::config::tests::{MIRROR, parse};

#[track_caller]
fn fault(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn aliases_do_not_grow_without_bound() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{below}]").unwrap();
    }
    assert!(fault(&text).contains("too large once every alias is written out"));
}

#[test]
fn long_texts_do_not_multiply_by_aliases() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 100].join(", "));
    assert!(fault(&text).contains("b[6]: too large once every alias is written out"));
}

#[test]
fn an_alias_cannot_hold_itself() {
    assert_eq!(
        fault("a: &a [*a]\n"),
        "tagferry.yaml:1:8: a[0]: an alias within the value that it stands for"
    );
}

#[test]
fn depth_is_bounded_in_every_notation() {
    for text in [
        "[".repeat(10_000),
        "{a: ".repeat(10_000),
        "- ".repeat(10_000),
        "? ".repeat(10_000),
        (0..200).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "a:\n"),
    ] {
        assert!(!fault(&text).is_empty());
    }
    let nested = |depth: usize| format!("a: {}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(!fault(&nested(63)).contains("in one another"));
    assert!(fault(&nested(64)).contains("more than 64 lists and mappings in one another"));
}

#[test]
fn aliases_do_not_get_around_the_bound_on_depth() {
    let half = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let text = format!("a: &a {half}\nb: {}*a{}\n", "[".repeat(40), "]".repeat(40));
    assert!(fault(&text).contains("more than 64 lists and mappings in one another"));
}

#[test]
fn a_text_longer_than_a_mebibyte_is_refused() {
    let text = format!("{MIRROR}    tags: [{{match: x}}]\n#");
    let padded = |bytes: usize| format!("{text}{}", "x".repeat(bytes - text.len()));
    assert!(parse(&padded(1024 * 1024)).is_ok());
    assert_eq!(
        fault(&padded(1024 * 1024 + 1)),
        "tagferry.yaml:1:1: longer than 1 MiB: this cannot be a configuration"
    );
}

#[test]
fn a_text_of_faults_alone_is_given_up() {
    let text = (0..1000).fold(String::new(), |text, number| text + &format!("k{number}: x\n"));
    let faults = fault(&text);
    assert_eq!(faults.lines().count(), 101);
    assert!(faults.ends_with("tagferry.yaml: and at least 1 more: fix these first"), "{faults}");
}

/// Keys of one mapping, too many to compare each with each other.
const KEYS: usize = 80_000;

/// A list, mapping or text of this many pieces.
fn many(pieces: usize, piece: impl Fn(usize) -> String) -> String {
    (0..pieces).map(piece).collect()
}

#[test]
fn tens_of_thousands_of_keys_are_read_once_and_a_double_is_found_among_them() {
    let text = format!("x: {{{}}}\nmirrors: []\nx: 1\n", many(KEYS, |key| format!("k{key}: ,")));
    let faults = fault(&text);
    assert!(faults.contains("tagferry.yaml:3:1: x: given twice, first on line 1"), "{faults}");
}

#[test]
fn of_tens_of_thousands_of_faults_a_hundred_are_told() {
    for text in [
        // Each key twice, with what it hides; each value unset; hosts that are none.
        format!("registries: {{{}}}\n", many(KEYS / 2, |key| format!("k{}: ,", key / 2))),
        format!("registries: {{{}}}\n", many(KEYS / 4, |key| format!("k{key}: '${{UNSET}}',"))),
        format!("registries: {{{}}}\n", many(KEYS / 4, |key| format!("'k/{key}': ,"))),
        format!("mirrors:\n{}", many(KEYS / 4, |_| "- {source: a/b}\n".to_owned())),
        format!("{MIRROR}    tags: [{{match: x}}]\nnotices: [{{mirrors: [{}]}}]\n", "x, ".repeat(KEYS)),
    ] {
        let faults = fault(&text);
        assert_eq!(faults.lines().count(), 101, "{}", &faults[..1000]);
        assert!(faults.contains("fix these first"));
    }
}

#[test]
fn thousands_of_mirrors_are_compared_by_name_and_target_at_once() {
    let rules = "tags: [{match: x}]";
    let all_one = many(5_000, |number| format!("- {{source: q.io/{number}, target: t.io/a, {rules}}}\n"));
    let sharing = parse(&format!("mirrors:\n{all_one}")).unwrap().mirrors;
    assert!(sharing.iter().all(|mirror| mirror.shard == "0"));
    let apart =
        many(5_000, |number| format!("- {{source: q.io/{number}, target: t.io/{number}, {rules}}}\n"));
    assert_eq!(parse(&format!("mirrors:\n{apart}")).unwrap().mirrors.len(), 5_000);
}

#[test]
fn hundreds_of_large_patterns_are_refused_or_read_at_once() {
    let mirror = |pattern: &str| {
        let rules = many(300, |number| format!("      - {{match: '{pattern}{number}'}}\n"));
        parse(&format!("{MIRROR}    tags:\n{rules}"))
    };
    assert!(mirror(r"^(\w{1,50}-){20}").is_ok());
    for large in [r"^(\w{1,500}){1,500}", "^a{1,999999}", "(?:a{1000}){1000}"] {
        let faults = mirror(large).unwrap_err().to_string();
        assert!(faults.contains("tags[0].match: too large a regular expression"), "{faults}");
    }
}

/// Texts made of what means something to YAML and to us.
fn texts() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "mirrors",
        "source",
        "tags",
        "match",
        "registries",
        "credentials",
        "password",
        "ecr",
        "schedule",
        "cron",
        ":",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&a ",
        "*a",
        "<<",
        "'",
        "\"",
        "\\",
        "| ",
        "> ",
        "# ",
        "~",
        "!!str ",
        "---\n",
        "...\n",
        "%YAML",
        "? ",
        "\t",
        "${",
        "${A",
        "${A:-",
        "}",
        "$$",
        "0",
        "-1",
        "1.5",
        "a.b/c",
        "é",
        "\u{feff}",
        "\r",
    ]);
    prop_oneof![prop::collection::vec(word, 0..60).prop_map(|words| words.concat()), any::<String>()]
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in texts()) {
        let _ = parse(&text);
        let _ = parse(&format!("{MIRROR}{text}"));
    }

    #[test]
    fn every_fault_is_one_line_with_its_place(text in texts()) {
        if let Err(faults) = parse(&format!("{MIRROR}{text}")) {
            let lines = faults.to_string();
            assert_eq!(lines.lines().count(), faults.iter().count());
            let length = MIRROR.lines().count() + text.split(['\n', '\r']).count() + 1;
            for fault in faults.iter() {
                let line = fault.position.line;
                assert!(line >= 1 && line <= length && fault.position.column >= 1, "{fault}");
            }
        }
    }
}
