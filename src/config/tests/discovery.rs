//! Sources that stand for all repositories under a path.

use super::{check, check_mirror, env, parse};
use crate::config::{Config, Faults, Found, Listed};

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

/// What the mirror of this name fails with.
fn failure<'a>(config: &'a Config, name: &str) -> &'a str {
    let mirror = config.mirrors.iter().find(|mirror| mirror.name == name).unwrap();
    mirror.undiscovered.as_deref().unwrap()
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
        ("[quay.io/a/b/*]", "quay.io/a/b/*"),
    ] {
        assert_eq!(parse(&TEAM.replace("cgr.dev/acme/*", source)).unwrap().discoveries[0].source, told);
    }
}

#[test]
fn what_is_found_is_a_mirror_each() {
    let listed: &[&str] = &["acme/web", "acme", "acme/api-dev", "acme/deep/er", "acmee/x", "acme/web"];
    let config = found(TEAM, &[("cgr.dev/acme/*", listed)]).unwrap();
    assert_eq!(names(&config), ["cgr.dev/acme/deep/er", "cgr.dev/acme/web"]);
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
    let config = found(&ecr, &[("cgr.dev/acme/*", &["acme/a__b", "acme/ok"])]).unwrap();
    assert_eq!(names(&config), ["cgr.dev/acme/ok", "cgr.dev/acme/*"]);
    assert_eq!(
        failure(&config, "cgr.dev/acme/*"),
        "acme/a__b: ECR takes one `.`, `_`, `-` or `/` between letters and digits, and here are several in a row"
    );
    assert!(long.parse::<crate::oci::Repository>().is_err(), "a registry's own bound is below that of ECR");
}

#[test]
fn notices_about_what_is_not_there_now_are_a_warning() {
    let text = TEAM.to_owned()
        + "notices: [{webhook: {url: 'https://a.test/'}, mirrors: [cgr.dev/acme/api, cgr.dev/acme/web]}]\n";
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
    assert_eq!(names(&config), ["cgr.dev/acme/web", "cgr.dev/*"]);
    assert_eq!(
        failure(&config, "cgr.dev/*"),
        "cgr.dev/acme/web: a mirror before has this name: leave it out here with `except`"
    );
    let both = both.replace("registry.test/all/{path}", "registry.test/{path}");
    let config = found(&both, &[("cgr.dev/acme/*", listed), ("cgr.dev/*", &["acme/web", "x"])]).unwrap();
    assert_eq!(names(&config), ["cgr.dev/x", "cgr.dev/acme/*", "cgr.dev/*"]);
    assert!(failure(&config, "cgr.dev/acme/*").contains("has the same target, registry.test/acme/web"));
}

#[test]
fn a_name_does_not_depend_on_what_others_list() {
    let both = TEAM.to_owned()
        + "  - {source: quay.io/acme/*, tags: [latest], target: 'registry.test/quay/{path}'}\n";
    let quay = |cgr: &[&str]| {
        let config = found(&both, &[("cgr.dev/acme/*", cgr), ("quay.io/acme/*", &["acme/app"])]).unwrap();
        let quay =
            config.mirrors.iter().find(|mirror| mirror.source.to_string() == "quay.io/acme/app").unwrap();
        (quay.name.clone(), quay.shard.clone())
    };
    assert_eq!(quay(&["acme/app"]), quay(&["acme/web"]));
    assert_eq!(quay(&["acme/app"]).0, "quay.io/acme/app");
}

