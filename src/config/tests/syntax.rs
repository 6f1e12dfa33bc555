//! Texts that are no YAML, or more of it than a configuration needs.

use crate::config::tests::{check, check_mirror, check_registries, check_tags};

#[test]
fn tabs_are_no_indentation() {
    check(
        &["mirrors:", "\t- source: a.b/c"],
        &["2:2: not YAML: YAML does not allow tabs here: indent with spaces"],
    );
    check(
        &["mirrors:", "  - source: a.b/c", "\ttarget: d.e/f"],
        &["2:13: not YAML: YAML does not allow tabs here: indent with spaces"],
    );
}

#[test]
fn lines_of_one_mapping_start_in_one_column() {
    check(
        &["mirrors:", "  - source: a.b/c", "     target: d.e/f"],
        &[
            "3:12: not YAML: no key can stand here: check that this line starts in the same column as its neighbours, and put a value that holds `: ` in quotes",
        ],
    );
    check(
        &["mirrors:", "  - source: a.b/c", "   target: d.e/f"],
        &["3:4: not YAML: wrong indentation: lines of one list or mapping start in the same column"],
    );
    check(
        &["mirrors:", "  - source: a.b/c", "  target: d.e/f"],
        &["3:3: not YAML: wrong indentation: lines of one list or mapping start in the same column"],
    );
    check_tags(
        &["    tags:", "    - match: x", "      newest: 3", "     per: x"],
        &[
            "7:6: not YAML: expected `key: value` here: check that the colon is followed by a space and that the line starts in the same column as its neighbours",
        ],
    );
    check(
        &["mirrors", "  - source: a.b/c"],
        &[
            "2:11: not YAML: no key can stand here: check that this line starts in the same column as its neighbours, and put a value that holds `: ` in quotes",
        ],
    );
}

