//! What files of other tools come out as. Whole jobs of the field are in `tests/it`.

use crate::import::{Draft, Kind, To, import, write};

/// The configuration for these files.
fn imported(to: Option<&str>, files: &[&str]) -> String {
    let mut draft = Draft::default();
    for text in files {
        let (_, read) = import(text, None, &To(to.map(str::to_owned))).unwrap();
        draft.extend(read);
    }
    let mut out = Vec::new();
    write(&mut out, draft).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check_kind(text: &str, expected: Kind) {
    assert_eq!(import(text, None, &To::default()).map(|(kind, _)| kind), Ok(expected));
}

#[test]
fn a_file_is_recognised_by_its_keys() {
    check_kind("version: 1\nsync: []", Kind::Regsync);
    check_kind("relay: skopeo\ntasks: []", Kind::Dregsy);
    check_kind("registries: {}\nmappings: []", Kind::Ocync);
    check_kind("quay.io: {images: {a: []}}", Kind::Skopeo);
    check_kind("quay.io: {images-by-semver: {a: '>=1'}, tls-verify: true}", Kind::Skopeo);
    check_kind(r#"{"quay.io/a/b:1": "registry.test/a/b"}"#, Kind::ImageSyncer);
    check_kind(r#"{"quay.io": {"username": "a", "password": "b"}}"#, Kind::ImageSyncer);
    check_kind("# images\nnginx:1.27\n\n- quay.io/a/b@sha256:00  # pinned", Kind::List);
    check_kind("localhost:5000/a", Kind::List);
}

#[test]
fn what_no_tool_has_written_is_refused() {
    let error = |text| import(text, None, &To::default()).err().unwrap();
    assert!(error("mirrors: []").contains("a configuration of tagferry already"));
    assert!(error("a: {b: c}").contains("--from"));
    assert!(error("a b c").contains("neither a list"));
    assert!(error("sync: [{type: image, target: b}]").contains("`sync[0].source` is missing"));
    assert!(
        error("sync: [{type: image, source: 'https://user:secret@quay.io/a', target: b}]")
            .contains("`sync[0].source`")
    );
    assert!(
        !error("sync: [{type: image, source: 'https://user:secret@quay.io/a', target: b}]")
            .contains("secret")
    );
}

#[test]
fn lines_of_a_list_that_are_no_images_are_told_by_their_numbers() {
    let text = "nginx:1\nFROM alpine\nquay.io/a/b:1 # ours\nhttps://quay.io/a/c:1\nquay.io/a/d:1";
    let error = import(text, None, &To::default()).err();
    assert_eq!(error.as_deref(), Some("2, 4: no image reference such as `quay.io/a/b:1.2`"));
}

#[test]
fn regsync_keeps_its_settings_and_what_has_no_equal_is_a_comment() {
    let text = r#"
version: 1
x-rules: &rules {allow: ['v1\..*', edge], deny: ['.*-rc']}
creds:
  - {registry: quay.io, user: robot, pass: secret-text, reqPerSec: 2.5}
  - {registry: docker.io, user: '{{env "HUB_USER"}}', pass: '{{ file "/run/hub" }}'}
  - {registry: 'plain.test:5000', tls: disabled, credHelper: docker-credential-x}
defaults: {interval: 90m, referrers: true, parallel: 3}
sync:
  - {source: quay.io/a/b, target: registry.test/a/b, type: repository, tags: *rules, backup: 'old-{{.Ref.Tag}}'}
  - {source: quay.io/a/c, target: registry.test/a/c, type: repository, tagSets: [{semverRange: ['>=1.2 <2'], allow: ['[0-9.]+']}, {allow: [latest]}], platform: linux/amd64}
  - {source: nginx, target: registry.test/web, type: image}
  - {source: 'nginx:1.27', target: 'registry.test/web:stable', type: image}
  - {source: 'nginx@sha256:0000', target: 'registry.test/web:pinned', type: image}
"#;
    insta::assert_snapshot!(imported(None, &[text]), @r"
    # defaults.interval: `90m` is no part of a day, so this runs more often
    # left out: defaults.parallel: `concurrency` says how much is done at a time
    # A tag by its name fails here where it is not there: where that is right, write it as `match` with `at_least: 0`
    schedule:
      cron: 0 * * * *
    defaults:
      target: registry.test/{path}
      referrers: true
      at_least: 0   # no tag is no failure
    mirrors:
      # left out: sync[0].backup: the tag moves and the image before it stays in the repository by its digest; ECR's lifecycle policy says for how long
      - source: quay.io/a/b
        tags:
          - match: ^v1\.
            except: -rc$
          - edge
      - source: quay.io/a/c
        platforms: [linux/amd64]
        tags:
          - match: ^[0-9.]+$
            range: '>=1.2, <2'
            prereleases: true
          - latest
      - source: docker.io/library/nginx
        target: registry.test/web
        tags:
          - latest
          - tag: '1.27'
            as: stable
          - digest: sha256:0000
            as: pinned
    registries:
      docker.io:
        credentials:
          username: ${HUB_USER}
          password_file: /run/hub
      # plain.test:5000: left out: creds[2].credHelper: name the helper in Docker's config.json; ECR needs none, the login comes from AWS
      plain.test:5000:
        plain_http: true
      # quay.io: the password is not copied: put it into QUAY_IO_PASSWORD
      quay.io:
        credentials:
          username: robot
          password: ${QUAY_IO_PASSWORD}
        limits:
          per_second: 2
    ");
}

#[test]
fn passwords_are_never_text() {
    let files = [
        "sync: [{source: a, target: r.test/a, type: image}]\ncreds: [{registry: r.test, user: u, pass: hunter2}]",
        "quay.io: {images: {a: ['1']}, credentials: {username: u, password: hunter2}}",
        // {"username": "u", "password": "hunter2"}
        "tasks: [{name: t, source: {registry: a.test, auth: eyJ1c2VybmFtZSI6ICJ1IiwgInBhc3N3b3JkIjogImh1bnRlcjIifQ==}, \
         target: {registry: b.test}, mappings: [{from: x, tags: ['1']}]}]",
        "{c.test: {username: u, password: hunter2, identityToken: hunter2}}",
        "{registries: {s: {url: d.test, auth_type: basic, credentials: {username: u, password: hunter2}}, \
         t: {url: e.test, token: hunter2}}, mappings: [{from: y, source: s, targets: t, tags: {glob: '1'}}]}",
    ];
    let text = imported(None, &files);
    assert!(!text.contains("hunter2") && !text.contains("eyJ1"), "{text}");
    for host in ["R_TEST", "QUAY_IO", "A_TEST", "C_TEST", "D_TEST", "E_TEST"] {
        assert!(text.contains(&format!("password: ${{{host}_PASSWORD}}")), "{host}: {text}");
    }
}

#[test]
fn mirrors_of_one_name_get_names_of_their_own() {
    let list = "nginx:1\nquay.io/library/nginx:1\nquay.io/a/b:1";
    let sync = "sync: [{source: 'quay.io/a/b:2', target: 'other.test/b:2', type: image}]";
    insta::assert_snapshot!(imported(Some("registry.test/{host}/{path}"), &[list, sync]), @"
    defaults:
      target: registry.test/{host}/{path}
    mirrors:
      - docker.io/library/nginx:1
      - source: quay.io/library/nginx
        name: quay.io/library/nginx
        tags: ['1']
      - quay.io/a/b:1
      - source: quay.io/a/b
        name: other.test/b
        target: other.test/b
        tags: ['2']
    ");
}

#[test]
fn what_others_take_literally_is_no_variable_and_breaks_no_line() {
    let text = imported(Some("registry.test"), &["quay.io: {images-by-tag-regex: {a: \"x${A}\\n: y #\"}}"]);
    assert!(text.contains(r#"match: "x$${A}\n: y #""#), "{text}");
}

#[test]
fn dregsy_filters_are_rules() {
    let text = "
relay: skopeo
tasks:
  - name: t
    interval: 3600
    source: {registry: a.test/base, skip-tls-verify: true}
    target: {registry: b.test}
    mappings:
      - {from: x, to: y/x, tags: ['regex: !.*-dev', 'keep: v.*', latest, v2], platform: all}
      - {from: z, tags: ['regex:[0-9.]+-x', 'semver: >=2.0.0', 'keep: latest 3', 'v3@sha256:00']}
      - {from: 'regex:team/.*', to: copies}
";
    insta::assert_snapshot!(imported(None, &[text]), @r"
    # dregsy copies the platform of its own machine where a mapping names none: here all are copied, or those in `platforms`
    # left out: tasks[0].mappings[2]: a pattern: write a mirror for each repository
    schedule:
      cron: 0 * * * *
    defaults:
      at_least: 0   # no tag is no failure
    mirrors:
      - source: a.test/base/x
        target: b.test/y/x
        tags:
          - match: ^v
            except: -dev$
          - latest
          - v2
      - source: a.test/base/z
        target: b.test/z
        tags:
          - match: ^[0-9.]+-x$
            prereleases: true
            newest: 3   # of each variant: dregsy counts all versions together
          - match: ^v?[0-9]+\.[0-9]+\.[0-9]+(-.*)?$
            range: '>=2.0.0'
            prereleases: true
            newest: 3   # of each variant: dregsy counts all versions together
          - tag: v3
            digest: sha256:00
          - match: ^[0-9.]+-x$   # dregsy keeps all that is no version
            except: ^v?[0-9]+(\.[0-9]+){0,2}$|^v?[0-9]+\.[0-9]+\.[0-9]+-[0-9A-Za-z.-]+$
    registries:
      # a.test: left out: tasks[0].source.skip-tls-verify: TLS is always verified: name the authority by `ca_file`, or set `plain_http`
    ");
}

#[test]
fn repositories_by_a_pattern_are_discovered_where_all_below_a_path_are_meant() {
    let regsync = "
sync:
  - {type: registry, source: a.test, target: b.test/a, tags: {allow: [latest, '[0-9.]+']},
     repos: {allow: ['team/.*', team/dev, ops/db, 'lib/(x|y)'], deny: ['.*-dev', team/dev]}}
  - {type: registry, source: ghcr.io, target: b.test/g}
";
    let dregsy = "
relay: skopeo
tasks:
  - {name: t, source: {registry: c.test}, target: {registry: b.test/c}, mappings: [{from: 'regex:^team/.+$', to: copies}, {from: 'regex:.*'}]}
";
    insta::assert_snapshot!(imported(None, &[regsync, dregsy]), @r"
    # left out: sync[0].repos.allow: `lib/(x|y)`: write a mirror for each repository
    # A tag by its name fails here where it is not there: where that is right, write it as `match` with `at_least: 0`
    # left out: sync[1].repos.allow: `.*`: write a mirror for each repository
    # dregsy copies the platform of its own machine where a mapping names none: here all are copied, or those in `platforms`
    defaults:
      target: b.test/a/{path}
      at_least: 0   # no tag is no failure
    mirrors:
      - source: a.test/team/*   # `serve` reads this list at its start and at each reload alone
        except: -dev$|^team/dev$
        tags:
          - match: ^latest$
          - match: ^[0-9.]+$
      - source: a.test/ops/db
        tags:
          - latest
          - match: ^[0-9.]+$
      - source: c.test/team/*   # `serve` reads this list at its start and at each reload alone
        target: b.test/c/copies/{path}
        tags:
          - match: .
      - source: c.test/*   # `serve` reads this list at its start and at each reload alone
        target: b.test/c/{path}
        tags:
          - match: .
    ");
}

#[test]
fn image_syncer_knows_several_names_and_logins_for_paths() {
    let images = r#"{"a.test/x:1,2": "b.test/x:one,two", "a.test/y": ["b.test/y", "c.test/y"], "a.test/z@sha256:00": "b.test/z:pinned"}"#;
    let auth = r#"{"a.test/team": {"username": "$USER_A", "password": "${PASS_A}"}, "b.test": {"username": "u", "password": "p", "insecure": true}}"#;
    insta::assert_snapshot!(imported(None, &[images, auth]), @"
    # image-syncer's `--os` and `--arch` stand on its command line: write them as `platforms`
    # a.test/team: a login is for a whole registry here, whichever path it was for
    defaults:
      target: b.test/{path}
    mirrors:
      - source: a.test/x
        tags:
          - tag: '1'
            as: one
          - tag: '2'
            as: two
      - source: a.test/y
        target:
          - b.test/y
          - c.test/y
        at_least: 0   # no tag is no failure
        tags:
          - match: .
      - source: a.test/z
        tags:
          - digest: sha256:00
            as: pinned
    registries:
      a.test:
        credentials:
          username: ${USER_A}
          password: ${PASS_A}
      # b.test: the password is not copied: put it into B_TEST_PASSWORD
      b.test:
        credentials:
          username: u
          password: ${B_TEST_PASSWORD}
        plain_http: true
    ");
}

#[test]
fn ocync_groups_are_several_targets() {
    let text = "
global: {max_concurrent_transfers: 50}
registries:
  hub: {url: docker.io, max_concurrent: 4}
  east: {url: '${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com'}
  west: {url: '${ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com'}
target_groups: {prod: [east, west]}
defaults:
  source: hub
  targets: prod
  tags: {semver: '>=1.0', semver_prerelease: include, sort: semver, latest: 10, min_tags: 2, include: [latest, '*-slim']}
mappings:
  - {from: library/nginx, to: nginx}
  - {from: library/redis, to: redis, tags: {glob: ['1.*'], exclude: '*-debug', immutable_tags: '*'}, artifacts: {enabled: true, include: [x]}}
";
    insta::assert_snapshot!(imported(None, &[text]), @r"
    # left out: mappings[1].tags.immutable_tags: write `immutable: true` into the rules whose tags never move
    # left out: mappings[1].artifacts.include: `referrers` takes all kinds
    # left out: global: `concurrency` says how much is done at a time; nothing is kept on disk
    defaults:
      referrers: true
    mirrors:
      - source: docker.io/library/nginx
        target:
          - ${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/nginx
          - ${ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com/nginx
        at_least: 2
        tags:
          - match: .
            except: (?i)-(rc|alpha|beta|pre|snapshot|nightly)
            range: '>=1.0'
            prereleases: true
            newest: 10   # of each variant: ocync counts all tags together
          - latest
          - match: -slim$
            range: '>=1.0'
            prereleases: true
            newest: 10   # of each variant: ocync counts all tags together
      - source: docker.io/library/redis
        target:
          - ${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/redis
          - ${ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com/redis
        at_least: 2
        tags:
          - match: ^1\.
            except: -debug$|(?i)-(rc|alpha|beta|pre|snapshot|nightly)
            range: '>=1.0'
            prereleases: true
            newest: 10   # of each variant: ocync counts all tags together
          - latest
          - match: -slim$
            except: -debug$
            range: '>=1.0'
            prereleases: true
            newest: 10   # of each variant: ocync counts all tags together
    registries:
      docker.io:
        limits:
          concurrent: 4
    ");
}
