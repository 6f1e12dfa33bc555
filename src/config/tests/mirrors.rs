//! Faults of mirrors and their rules.

use crate::config::tests::{check, check_mirror, check_tags};

#[test]
fn nothing_to_mirror_is_a_fault() {
    check(
        &["mirrors:"],
        &[
            "1:8: mirrors: missing: write under `mirrors:` at least one item with `source`, `target` and `tags`",
        ],
    );
    check(
        &["mirrors: []"],
        &[
            "1:10: mirrors: empty: write under `mirrors:` at least one item with `source`, `target` and `tags`",
        ],
    );
    check(
        &["registries: {}"],
        &[
            "1:1: mirrors: missing: write under `mirrors:` at least one item with `source`, `target` and `tags`",
        ],
    );
}

#[test]
fn a_list_is_a_list() {
    check(
        &["mirrors: nginx"],
        &["1:10: mirrors: expected a list (each item on its own line, after `- `), found a text"],
    );
    check(
        &["mirrors:", "  source: nginx", "  target: registry.test/nginx"],
        &["2:3: mirrors: expected a list (each item on its own line, after `- `), found a mapping"],
    );
    check(
        &["mirrors: [nginx]"],
        &[
            "1:11: mirrors[0]: names no tag: write `nginx:TAG`, or a mapping with `source` and `tags` for several",
        ],
    );
    check_tags(
        &["    tags: ^21"],
        &["4:11: mirrors[0].tags: expected a list (each item on its own line, after `- `), found a text"],
    );
    check_tags(
        &["    tags:", "      match: ^21"],
        &["5:7: mirrors[0].tags: expected a list (each item on its own line, after `- `), found a mapping"],
    );
    check_tags(
        &["    tags:", "      - ^21"],
        &["5:9: mirrors[0].tags[0].tag: `^21` is not a tag: if it is a pattern, write `match: ^21`"],
    );
    check_mirror(
        &["    platforms: linux/amd64"],
        &[
            "5:16: mirrors[0].platforms: expected a list (each item on its own line, after `- `), found a text",
        ],
    );
}

#[test]
fn what_is_missing_is_said_with_what_to_write() {
    check(
        &["mirrors:", "  - name: jdk"],
        &[
            "2:5: mirrors[0].source: missing: write the repository to read, such as `source: container-registry.oracle.com/java/jdk`",
            "2:5: mirrors[0].target: missing: write the repository to fill, such as `target: 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/oracle/jdk`, here or in `defaults`",
            "2:5: mirrors[0].tags: missing: say which tags to mirror: under `tags:` an item such as `- match: ^21$`",
        ],
    );
    check_tags(
        &["    tags:"],
        &[
            "4:9: mirrors[0].tags: missing: say which tags to mirror: under `tags:` an item such as `- match: ^21$`",
        ],
    );
    check_tags(
        &["    tags: []"],
        &[
            "4:11: mirrors[0].tags: empty: say which tags to mirror: under `tags:` an item such as `- match: ^21$`",
        ],
    );
    check_tags(
        &["    tags: [{newest: 3}]"],
        &[
            "4:12: mirrors[0].tags[0].match: missing: write a regular expression over the tag, such as `match: ^21$`, or a tag by its name: `tag: \"21\"`",
        ],
    );
    check_tags(&["    tags: [{match: ''}]"], &["4:20: mirrors[0].tags[0].match: empty: write a value"]);
}

#[test]
fn a_misspelt_key_is_reported_once() {
    check(
        &[
            "mirrors:",
            "  - sorce: nginx",
            "    Target: registry.test/nginx",
            "    tags: [{match: x, newst: 3, per: x, foo: 1}]",
            "mirror: x",
        ],
        &[
            "2:5: mirrors[0]: unknown key `sorce`, did you mean `source`?",
            "3:5: mirrors[0]: unknown key `Target`, did you mean `target`?",
            "4:23: mirrors[0].tags[0]: unknown key `newst`, did you mean `newest`?",
            "4:41: mirrors[0].tags[0]: unknown key `foo`, expected one of tag, digest, as, match, except, newest, revisions, per, range, prereleases, immutable, at_least",
            "5:1: unknown key `mirror`, did you mean `mirrors`?",
        ],
    );
}

