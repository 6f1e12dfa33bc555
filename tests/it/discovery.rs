//! Mirrors of all repositories that a registry lists under a path.

use std::fs;

use serde_json::{Value, json};
use tagferry::event::RunSummary;

use crate::fake::{Action, Ecr, Face, Fault, Match, Registry, Reply, image};
use crate::world::daemon::{SERVE, World};
use crate::world::program::Program;
use crate::world::receiver::Receiver;
use crate::world::{Side, assert_says, assert_succeeded, mirror, paths, sync};

/// All of a team, but for what is still made.
const TEAM: &str =
    "  - {source: SOURCE/team/*, except: -dev$, target: 'TARGET/copy/{path}', tags: [{match: .}]}\n";

/// A registry with these repositories, each with one tag.
async fn registry(face: Face, repositories: &[&str]) -> Registry {
    let registry = Registry::start(face).await;
    push(&registry, repositories);
    registry
}

fn push(registry: &Registry, repositories: &[&str]) {
    for repository in repositories {
        registry.push(repository, "1.0", &image(&["base", repository]));
    }
}

#[track_caller]
fn assert_refused(refused: Result<Vec<String>, String>, words: &[&str]) {
    assert_says(refused.unwrap_err(), words);
}

/// The repositories of a registry that hold something.
fn filled<'a>(registry: &Registry, paths: &[&'a str]) -> Vec<&'a str> {
    paths.iter().copied().filter(|path| !registry.tags(path).is_empty()).collect()
}

#[tokio::test]
async fn each_repository_under_a_path_is_a_mirror() {
    let all = ["ops/db", "team/api", "team/api-dev", "team/deep/er", "teams/x"];
    for face in [Face::Open, Face::Basic, Face::Token, Face::Quay] {
        let (source, target) = (registry(face, &all).await, Registry::start(Face::Open).await);
        let summary = sync(&mirror(&source, &target, TEAM)).await;
        assert_succeeded(&summary);
        let names: Vec<_> = summary.mirrors.iter().map(|mirror| mirror.name.as_str()).collect();
        assert_eq!(
            names,
            ["team/api", "team/deep/er"].map(|path| format!("{}/{path}", source.host())),
            "{face:?}"
        );
        let copies = all.map(|path| format!("copy/{path}"));
        let copies = copies.each_ref().map(String::as_str);
        assert_eq!(filled(&target, &copies), ["copy/team/api", "copy/team/deep/er"]);
    }
}