#[test]
fn what_is_filled_is_not_copied_again() {
    let ring = "\
mirrors:
  - {source: a.test/*, tags: [latest], target: 'b.test/{path}'}
  - {source: b.test/*, tags: [latest], target: 'a.test/from-b/{path}'}
  - {source: c.test/x, tags: [latest], target: a.test/x}
";
    let listed: [(&str, &[&str]); 2] =
        [("a.test/*", &["app", "from-b/own", "x"]), ("b.test/*", &["app", "own"])];
    let config = found(ring, &listed).unwrap();
    assert_eq!(names(&config), ["x", "a.test/app", "b.test/own"]);

    let own = TEAM.replace("registry.test/{path}", "cgr.dev/acme/copies/{path}");
    let words = "under the source: each copy would be discovered and copied again; leave the copies out with `except`";
    assert!(parse(&own).unwrap_err().to_string().contains(words));
    assert!(parse(&own.replace("-dev$", "^acme/copies/")).is_ok());
}

#[test]
fn what_was_known_stays_where_a_list_fails_or_is_empty() {
    let discovery = &parse(TEAM).unwrap().discoveries[0];
    let [web, other] = ["acme/web", "other/x"].map(|path| path.parse().unwrap());
    let before = discovery.listed(&Ok(vec![web, other]));
    let taken = |listed: &Listed| {
        let found = Found::from([(discovery.source.clone(), listed.clone())]);
        Config::parse_found("tagferry.yaml", TEAM, &env, &found).unwrap()
    };
    for (now, why) in [
        (
            Err("503 try later".to_owned()),
            "cannot discover the repositories of cgr.dev/acme/*: 503 try later",
        ),
        (Ok(Vec::new()), "cgr.dev/acme/* has no repositories any more, of 1 before"),
    ] {
        let now = discovery.listed(&now);
        assert_eq!(names(&taken(&now)), ["cgr.dev/acme/*"]);
        let kept = discovery.keep(&before, now);
        let config = taken(&kept);
        assert_eq!(names(&config), ["cgr.dev/acme/web", "cgr.dev/acme/*"]);
        assert!(failure(&config, "cgr.dev/acme/*").starts_with(why));
        // The next list is compared with what was kept.
        assert_eq!(names(&taken(&discovery.keep(&kept, discovery.listed(&Ok(Vec::new()))))).len(), 2);
    }
    let none = parse(&TEAM.replace("except:", "at_least: 0, except:")).unwrap();
    let none = none.discoveries[0].keep(&before, discovery.listed(&Ok(Vec::new())));
    assert_eq!(names(&taken(&none)), ["cgr.dev/acme/*"]);
}

#[test]
fn what_cannot_be_discovered_fails_once_however_often_it_is_written() {
    let item = |team: &str| format!("  - {{source: cgr.dev/{team}/*, tags: [latest]}}\n");
    let text = format!(
        "defaults: {{target: 'registry.test/{{path}}'}}\nmirrors:\n{}{}{}",
        item("acme"),
        item("other"),
        item("acme")
    );
    let discoveries = parse(&text).unwrap().discoveries;
    let failed = |discovery: &crate::config::Discovery| {
        (discovery.source.clone(), discovery.listed(&Err("503".to_owned())))
    };
    let found: Found = discoveries.iter().map(failed).collect();
    let config = Config::parse_found("tagferry.yaml", &text, &env, &found).unwrap();
    assert_eq!(names(&config), ["cgr.dev/acme/*", "cgr.dev/other/*"]);
}

#[test]
fn what_is_named_and_not_known_is_told() {
    let names = ["cgr.dev/acme/web".to_owned()];
    let error = parse(TEAM).unwrap().keep_named(&names).unwrap_err().to_string();
    assert!(
        error.contains(
            "the repositories of cgr.dev/acme/* are mirrors called HOST/PATH, known with `--online`"
        )
    );
    // It may be one of those that could not be discovered.
    let failed = |name: &str| {
        let discovery = &parse(TEAM).unwrap().discoveries[0];
        let listed = discovery.listed(&Err("503".to_owned()));
        let found = Found::from([(discovery.source.clone(), listed)]);
        let mut config = Config::parse_found("tagferry.yaml", TEAM, &env, &found).unwrap();
        config.keep_named(&[name.to_owned()]).map(|()| config.mirrors.len())
    };
    assert_eq!(failed("cgr.dev/acme/web").unwrap(), 1);
    assert!(failed("cgr.dev/other").is_err());
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
            "3:14: mirrors[0].source: {host} does not offer a list of its repositories: write a mirror for each that you want"
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
            "3:11: mirrors[0].name: has no meaning here: each repository is a mirror, called by its host and path",
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
