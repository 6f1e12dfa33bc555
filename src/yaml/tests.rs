//! A second opinion on what our YAML reader reads: that of `serde_yaml`.

use serde::Deserialize;
use serde_yaml::Value;

use crate::yaml::de::Deserializer;
use crate::yaml::reader;

fn ours(text: &str) -> Option<Value> {
    let (root, faults) = reader::read(text).ok()?;
    faults.is_empty().then(|| Value::deserialize(Deserializer(&root)).ok())?
}

#[track_caller]
fn agree(text: &str) {
    let theirs: Value = serde_yaml::from_str(text).unwrap();
    assert_eq!(ours(text), Some(theirs), "{text}");
}

#[test]
fn both_readers_read_our_files_alike() {
    agree(include_str!("../../config/example.yaml"));
    agree(include_str!("../../config/minimal.yaml"));
}

#[test]
fn both_readers_read_scalars_alike() {
    for scalar in [
        "a",
        "'a'",
        "\"a\"",
        "~",
        "null",
        "'null'",
        "true",
        "False",
        "yes",
        "on",
        "1",
        "-1",
        "'1'",
        "1.5",
        "-1.5",
        "1e3",
        "0123",
        "012345678901",
        "0",
        "0.5",
        "1.2.3",
        "21-jdk",
        "^21$",
        "'a: b'",
        "a#b",
        "a #b",
        "'it''s'",
        "\"\\x41\\n\\u00e9\"",
        "18446744073709551615",
        "-9223372036854775808",
        "2024-05-01",
        "12:30:45",
        "!!str 5",
        "ä€😀",
        "'#'",
    ] {
        agree(&format!("key: {scalar}\n"));
    }
}

#[test]
fn both_readers_read_structures_alike() {
    for text in [
        "- a\n- [b, {c: d}]\n-\n  - e\n",
        "a:\n- b\n- c\nd:\n  - e\n",
        "a: {b: [], c: {}, d: }\n",
        "a: |\n  line\n   more\n\n  end\nb: >-\n  folded\n  text\n\n  new\n",
        "a: plain\n  goes on\nb: 'quoted\n  goes on'\n",
        "a: &x {b: c}\nd: *x\ne: [*x, *x]\n",
        "a: &x b\nc: *x\n",
        "---\na: b\n...\n",
        "# comment\na: b # comment\n\n# comment\n",
        "\"quoted key\": a\n'another': b\n",
        "[a, b,]\n",
        "{a: b,}\n",
    ] {
        agree(text);
    }
}