#[tokio::test]
async fn a_catalogue_is_read_page_by_page() {
    let names: Vec<String> = (0..250).map(|number| format!("app-{number:03}")).collect();
    let source = Registry::builder(Face::Open).quirks(|quirks| quirks.page_max = 100).start().await;
    push(&source, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let target = Registry::start(Face::Open).await;
    let all = mirror(&source, &target, "  - {source: SOURCE/*, target: 'TARGET/{name}', tags: ['1']}\n");
    assert_eq!(paths(&all).await.unwrap(), names);
    assert_eq!(source.count(&Match::catalogue()), 3);
}

#[tokio::test]
async fn ecr_describes_its_repositories() {
    let (ecr, target) = (Ecr::start().await, Registry::start(Face::Open).await);
    for number in 0..1200 {
        ecr.create(&format!("other/{number}"), crate::fake::Settings::default());
    }
    for name in ["team/api", "team/web", "team/web-dev"] {
        ecr.push(name, "1", &image(&[name]));
    }
    let config = mirror(&ecr, &target, TEAM);
    let summary = sync(&config).await;
    assert_succeeded(&summary);
    assert_eq!(
        filled(&target, &["copy/team/api", "copy/team/web", "copy/other/1"]),
        ["copy/team/api", "copy/team/web"]
    );
    assert_eq!(ecr.count(&Match::api("DescribeRepositories")), 2);
    assert_eq!(ecr.count(&Match::catalogue()), 0);

    ecr.deny("ecr:DescribeRepositories");
    let refused = Program::configured(&config).aws().run_online(&["sync"]).await;
    assert_says(
        &refused.assert_code(1).stderr,
        &["cannot discover the repositories of", "ecr:DescribeRepositories on arn:aws:ecr:", ":repository/*"],
    );
}

#[tokio::test]
async fn a_registry_without_a_catalogue_is_told_with_what_to_do() {
    let target = Registry::start(Face::Open).await;
    let refused = |status| Reply::error(status, "UNAUTHORIZED", "not for you");
    for (status, reply) in [
        (401, refused(401)),
        (403, refused(403)),
        (404, Reply::status(404).body("404 page not found\n")),
        (405, refused(405)),
    ] {
        let source = registry(Face::Open, &["team/api"]).await;
        source.fault(Fault::new(Match::catalogue(), Action::Answer(reply)));
        let ran = Program::configured(&mirror(&source, &target, TEAM)).run_online(&["sync"]).await;
        let words =
            ["/team/*: ", &status.to_string(), "do not offer a list of their repositories", "one by one"];
        assert_says(&ran.assert_code(1).stderr, &words);
        let ran =
            Program::configured(&mirror(&source, &target, TEAM)).run_online(&["check", "--online"]).await;
        assert_says(&ran.assert_code(1).stdout, &words);
    }
    assert_eq!(target.requests().len(), 0);
}

#[tokio::test]
async fn a_catalogue_that_breaks_off_is_no_catalogue() {
    let target = Registry::start(Face::Open).await;
    let names: Vec<String> = (0..30).map(|number| format!("team/app-{number}")).collect();
    let source = Registry::builder(Face::Open).quirks(|quirks| quirks.page_max = 10).start().await;
    push(&source, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let config = mirror(&source, &target, TEAM);
    // Once is made good, always is a failure.
    source.fault(Fault::new(Match::catalogue().containing("last="), Action::CutBody { after: 20 }).once());
    assert_eq!(paths(&config).await.unwrap().len(), 30);
    source.fault(Fault::new(Match::catalogue().containing("last="), Action::status(500)));
    assert_refused(paths(&config).await, &["cannot discover the repositories of", "500"]);
    source.heal();
    source.fault(Fault::new(Match::catalogue(), Action::Answer(Reply::json(200, &json!({"tags": [1]})))));
    assert_refused(paths(&config).await, &["missing field `repositories`"]);
}

#[tokio::test]
async fn none_is_a_fault_unless_it_may_be_so() {
    let (source, target) = (registry(Face::Open, &["ops/db"]).await, Registry::start(Face::Open).await);
    let config = mirror(&source, &target, TEAM);
    let words = [
        "the registry lists no repository under ",
        "/team/* (1 in all); if that is expected, set `at_least: 0`",
    ];
    assert_refused(paths(&config).await, &words);
    assert_eq!(paths(&config.replace("except:", "at_least: 0, except:")).await.unwrap(), [""; 0]);
    push(&source, &["team/web-dev"]);
    assert_refused(
        paths(&config).await,
        &["`except` leaves out all repositories under ", "/team/* (1); if that is"],
    );
}

#[tokio::test]
async fn more_than_five_hundred_are_not_taken() {
    let target = Registry::start(Face::Open).await;
    let names: Vec<String> = (0..501).map(|number| format!("team/app-{number}")).collect();
    let source = registry(Face::Open, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let config = mirror(&source, &target, TEAM);
    assert_refused(paths(&config).await, &["/team/* has 501 repositories, the limit is 500: exclude some"]);
    assert_eq!(paths(&config.replace("-dev$", "-7$")).await.unwrap().len(), 500);
    Program::configured(&config).run_online(&["sync"]).await.assert_code(1);
    assert_eq!(target.requests().len(), 0);
}

#[tokio::test]
async fn names_and_targets_that_clash_are_settled_or_told() {
    let (one, other) =
        (registry(Face::Open, &["app", "db"]).await, registry(Face::Open, &["app", "sub/app", "web"]).await);
    let target = Registry::start(Face::Open).await;
    let mut config =
        mirror(&one, &target, "  - {source: SOURCE/*, target: 'TARGET/one/{path}', tags: ['1.0']}\n");
    let host = other.host();
    config = config.replace("registries:\n", &format!("registries:\n  {host}: {{plain_http: true}}\n"));
    let with = |mirror: &str| {
        let mirror = mirror.replace("OTHER", &host).replace("TARGET", &target.host());
        config.replace("registries:", &format!("{mirror}registries:"))
    };
    let names =
        |summary: &RunSummary| summary.mirrors.iter().map(|mirror| mirror.name.clone()).collect::<Vec<_>>();
    let at = |registry: &Registry, path: &str| format!("{}/{path}", registry.host());
    let summary = sync(&with("  - {source: OTHER/app, target: TARGET/app, tags: ['1.0']}\n")).await;
    assert_succeeded(&summary);
    assert_eq!(names(&summary), ["app".to_owned(), at(&one, "app"), at(&one, "db")]);

    // In doubt, nothing is copied; what is in no doubt is.
    let summary = sync(&with("  - {source: OTHER/*, target: 'TARGET/{name}', tags: ['1.0']}\n")).await;
    assert_eq!(names(&summary), [at(&one, "app"), at(&one, "db"), at(&other, "web"), at(&other, "*")]);
    let failed = summary.mirrors.last().unwrap().error.as_ref().unwrap().to_string();
    assert_says(failed, &["/app: another discovered repository has the same target, ", "/sub/app: "]);
    assert_eq!(target.tags("web"), other.tags("web"));
}

#[tokio::test]
async fn one_that_cannot_be_discovered_fails_alone() {
    let (source, target) =
        (registry(Face::Open, &["app", "team/api"]).await, Registry::start(Face::Open).await);
    source.fault(Fault::new(Match::catalogue(), Action::error(403, "DENIED", "no more")));
    let config = mirror(
        &source,
        &target,
        &(TEAM.to_owned() + "  - {source: SOURCE/app, target: TARGET/app, tags: ['1.0']}\n"),
    );
    let program = Program::configured(&config);
    let ran = program.run_online(&["sync", "--output", "json"]).await;
    let document = ran.assert_code(1).document();
    assert_eq!(
        (&document["mirrors"][0]["name"], &document["mirrors"][0]["outcome"]),
        (&json!("app"), &json!("succeeded"))
    );
    let all = format!("{}/team/*", source.host());
    let failed = &document["mirrors"][1];
    assert_eq!((&failed["name"], &failed["source"]), (&json!(all), &json!(all)));
    assert_eq!(failed["target"], format!("{}/copy/{{path}}", target.host()));
    assert_says(
        failed["error"].as_str().unwrap(),
        &["cannot discover the repositories of", "DENIED: no more"],
    );
    assert_eq!(filled(&target, &["app", "copy/team/api"]), ["app"]);
    let ran = program.run_online(&["sync", "--mirror", &format!("{}/team/api", source.host())]).await;
    assert_says(&ran.assert_code(1).stderr, &["DENIED: no more"]);

    let mut world = World::of(source, target, program).await;
    world.daemon.logs("DENIED: no more").await;
    assert_eq!(names(&world).await, ["app", "/team/*"]);
    world.sync_now(&["--wait", "--mirror", "app"]).await.assert_code(0);
    world.source.heal();
    world.daemon.signal("HUP");
    world.daemon.logs("Took the new configuration").await;
    assert_eq!(names(&world).await, ["app", "/team/api"]);
    world.stop().await;
}

#[tokio::test]
async fn a_list_that_hangs_takes_no_longer_than_the_run_may() {
    let (source, target) =
        (registry(Face::Open, &["app", "team/api"]).await, Registry::start(Face::Open).await);
    source.fault(Fault::new(Match::catalogue(), Action::Stall));
    let program = Program::configured(&mirror(&source, &target, TEAM));
    let ran = program.run_online(&["sync", "--deadline", "1s", "--output", "json"]).await;
    let document = ran.assert_code(1).document();
    assert_says(
        document["mirrors"][0]["error"].as_str().unwrap(),
        &["it was not done within `--deadline` (1s)"],
    );

    let asked = source.count(&Match::catalogue());
    // A signal ends it as well, also before there is anything to serve.
    let daemon = program.start(SERVE);
    source.wait_for(&Match::catalogue(), asked + 1).await;
    daemon.signal("TERM");
    let ended = daemon.ended().await;
    for false_words in ["Serving on", "Not every notice", "cannot discover"] {
        assert!(!ended.assert_code(0).stderr.contains(false_words), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn each_goes_to_all_targets() {
    let (source, first) = (registry(Face::Token, &["team/api"]).await, Registry::start(Face::Open).await);
    let ecr = Ecr::start().await;
    let further = format!("target: ['TARGET/{{path}}', '{}/second/{{name}}']", ecr.host());
    let mut config = mirror(&source, &first, &TEAM.replace("target: 'TARGET/copy/{path}'", &further));
    let Side { host, settings } = Side::from(&ecr);
    config = config.replace("registries:\n", &format!("registries:\n  {host}: {settings}\n"));
    let summary = sync(&config).await;
    assert_succeeded(&summary);
    assert_eq!(summary.mirrors.len(), 2);
    assert_eq!(
        (first.tags("team/api"), ecr.tags("second/api")),
        (source.tags("team/api"), source.tags("team/api"))
    );
}

#[tokio::test]
async fn commands_show_what_is_discovered() {
    let (source, target) = (registry(Face::Token, &["team/api"]).await, Registry::start(Face::Open).await);
    push(&source, &["app"]);
    let config = mirror(
        &source,
        &target,
        &(TEAM.to_owned() + "  - {source: SOURCE/app, target: TARGET/app, tags: ['1.0']}\n"),
    );
    let program = Program::configured(&config);
    let ran = program.run_online(&["check"]).await;
    assert_says(
        &ran.assert_code(0).stdout,
        &["/team/*\n  source     each repository that the registry lists; `--online`"],
    );
    // Whoever names what is written by hand needs no list of others.
    program.run_online(&["sync", "--mirror", "app"]).await.assert_code(0);
    assert_eq!(source.count(&Match::catalogue()), 0);
    let ran = program.run_online(&["check", "--online"]).await;
    assert_says(
        &ran.assert_code(0).stdout,
        &["/team/api\n", "/team/api: tags[0] (match .) selects 1 of 1: 1.0"],
    );
    let ran = program.run_online(&["plan", "--mirror", &format!("{}/team/api", source.host())]).await;
    assert_says(&ran.assert_code(0).stdout, &["team/api"]);
    assert_says(&ran.stderr, &["Discovered 1 repository of ", "/team/*"]);
}

/// Logged when the mirrors of a configuration are known.
const TAKEN: &str = "; the next run by schedule is that of";

/// The names of the mirrors that the daemon has, without the source's host.
async fn names(world: &World) -> Vec<String> {
    let known: Value = serde_json::from_str(&world.get("/api/v1/mirrors").await.1).unwrap();
    let names =
        known["mirrors"].as_array().unwrap().iter().map(|mirror| mirror["name"].as_str().unwrap().to_owned());
    names.map(|name| name.replace(&world.source.host(), "")).collect()
}

#[tokio::test]
async fn a_reload_finds_what_came_and_what_went_and_tells_it() {
    let (source, target) =
        (registry(Face::Token, &["team/api", "team/old"]).await, Registry::start(Face::Basic).await);
    let mut receiver = Receiver::start(Vec::new()).await;
    let notices =
        format!("notices: [{{webhook: {{url: '{}'}}, on: [discovered, reload_refused]}}]\n", receiver.url());
    let schedule = "schedule: {cron: '0 0 1 1 *', timezone: UTC}\n";
    let config = mirror(&source, &target, TEAM) + &notices + schedule;
    let mut world = World::of(source, target, Program::configured(&config)).await;
    world.daemon.logs(TAKEN).await;
    assert_eq!(names(&world).await, ["/team/api", "/team/old"]);

    push(&world.source, &["team/new", "ops/db"]);
    world.source.remove("team/old");
    world.daemon.signal("HUP");
    world.daemon.logs("Gone from").await;
    world.daemon.logs(TAKEN).await;
    assert_eq!(names(&world).await, ["/team/api", "/team/new"]);
    let told = receiver.next().await.json;
    assert_eq!((told["kind"].as_str(), told["severity"].as_str()), (Some("discovered"), Some("info")));
    assert_says(
        told["text"].as_str().unwrap(),
        &["/team/*: 1 new repository, mirrored from now on: ", "/team/new"],
    );
    let new = format!("{}/team/new", world.source.host());
    world.sync_now(&["--wait", "--mirror", &new]).await.assert_code(0);
    assert_eq!(filled(&world.target, &["copy/team/new", "copy/ops/db"]), ["copy/team/new"]);

    // What was known stays where it cannot be found out, or all of it would be gone.
    let nothing = Action::Answer(Reply::json(200, &json!({"repositories": []})));
    // Where it is refused to one token, another token and the password are tried.
    for (action, times, words) in [
        (Action::error(403, "DENIED", "no more"), 3, "DENIED: no more"),
        (nothing, 1, "no repositories any more, of 2 before"),
    ] {
        world.source.fault(Fault::new(Match::catalogue(), action).times(times));
        world.daemon.signal("HUP");
        world.daemon.logs(TAKEN).await;
        world.daemon.logs(words).await;
        assert_eq!(names(&world).await, ["/team/api", "/team/new", "/team/*"]);
    }

    // The configuration itself may change meanwhile.
    fs::write(world.program.folder().join("tagferry.yaml"), config.replace("-dev$", "api$")).unwrap();
    world.daemon.signal("HUP");
    world.daemon.logs(TAKEN).await;
    assert_eq!(names(&world).await, ["/team/new"]);
    receiver.assert_empty();
    world.stop().await;
}