#[test]
fn a_colon_is_followed_by_a_space() {
    check(
        &["mirrors:", "  - source:a.b/c"],
        &["2:5: mirrors[0]: the colon after `source` has to be followed by a space"],
    );
    check_tags(
        &["    tags:", "      - match:^21"],
        &["5:9: mirrors[0].tags[0]: the colon after `match` has to be followed by a space"],
    );
    check_tags(
        &["    tags: [{match: ^21, newest:3}]"],
        &["4:25: mirrors[0].tags[0]: the colon after `newest` has to be followed by a space"],
    );
    check_registries(
        &["  a.b: {credentials: {username: me, password:it}}"],
        &[r#"6:37: registries["a.b"].credentials: the colon after `password` has to be followed by a space"#],
    );
}

#[test]
fn double_quotes_are_not_for_regular_expressions() {
    check_tags(
        &["    tags:", r#"      - match: "^21\.0""#],
        &[
            r#"5:16: not YAML: within "double quotes" a backslash starts an escape: put regular expressions in 'single quotes' or in none"#,
        ],
    );
}

#[test]
fn signs_of_yaml_are_quoted() {
    check_tags(
        &["    tags:", "      - match: [0-9]+"],
        &[
            "5:21: not YAML: a value that starts with one of * & ! [ { @ ` % | > ? means something else to YAML: put it in 'single quotes'",
        ],
    );
    check_tags(
        &["    tags:", "      - match: *21"],
        &[
            "5:16: not YAML: an alias (`*name`) has no anchor (`&name`) before it: put a text that starts with * in 'single quotes'",
        ],
    );
    check_mirror(
        &["schedule: {cron: * * * * *}"],
        &[
            "5:18: not YAML: a value that starts with one of * & ! [ { @ ` % | > ? means something else to YAML: put it in 'single quotes'",
        ],
    );
    check_mirror(
        &["schedule:", "  cron: */5 * * * *"],
        &[
            "6:9: not YAML: an alias (`*name`) has no anchor (`&name`) before it: put a text that starts with * in 'single quotes'",
        ],
    );
    check_registries(
        &["  a.b:", "    credentials: {username: me, password: @it}"],
        &[
            "7:43: not YAML: a value that starts with one of * & ! [ { @ ` % | > ? means something else to YAML: put it in 'single quotes'",
        ],
    );
}

#[test]
fn what_is_opened_is_closed() {
    check_tags(
        &["    tags: [{match: ^21}", "schedule: {cron: x}"],
        &[
            "5:1: not YAML: a value that starts with one of * & ! [ { @ ` % | > ? means something else to YAML: put it in 'single quotes'",
        ],
    );
    check_tags(
        &["    tags: [{match: '^21}]"],
        &[
            "4:20: not YAML: a value that starts with a quote ends at the next one: close it, and let nothing follow it",
        ],
    );
    check_tags(
        &["    tags: [{match: 'a' b}]"],
        &[
            "4:24: not YAML: a value that starts with a quote ends at the next one: close it, and let nothing follow it",
        ],
    );
    check_registries(
        &["  a.b: {credentials: {username: ${EMPTY}, password: it}}"],
        &["6:34: not YAML: within { } or [ ] a `${NAME}` has to be in quotes"],
    );
}

#[test]
fn a_configuration_is_one_document() {
    check(
        &[],
        &[
            "1:1: the configuration is empty: write `mirrors:` and under it at least one item with `source`, `target` and `tags`",
        ],
    );
    check(
        &["# nothing"],
        &[
            "1:1: the configuration is empty: write `mirrors:` and under it at least one item with `source`, `target` and `tags`",
        ],
    );
    check(
        &["---"],
        &[
            "1:1: the configuration is empty: write `mirrors:` and under it at least one item with `source`, `target` and `tags`",
        ],
    );
    check(
        &["~"],
        &[
            "1:1: the configuration is empty: write `mirrors:` and under it at least one item with `source`, `target` and `tags`",
        ],
    );
    check(
        &["mirrors: []", "---", "mirrors: []"],
        &["2:1: a second document starts here: a configuration is one document, leave out the `---`"],
    );
}

#[test]
fn tags_of_yaml_are_refused() {
    check_mirror(
        &["shutdown_grace: !duration 5s"],
        &[
            "5:17: shutdown_grace: tags (a word that starts with `!`) have no meaning here: leave it out, or put the value in quotes",
        ],
    );
    check_mirror(
        &["shutdown_grace: !!binary aGk="],
        &[
            "5:17: shutdown_grace: tags (a word that starts with `!`) have no meaning here: leave it out, or put the value in quotes",
        ],
    );
}

#[test]
fn merge_keys_are_refused_and_nothing_is_missed_for_them() {
    check(
        &[
            "mirrors:",
            "  - &a",
            "    source: a.b/c",
            "    target: d.e/f",
            "    tags: [{match: x}]",
            "  - <<: *a",
            "    target: d.e/g",
        ],
        &[
            r#"6:5: mirrors[1]["<<"]: merge keys (`<<`) are not supported: repeat the settings, or give a whole value an anchor (`&name`) and use it again (`*name`)"#,
        ],
    );
}

#[test]
fn keys_are_texts() {
    check(&["mirrors: []", "? [a, b]", ": c"], &["2:3: a key has to be a text, not a list or a mapping"]);
    check(&["mirrors: &a x", "? *a", ": c"], &["2:3: a key has to be a text, not an alias"]);
}

#[test]
fn a_key_given_twice_is_a_fault() {
    check_mirror(
        &["    source: nginx", "mirrors: []"],
        &[
            "5:5: mirrors[0].source: given twice, first on line 2: leave one out",
            "6:1: mirrors: given twice, first on line 1: leave one out",
        ],
    );
}

#[test]
fn what_is_no_mapping_is_no_configuration() {
    check(&["- source: nginx"], &["1:1: expected a mapping that starts with `mirrors:`, found a list"]);
    check(&["hello"], &["1:1: expected a mapping that starts with `mirrors:`, found a text"]);
}
