//! Who may look at the daemon on this machine, and who may start what.

use http::header::HOST;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fake::{Face, Registry, image};
use crate::world::daemon::{SERVE, World};
use crate::world::program::Program;
use crate::world::{APP, mirror};

const TOKEN: &str = "token-of-the-daemon";

async fn world(token: Option<&str>, more: &str) -> World {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["1"]));
    let program = Program::configured(&(mirror(&source, &target, APP) + more));
    let program = match token {
        Some(token) => program.variable("TAGFERRY_API_TOKEN", token),
        None => program,
    };
    World::of(source, target, program).await
}

async fn status(world: &World, method: http::Method, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = reqwest::Client::new().request(method, format!("{}{path}", world.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status().as_u16()
}

/// The status line of an answer to a request as it is written.
async fn raw(world: &World, request: &str) -> String {
    let mut stream = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

// Seen in smithersai/smithers#751, nesquena/hermes-webui#3495, moadim-io/daemon#266, felixhageloh/uebersicht#488.
#[tokio::test]
async fn a_page_whose_name_points_here_reads_and_starts_nothing() {
    let world = world(None, "public_url: https://ferry.example/\n").await;
    let routes = [
        "/",
        "/events",
        "/assets/style.css",
        "/readyz",
        "/metrics",
        "/api/v1/mirrors",
        "/api/v1/runs/1",
        "/api/v1/events",
        "/api/v1/openapi.json",
        "/nothing",
    ];
    for path in routes {
        assert_eq!(
            status(&world, http::Method::GET, path, &[("host", "evil.example:8080")]).await,
            421,
            "{path}"
        );
    }
    for own in ["localhost:1", "LOCALHOST", "[::1]", "127.0.0.1:9999", "ferry.example"] {
        assert_eq!(
            status(&world, http::Method::GET, "/api/v1/mirrors", &[("host", own)]).await,
            200,
            "{own}"
        );
    }
    assert_eq!(status(&world, http::Method::GET, "/healthz", &[("host", "evil.example")]).await, 200);
    let evil = [("host", "evil.example:8080"), ("origin", "http://evil.example:8080")];
    assert_eq!(status(&world, http::Method::POST, "/api/v1/sync", &evil).await, 421);
    // Reached by its public name, it still needs a token.
    assert_eq!(status(&world, http::Method::POST, "/api/v1/sync", &[("host", "ferry.example")]).await, 403);

    let line = raw(
        &world,
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(line.contains("400"), "{line}");
    let line = raw(&world, "GET /metrics HTTP/1.0\r\n\r\n").await;
    assert!(line.contains("421"), "{line}");
    let line = raw(
        &world,
        "GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(line.contains("421"), "{line}");

    // A reload takes the new name.
    let mut world = world;
    let file = world.program.folder().join("tagferry.yaml");
    let config = std::fs::read_to_string(&file).unwrap().replace("ferry.example", "other.example");
    std::fs::write(&file, config).unwrap();
    world.daemon.signal("HUP");
    world.daemon.logs("Took the new configuration").await;
    assert_eq!(status(&world, http::Method::GET, "/", &[("host", "ferry.example")]).await, 421);
    assert_eq!(status(&world, http::Method::GET, "/", &[(HOST.as_str(), "other.example")]).await, 200);
    world.stop().await;
}

// Seen in KarpelesLab/teamclaude#324, mnfst/llm-gateway#2157, jleechanorg/mcp_mail#233.
#[tokio::test]
async fn whoever_comes_by_a_proxy_needs_a_token_and_who_started_what_is_logged() {
    let local = world(None, "").await;
    assert_eq!(
        status(&local, http::Method::POST, "/api/v1/sync", &[("x-forwarded-for", "127.0.0.1")]).await,
        403
    );
    assert_eq!(status(&local, http::Method::POST, "/api/v1/sync", &[]).await, 202);
    let log = local.stop().await;
    assert!(log.contains("Asked to sync now: run ") && log.contains("by 127.0.0.1:"), "{log}");
    assert!(log.contains("by the API, on this machine"), "{log}");

    let world = world(Some(TOKEN), "").await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("x-forwarded-for", "192.0.2.7\u{e9}"), ("authorization", &bearer)];
    assert_eq!(status(&world, http::Method::POST, "/api/v1/sync", &headers).await, 202);
    let form = reqwest::Client::new().post(format!("{}/", world.url)).body(format!("token={TOKEN}"));
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    form.send().await.unwrap();
    let log = world.stop().await;
    assert!(log.contains("by the API, with the token") && log.contains("(for `192.0.2.7"), "{log}");
    assert!(log.contains("by the page, with the token") && !log.contains(TOKEN), "{log}");
}

// Seen in Growth-Circle/cadis#1574, lixmal/keepass4web-rs#275, frappe/press#2554.
#[tokio::test]
async fn wrong_tokens_are_counted_and_logged_and_a_right_one_works_meanwhile() {
    let world = world(Some(TOKEN), "").await;
    // One client: to make one takes time, in which the connections of the others would get old.
    let client = reqwest::Client::new();
    let wrong = (0..100).map(|number| {
        let request =
            client.post(format!("{}/api/v1/sync", world.url)).bearer_auth(format!("{TOKEN}{number}"));
        async move { request.send().await.unwrap().status().as_u16() }
    });
    let right = async {
        assert_eq!(world.post("/api/v1/sync", Some(TOKEN)).await.0, 202);
        assert_eq!(world.get("/healthz").await.0, 200);
    };
    let (statuses, ()) = tokio::join!(futures_util::future::join_all(wrong), right);
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&401));
    let metrics = world.get("/metrics").await.1;
    assert!(metrics.contains("\ntagferry_wrong_tokens_total 100\n"), "{metrics}");
    let log = world.stop().await;
    assert_eq!(log.matches("A wrong TAGFERRY_API_TOKEN came from 127.0.0.1:").count(), 1, "{log}");
    assert!(!log.contains(TOKEN), "{log}");
}

// Seen in gotify/server#936, ocean90/public-post-preview#10, securesauce/precli#356.
#[tokio::test]
async fn a_token_that_could_be_guessed_is_refused_at_the_start() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    let config = mirror(&source, &target, APP);
    for short in ["changeme", "fifteen-letters", " changeme-16    ", "changeme-16-blank\n"] {
        let ends_well = short.trim().len() >= 16;
        let program = Program::configured(&config).variable("TAGFERRY_API_TOKEN", short);
        if ends_well {
            program.start(SERVE).url().await;
            continue;
        }
        let ran = program.run_online(SERVE).await;
        let said = "TAGFERRY_API_TOKEN has fewer than 16 characters";
        assert!(ran.assert_code(2).stderr.contains(said), "{}", ran.stderr);
        assert!(!ran.stderr.contains("changeme") && !ran.stderr.contains("fifteen"), "{}", ran.stderr);
    }
    let blank = Program::configured(&config).variable("TAGFERRY_API_TOKEN", "                ");
    blank.run_online(SERVE).await.assert_code(2);
    // Compose's `${TAGFERRY_API_TOKEN:-}` is none.
    Program::configured(&config).variable("TAGFERRY_API_TOKEN", "").start(SERVE).url().await;
}