#[test]
fn repositories_are_named_without_tag_and_scheme() {
    check(
        &[
            "mirrors:",
            "  - source: nginx:1.27",
            "    target: 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/nginx:1.27",
            "    tags: [{match: ^21$}]",
        ],
        &[
            "2:13: mirrors[0].source: `nginx:1.27` names a tag or digest: give the repository alone",
            "3:13: mirrors[0].target: `123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/nginx:1.27` names a tag or digest: give the repository alone",
        ],
    );
    check(
        &[
            "mirrors:",
            "  - source: https://registry.test/a",
            "    target: docker://registry.test/a@sha256:00",
            "    tags: [{match: ^21$}]",
        ],
        &[
            "2:13: mirrors[0].source: write HOST/PATH without `https://`",
            "3:13: mirrors[0].target: write HOST/PATH without `docker://`",
        ],
    );
    check(
        &[
            "mirrors:",
            "  - source: me:hunter2@registry.test/a",
            "    target: https://me:hunter2@registry.test/b",
            "    tags: [{match: ^21$}]",
        ],
        &[
            "2:13: mirrors[0].source: write HOST/PATH alone, and put the login under `registries`, `credentials`",
            "3:13: mirrors[0].target: write HOST/PATH without `https://`, and put the login under `registries`",
        ],
    );
    check(
        &["mirrors:", "  - source: Java/JDK", "    target: registry.test/", "    tags: [{match: ^21$}]"],
        &[
            "2:13: mirrors[0].source: `Java/JDK` is not a repository: expected lower-case words joined by `/`, such as `java/jdk`, with `.`, `_`, `__` or `-` only between letters and digits",
            "3:13: mirrors[0].target: `` is not a repository: expected lower-case words joined by `/`, such as `java/jdk`, with `.`, `_`, `__` or `-` only between letters and digits",
        ],
    );
    check(
        &["mirrors:", "  - source: ''", "    target: ' '", "    tags: [{match: ^21$}]"],
        &[
            "2:13: mirrors[0].source: empty: write a value",
            "3:13: mirrors[0].target: names no registry: a target is HOST[:PORT]/PATH",
        ],
    );
}

#[test]
fn a_target_names_its_registry() {
    check(
        &["mirrors:", "  - source: nginx", "    target: mirror/nginx", "    tags: [{match: ^21$}]"],
        &["3:13: mirrors[0].target: names no registry: a target is HOST[:PORT]/PATH"],
    );
}

#[test]
fn what_looks_like_ecr_is_ecr() {
    check(
        &[
            "mirrors:",
            "  - source: nginx",
            "    target: 12345678901.dkr.ecr.us-east-1.amazonaws.com/nginx",
            "    tags: [{match: ^21$}]",
            "  - source: vpce-1.dkr.ecr.us-east-1.vpce.amazonaws.com/busybox",
            "    target: registry.test/busybox",
            "    tags: [{match: ^21$}]",
        ],
        &[
            "3:13: mirrors[0].target: looks like ECR, whose hosts start with the twelve digits of an account: check the first word",
        ],
    );
}

#[test]
fn a_directory_and_the_repository_in_it_are_named_right() {
    check(
        &["mirrors:", "  - source: 'oci:dir#a:21'", "    target: 'oci:'", "    tags: [{match: ^21$}]"],
        &[
            "2:13: mirrors[0].source: `a:21` is not a repository in a layout: expected PATH or HOST/PATH, such as `java/jdk`, without a tag",
            "3:13: mirrors[0].target: no directory: write `oci:DIR` or `oci:DIR#NAME`",
        ],
    );
}

#[test]
fn a_mirror_does_not_copy_onto_itself() {
    check(
        &[
            "mirrors:",
            "  - source: nginx",
            "    target: INDEX.docker.io/library/nginx",
            "    tags: [{match: ^21$}]",
        ],
        &["3:13: mirrors[0].target: the source itself: write the repository that is to hold the copies"],
    );
}

#[test]
fn names_are_unique() {
    check(
        &[
            "mirrors:",
            "  - {source: a.b/jdk, target: c.d/1, tags: [{match: x}]}",
            "  - {source: e.f/jdk, target: c.d/2, tags: [{match: x}]}",
            "  - {source: e.f/jre, target: c.d/3, tags: [{match: x}], name: jdk}",
        ],
        &[
            "3:14: mirrors[1].source: `jdk` is the name of mirrors[0] too: give this one another `name`",
            "4:64: mirrors[2].name: `jdk` is the name of mirrors[0] too: give this one another `name`",
        ],
    );
    check_tags(
        &["    name: a b", "    tags: [{match: ^21$}]"],
        &["4:11: mirrors[0].name: expected at most 128 characters without spaces"],
    );
}

#[test]
fn patterns_and_ranges_are_checked() {
    check_tags(
        &[
            "    tags:",
            "      - match: ^(21",
            "        except: '['",
            "        range: 21 or later",
            "        newest: 0",
            "        per: line",
            "      - match: ^(?<line>.)",
            "        newest: 1",
            "        per: [line, lin]",
            "      - match: ^(?<line>.)",
            "        per: line",
            "      - match: x",
            "        newest: 1",
            "        per: 5",
        ],
        &[
            "5:16: mirrors[0].tags[0].match: not a regular expression: unclosed group, at character 2, `(21`",
            "6:17: mirrors[0].tags[0].except: not a regular expression: unclosed character class, at character 1, `[`",
            "7:16: mirrors[0].tags[0].range: not a semver requirement such as `>=21, <26`: expected comma after major version number, found 'o'",
            "8:17: mirrors[0].tags[0].newest: 0 is too few: write 1 or more",
            "12:21: mirrors[0].tags[1].per[1]: no group named `lin` in `match`",
            "14:14: mirrors[0].tags[2].per: has no meaning without `newest`: say how many of each to keep",
            "17:14: mirrors[0].tags[3].per: no group named `5` in `match`",
        ],
    );
}

