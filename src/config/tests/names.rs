//! Tags by name, pins, and names in the target.

use crate::config::tests::{MIRROR, check_tags, parse};
use crate::oci::Digest;
use crate::select::Rule;

/// The rules of a mirror as they are understood.
#[track_caller]
fn understood(tags: &str, expected: &[&str]) {
    let config = parse(&format!("{MIRROR}    tags: {tags}\n")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.mirrors[0].rules.iter().map(Rule::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn a_tag_is_its_text_with_quotes_or_without() {
    understood(
        "[1.10, '21', 1e3, true, 0123, latest, {tag: 2.0}]",
        &["tag 1.10", "tag 21", "tag 1e3", "tag true", "tag 0123", "tag latest", "tag 2.0"],
    );
    understood("[{tag: 2.10, as: 3.10}]", &["tag 2.10; as 3.10"]);
    understood("['${UNSET:-21}']", &["tag 21"]);
}

#[test]
fn an_image_may_be_named_by_tag_and_digest() {
    let digest = Digest::of(b"pinned").to_string();
    let pinned = format!("tag latest; digest {digest}");
    understood(&format!("[{{tag: latest, digest: '{digest}'}}]"), &[&pinned]);
    understood(&format!("['latest@{digest}']"), &[&pinned]);
    understood(&format!("[{{digest: '{digest}'}}]"), &[&format!("digest {digest}")]);
    understood(&format!("[{{digest: '{digest}', as: [a, b]}}]"), &[&format!("digest {digest}; as a, b")]);
    understood("[{tag: 21, immutable: true}]", &["tag 21; immutable"]);
}

#[test]
fn what_belongs_to_a_pattern_has_no_meaning_beside_a_name() {
    let what = "has no meaning beside `tag` or `digest`, which name one image: write an item of its own";
    check_tags(
        &["    tags:", "      - tag: 21", "        match: ^21$", "        newest: 3"],
        &[
            &format!("6:16: mirrors[0].tags[0].match: {what}"),
            &format!("7:17: mirrors[0].tags[0].newest: {what}"),
        ],
    );
}

#[test]
fn what_is_no_tag_and_no_digest_is_told() {
    check_tags(
        &["    tags: ['^21$', a/b, {tag: [x]}, {digest: 12}, 'x@sha256:12', match:x]"],
        &[
            "4:12: mirrors[0].tags[0].tag: `^21$` is not a tag: if it is a pattern, write `match: ^21$`",
            "4:20: mirrors[0].tags[1].tag: `a/b` is not a tag: expected at most 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`",
            "4:31: mirrors[0].tags[2].tag: expected a text, found a list",
            "4:46: mirrors[0].tags[3].digest: `12` is not a digest: expected `sha256:` and 64 lower-case hexadecimal digits",
            "4:51: mirrors[0].tags[4].tag: `sha256:12` is not a digest: expected `sha256:` and 64 lower-case hexadecimal digits",
            "4:66: mirrors[0].tags[5]: the colon after `match` has to be followed by a space",
        ],
    );
}

#[test]
fn in_a_directory_an_image_needs_a_tag() {
    let digest = Digest::of(b"pinned").to_string();
    let mirror = |rule: &str| {
        format!("mirrors: [{{source: a.b/c, target: 'oci:d', tags: [{{digest: '{digest}'{rule}}}]}}]")
    };
    assert!(parse(&mirror(", as: x")).is_ok());
    let fault = parse(&mirror("")).unwrap_err().to_string();
    assert!(fault.contains("cannot be found without a tag"), "{fault}");
}

#[test]
fn a_name_in_the_target_is_checked_as_far_as_it_can_be() {
    check_tags(
        &["    tags: [{match: x, as: '{line}'}, {match: x, as: [ok, '-{tag}']}, {tag: 1, as: 'a{'}]"],
        &[
            "4:27: mirrors[0].tags[0].as: `{line}` is neither `{tag}` nor a named group of `match`",
            "4:58: mirrors[0].tags[1].as[1]: can never be a tag: at most 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`",
            "4:83: mirrors[0].tags[2].as: a `{` without its `}`, or the other way round: write `{tag}` or a named group of `match`",
        ],
    );
}
