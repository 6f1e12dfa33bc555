//! Mirrors as texts, what all have in common, and keys for anchors.

use crate::config::tests::{check, parse};
use crate::oci::Digest;

/// The mirrors of a text, each as `NAME: SOURCE -> TARGET [RULES]`.
#[track_caller]
fn understood(text: &str, expected: &[&str]) {
    let config = parse(text).unwrap_or_else(|faults| panic!("{faults}"));
    let shown = config.mirrors.iter().map(|mirror| {
        let rules: Vec<_> = mirror.rules.iter().map(ToString::to_string).collect();
        format!("{}: {} -> {} [{}]", mirror.name, mirror.source, mirror.target, rules.join(", "))
    });
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

#[test]
fn an_image_is_a_mirror_and_those_of_one_repository_are_one() {
    let digest = Digest::of(b"pinned");
    understood(
        &format!(
            "defaults: {{target: 'r.test/{{path}}'}}\n\
             mirrors: [nginx:1.10, localhost:5000/a:1, 'docker.io/library/nginx:${{UNSET:-1.9}}', \
             'quay.io/a/b@{digest}', 'quay.io/a/b:2@{digest}', {{source: redis, tags: [7]}}]"
        ),
        &[
            "library/nginx: docker.io/library/nginx -> r.test/library/nginx [tag 1.10, tag 1.9]",
            "a: localhost:5000/a -> r.test/a [tag 1]",
            &format!("a/b: quay.io/a/b -> r.test/a/b [digest {digest}, tag 2; digest {digest}]"),
            "library/redis: docker.io/library/redis -> r.test/library/redis [tag 7]",
        ],
    );
}

#[test]
fn of_images_with_one_path_the_first_keeps_it_as_its_name() {
    understood(
        "defaults: {target: 'r.test/{host}/{path}'}\nmirrors: [quay.io/a/b:1, ghcr.io/a/b:1, ghcr.io/a/b:2]",
        &[
            "a/b: quay.io/a/b -> r.test/quay.io/a/b [tag 1]",
            "ghcr.io/a/b: ghcr.io/a/b -> r.test/ghcr.io/a/b [tag 1, tag 2]",
        ],
    );
    check(
        &[
            "defaults: {target: 'r.test/{host}/{path}'}",
            "mirrors:",
            "  - quay.io/a/b:1",
            "  - {source: ghcr.io/a/b, tags: [1]}",
        ],
        &["4:14: mirrors[1].source: `a/b` is the name of mirrors[0] too: give this one another `name`"],
    );
}

#[test]
fn what_is_no_image_is_told() {
    check(
        &[
            "defaults: {target: 'r.test/{path}'}",
            "mirrors:",
            "  - nginx",
            "  - https://quay.io/a/b:1",
            "  - me@quay.io/a/b:1",
            "  - oci:dir:1",
            "  - 'quay.io/a/b:'",
            "  - quay.io/a/b@sha256:12",
            "  - registry.test:5000",
            "  - source:nginx",
        ],
        &[
            "3:5: mirrors[0]: names no tag: write `nginx:TAG`, or a mapping with `source` and `tags` for several",
            "4:5: mirrors[1]: write HOST/PATH without `https://`",
            "5:5: mirrors[2]: write HOST/PATH alone, and put the login under `registries`, `credentials`",
            "6:5: mirrors[3]: an image of a directory has no short form: write a mapping with `source` and `tags`",
            "7:5: mirrors[4].tag: `` is not a tag: expected at most 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`",
            "8:5: mirrors[5].digest: `sha256:12` is not a digest: expected `sha256:` and 64 lower-case hexadecimal digits",
            "9:5: mirrors[6]: is a host without a repository: write `registry.test/PATH`",
            "10:5: mirrors[7]: the colon after `source` has to be followed by a space",
        ],
    );
    check(
        &["mirrors: [nginx:1]"],
        &[
            "1:11: mirrors[0].target: missing: write the repository to fill, such as `target: 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/oracle/jdk`, here or in `defaults`",
        ],
    );
}

#[test]
fn what_a_mirror_says_itself_counts_instead_of_the_default() {
    let config = parse(
        "defaults: {target: 'r.test/{path}', platforms: [linux/amd64], referrers: true, at_least: 0}\n\
         mirrors: [{source: a.b/1, tags: [{match: x}]}, {source: a.b/2, tags: [{match: x}], target: 'r.test/x-{name}', \
         platforms: [linux/arm64, linux/s390x], referrers: false, at_least: 2}]",
    );
    let mirrors = config.unwrap().mirrors;
    let seen = |index: usize| {
        let mirror = &mirrors[index];
        (mirror.target.to_string(), mirror.platforms.len(), mirror.referrers, mirror.at_least)
    };
    assert_eq!(seen(0), ("r.test/1".to_owned(), 1, true, 0));
    assert_eq!(seen(1), ("r.test/x-2".to_owned(), 2, false, 2));
    assert_eq!((mirrors[0].rules[0].at_least(), mirrors[1].rules[0].at_least()), (0, 1));
}

#[test]
fn a_place_that_is_none_is_told_where_the_mirror_is() {
    check(
        &[
            "defaults: {target: 'r.test/{repo}'}",
            "mirrors:",
            "  - nginx:1",
            "  - {source: a.b/c, tags: [1], target: 'r.test/{path'}",
        ],
        &[
            "3:5: mirrors[0].target: `{repo}` is none of `{host}`, `{path}` and `{name}`",
            "4:40: mirrors[1].target: a `{` without its `}`",
        ],
    );
}

#[test]
fn keys_that_start_with_x_are_for_anchors() {
    understood(
        "x-tags: &tags [1, {match: x}]\nx-note: ${NOT_SET}\nmirrors: [{source: a.b/c, target: r.test/c, tags: *tags}]",
        &["c: a.b/c -> r.test/c [tag 1, match x]"],
    );
}