#[test]
fn numbers_and_truth_values_are_checked() {
    check_mirror(
        &["    referrers: yes", "    at_least: 1.5"],
        &[
            "5:16: mirrors[0].referrers: expected true or false, found a text",
            "6:15: mirrors[0].at_least: expected a whole number, found a fraction or one that is too large",
        ],
    );
    check_mirror(
        &["    at_least: -1", "    referrers: 1"],
        &[
            "5:15: mirrors[0].at_least: expected a number that is not negative",
            "6:16: mirrors[0].referrers: expected true or false, found a number",
        ],
    );
    check_mirror(
        &["    at_least: many", "concurrency: {tags: 0, blobs: 99999999999999999999, mirrors: [2]}"],
        &[
            "5:15: mirrors[0].at_least: expected a whole number, found a text",
            "6:21: concurrency.tags: 0 is too few: write 1 or more",
            "6:31: concurrency.blobs: expected a whole number, found a fraction or one that is too large",
            "6:62: concurrency.mirrors: expected a whole number, found a list",
        ],
    );
}

#[test]
fn platforms_are_checked() {
    check_mirror(
        &["    platforms: [linux, linux/amd64, [x]]"],
        &[
            "5:17: mirrors[0].platforms[0]: `linux` is not a platform: expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as `linux/amd64`, or OS(VERSION)/ARCHITECTURE",
            "5:37: mirrors[0].platforms[2]: expected a text, found a list",
        ],
    );
}

#[test]
fn schedules_are_checked() {
    check_mirror(
        &["schedule: {cron: 0 0 30 2 *, timezone: Berlin, jitter: 5}"],
        &[
            "5:18: schedule.cron: this schedule never fires: no such day is in the calendar",
            "5:40: schedule.timezone: no such time zone, did you mean `Europe/Berlin`?",
            "5:56: schedule.jitter: expected a number and a unit, such as `30s`, `5m` or `1h 30m`",
        ],
    );
    check_mirror(
        &["schedule: {timezone: UTC}"],
        &[r#"5:11: schedule.cron: missing: say when, such as `cron: "0 */6 * * *"`"#],
    );
    check_mirror(
        &["schedule: 0 0 * * *"],
        &[r#"5:11: schedule: expected a mapping such as `{cron: "0 */6 * * *"}`, found a text"#],
    );
    check_mirror(
        &["schedule: {cron: every day}"],
        &[
            "5:18: schedule.cron: not a cron expression: expected five fields, such as `0 */6 * * *`, or six with seconds",
        ],
    );
    check_mirror(
        &["schedule: {cron: 0 25 * * *}"],
        &[
            "5:18: schedule.cron: not a cron expression (number out of bounds): expected five fields, such as `0 */6 * * *`, or six with seconds",
        ],
    );
    check_mirror(
        &["schedule: {cron: 0 0 0 1 1 * 2020}"],
        &[
            "5:18: schedule.cron: not a cron expression: expected five fields, such as `0 */6 * * *`, or six with seconds",
        ],
    );
    check_mirror(
        &["schedule: {cron: 0 0 * * *, retry: [1m, 0s, often]}"],
        &[
            "5:41: schedule.retry[1]: shorter than a second",
            "5:45: schedule.retry[2]: expected a number and a unit, such as `30s`, `5m` or `1h 30m`",
        ],
    );
    for (retry, fault) in [
        ("5m", "expected a list such as `[1m, 5m]`, or `never`"),
        ("[]", "no span: write `never` if that is meant"),
    ] {
        let schedule = format!("schedule: {{cron: 0 0 * * *, retry: {retry}}}");
        check_mirror(&[&schedule], &[&format!("5:36: schedule.retry: {fault}")]);
    }
    check_mirror(
        &["    schedule: {cron: 0 0 31 2 *}"],
        &["5:22: mirrors[0].schedule.cron: this schedule never fires: no such day is in the calendar"],
    );
}

#[test]
fn spans_are_checked() {
    check_mirror(
        &["shutdown_grace: 25", "timeouts: {connect: 0s, stall: forever}"],
        &[
            "5:17: shutdown_grace: expected a number and a unit, such as `30s`, `5m` or `1h 30m`",
            "6:21: timeouts.connect: 0 would let every request fail: write a span such as `30s`",
            "6:32: timeouts.stall: expected a number and a unit, such as `30s`, `5m` or `1h 30m`",
        ],
    );
    check_mirror(
        &["timeouts: {metadata: 0s, pace: 1024, pass: 0s}"],
        &[
            "5:22: timeouts.metadata: 0 would let every request fail: write a span such as `30s`",
            "5:32: timeouts.pace: expected bytes a second, such as `1KiB/s` or `500B/s`, or `0` for none",
            "5:44: timeouts.pass: 0 would let every request fail: write a span such as `30s`",
        ],
    );
    check_mirror(&["shutdown_grace: 10years"], &["5:17: shutdown_grace: longer than 31 days"]);
}
