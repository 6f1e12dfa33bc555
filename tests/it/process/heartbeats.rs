//! Signs of life, of `sync` and of `serve`, to a watch that expects them.

use axum::http::Method;

use crate::fake::{Action, Face, Fault, Match, Registry, image};
use crate::world::mirror;
use crate::world::program::Program;
use crate::world::receiver::{Answer, Receiver};

const MIRRORS: &str = "  - {source: SOURCE/app, target: TARGET/app, tags: [{match: .}]}
  - {source: SOURCE/other, target: TARGET/other, tags: [{match: .}]}\n";
const ALL: &str = "  - heartbeat: {url: '${HEARTBEAT_URL}'}\n";
/// A check by its slug.
const SLUG: &str = "/hunter2hunter2/images";

struct World {
    source: Registry,
    _target: Registry,
    watch: Receiver,
    program: Program,
}

impl World {
    async fn new(heartbeats: &str, answers: Vec<Answer>) -> Self {
        let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
        source.push("app", "1", &image(&["1"]));
        source.push("other", "1", &image(&["1"]));
        let watch = Receiver::start(answers).await;
        let config = format!("{}notices:\n{heartbeats}", mirror(&source, &target, MIRRORS));
        let url = format!("http://{}{SLUG}?create=1", watch.host);
        let program = Program::configured(&config).variable("HEARTBEAT_URL", &url);
        Self { source, _target: target, watch, program }
    }

    /// The next sign: what stands after the address of the check, and the text.
    async fn next(&mut self) -> (String, String) {
        let sign = self.watch.next().await;
        assert_eq!(sign.method, Method::POST);
        let (path, query) = sign.path.split_once('?').unwrap();
        assert_eq!(query, "create=1");
        (path.strip_prefix(SLUG).unwrap().to_owned(), sign.body)
    }
}

fn sign(path: &str) -> (String, String) {
    (path.to_owned(), String::new())
}

#[tokio::test]
async fn a_run_gives_a_sign_at_its_start_and_one_of_its_end() {
    let mut world = World::new(ALL, Vec::new()).await;
    world.program.run_online(&["plan"]).await.assert_code(0);
    world.program.run_online(&["sync"]).await.assert_code(0);
    assert_eq!([world.next().await, world.next().await], [sign("/start"), sign("")]);
    // One of two mirrors fails.
    world.source.fault(Fault::new(Match::tags(), Action::status(404)).once());
    world.program.run_online(&["sync"]).await.assert_code(1);
    assert_eq!(world.next().await, sign("/start"));
    let (path, text) = world.next().await;
    assert_eq!(path, "/fail");
    assert!(text.contains("cannot read the tags of the source") && text.lines().count() > 0, "{text}");
    world.watch.assert_empty();
}

#[tokio::test]
async fn a_part_gives_none_and_others_are_not_asked() {
    let mut world = World::new(ALL, Vec::new()).await;
    world.program.run_online(&["sync", "--mirror", "app"]).await.assert_code(0);
    world.watch.assert_empty();
    let mut world = World::new(&format!("{ALL}    mirrors: [other]\n"), Vec::new()).await;
    world.source.fault(Fault::new(Match::tags().containing("/app/"), Action::status(404)));
    world.program.run_online(&["sync"]).await.assert_code(1);
    assert_eq!([world.next().await, world.next().await], [sign("/start"), sign("")]);
}

#[tokio::test]
async fn an_end_is_sent_again_a_start_is_not_and_the_address_is_not_shown() {
    let mut world = World::new(ALL, vec![Answer::Status(503), Answer::Status(503)]).await;
    let ran = world.program.run_online(&["-vv", "sync"]).await;
    assert_eq!(
        [world.next().await, world.next().await, world.next().await],
        [sign("/start"), sign(""), sign("")]
    );
    assert!(!ran.assert_code(0).stderr.contains("hunter2"), "{}", ran.stderr);
    let told = format!("Could not send the heartbeat `start` to http://{}: 503", world.watch.host);
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
}

#[tokio::test]
async fn a_daemon_gives_signs_of_each_pass_and_succeeds_where_all_of_them_do() {
    let mut world = World::new(ALL, Vec::new()).await;
    world.source.fault(Fault::new(Match::tags().containing("/other/"), Action::status(404)));
    let mut daemon = world.program.start(&["serve", "--listen", "127.0.0.1:0"]);
    let url = daemon.url().await;
    let mut signs = Vec::new();
    for (mirror, code) in [("app", 0), ("other", 1), ("app", 0)] {
        let arguments = ["sync-now", "--wait", "--url", &url, "--mirror", mirror];
        world.program.run_online(&arguments).await.assert_code(code);
        signs.extend([world.next().await, world.next().await].map(|(path, _)| path));
    }
    assert_eq!(signs, ["/start", "", "/start", "/fail", "/start", "/fail"]);
    world.source.heal();
    world
        .program
        .run_online(&["sync-now", "--wait", "--url", &url, "--mirror", "other"])
        .await
        .assert_code(0);
    assert_eq!([world.next().await, world.next().await], [sign("/start"), sign("")]);
    daemon.signal("TERM");
    daemon.ended().await.assert_code(0);
    world.watch.assert_empty();
}
