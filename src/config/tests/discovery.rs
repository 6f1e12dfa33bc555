//! Sources that stand for all repositories under a path.

use super::{check, check_mirror, env, parse};
use crate::config::{Config, Faults, Found};

const TEAM: &str = "\
defaults: {target: 'registry.test/{path}'}
mirrors:
  - {source: cgr.dev/acme/*, except: -dev$, tags: [latest]}
";

/// A configuration for which registries list these.
fn found(text: &str, listed: &[(&str, &[&str])]) -> Result<Config, Faults> {
    let repositories = |paths: &[&str]| paths.iter().map(|path| path.parse().unwrap()).collect();
    let found: Found =
        listed.iter().map(|(source, paths)| ((*source).to_owned(), repositories(paths))).collect();
    Config::parse_found("tagferry.yaml", text, &env, &found)
}

fn names(config: &Config) -> Vec<&str> {
    config.mirrors.iter().map(|mirror| mirror.name.as_str()).collect()
}

#[test]
fn nothing_is_a_mirror_before_it_is_found() {
    let config = parse(TEAM).unwrap();
    assert!(config.mirrors.is_empty());
    assert_eq!(config.discoveries[0].source, "cgr.dev/acme/*");
    for (source, told) in [
        ("cgr.dev/*", "cgr.dev/*"),
        ("localhost:5000/*", "localhost:5000/*"),
        ("quay.io/a/b/*", "quay.io/a/b/*"),
    ] {
        assert_eq!(parse(&TEAM.replace("cgr.dev/acme/*", source)).unwrap().discoveries[0].source, told);
    }
}

#[test]
fn what_is_found_is_a_mirror_each() {
    let listed: &[&str] = &["acme/web", "acme", "acme/api-dev", "acme/deep/er", "acmee/x", "acme/web"];
    let config = found(TEAM, &[("cgr.dev/acme/*", listed)]).unwrap();
    assert_eq!(names(&config), ["acme/deep/er", "acme/web"]);
    let web = &config.mirrors[1];
    assert_eq!(
        [web.source.to_string(), web.target.to_string()],
        ["cgr.dev/acme/web", "registry.test/acme/web"]
    );
    assert_eq!(web.discovered_by.as_deref(), Some("cgr.dev/acme/*"));
    assert!(config.discoveries.is_empty());
}

#[test]
fn what_ecr_does_not_take_is_told_of_the_repository() {
    let ecr = TEAM.replace("registry.test", "123456789012.dkr.ecr.eu-central-1.amazonaws.com");
    let long = format!("acme/{}", "x".repeat(260));
    let faults = found(&ecr, &[("cgr.dev/acme/*", &["acme/a__b", "acme/ok"])]).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "tagferry.yaml:3:5: mirrors[0].target: a__b: ECR takes one `.`, `_`, `-` or `/` between letters and digits, and \
         here are several in a row"
    );
    assert!(long.parse::<crate::oci::Repository>().is_err(), "a registry's own bound is below that of ECR");
}

#[test]
fn notices_about_what_is_not_there_now_are_a_warning() {
    let text =
        TEAM.to_owned() + "notices: [{webhook: {url: 'https://a.test/'}, mirrors: [acme/api, acme/web]}]\n";
    assert!(parse(&text).unwrap().warnings.is_empty());
    let config = found(&text, &[("cgr.dev/acme/*", &["acme/web"])]).unwrap();
    let warnings: Vec<_> = config.warnings.iter().map(|warning| warning.fault.to_string()).collect();
    assert_eq!(
        warnings,
        [
            "4:57: notices[0].mirrors[0]: no mirror has this name now: no repository of this path was discovered"
        ]
    );
}

#[test]
fn two_that_overlap_are_told() {
    let both =
        TEAM.to_owned() + "  - {source: cgr.dev/*, tags: [latest], target: 'registry.test/all/{path}'}\n";
    let listed: &[&str] = &["acme/web"];
    let config = found(&both, &[("cgr.dev/acme/*", listed), ("cgr.dev/*", listed)]).unwrap();
    assert_eq!(names(&config), ["acme/web", "cgr.dev/acme/web"]);
    let thrice = both + "  - {source: cgr.dev/*, tags: [latest], target: 'registry.test/more/{path}'}\n";
    let faults = found(&thrice, &[("cgr.dev/acme/*", listed), ("cgr.dev/*", listed)]).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "tagferry.yaml:5:14: mirrors[2].source: `cgr.dev/acme/web` is the name of mirrors[1] too: leave it out here \
         by `except`"
    );
}

#[test]
fn who_lists_nothing_is_known_beforehand() {
    for (source, host) in [
        ("container-registry.oracle.com/java/*", "container-registry.oracle.com"),
        ("ghcr.io/acme/*", "ghcr.io"),
        ("acme/*", "docker.io"),
        ("docker.io/*", "docker.io"),
    ] {
        let expected = format!(
            "3:14: mirrors[0].source: {host} lists its repositories to nobody: write a mirror for each that you want"
        );
        let text = TEAM.replace("cgr.dev/acme/*", source);
        check(&text.lines().collect::<Vec<_>>(), &[&expected]);
    }
}

#[test]
fn what_has_no_meaning_is_told() {
    check_mirror(
        &["    except: x"],
        &[
            "5:5: mirrors[0].except: has no meaning without a source such as `HOST/PATH/*`; rules of `tags` have an `except` of \
           their own",
        ],
    );
    check(
        &[
            "mirrors:",
            "  - source: cgr.dev/acme/*",
            "    name: acme",
            "    except: (",
            "    target: registry.test/all",
            "    tags: [latest]",
        ],
        &[
            "3:11: mirrors[0].name: has no meaning here: each repository is a mirror, and called by its path",
            "4:13: mirrors[0].except: not a regular expression: unclosed group, at character 1, `(`",
            "5:13: mirrors[0].target: one target for all repositories: write `{path}` or `{name}` in it",
        ],
    );
    check(
        &["mirrors:", "  - {source: [a.test/x/*, b.test/y], target: c.test/y, tags: [latest]}"],
        &["2:15: mirrors[0].source[0]: a source such as `HOST/PATH/*` stands alone: write a mirror for each"],
    );
    check(
        &["mirrors:", "  - {source: 'oci:./dir/*', target: 'c.test/{name}', tags: [latest]}"],
        &["2:14: mirrors[0].source: a directory lists no repositories: write a mirror for each"],
    );
    check(
        &["mirrors:", "  - {source: c.test/*, target: 'c.test/{path}', tags: [latest]}"],
        &["2:32: mirrors[0].target: the source itself: write the repository that is to hold the copies"],
    );
}
