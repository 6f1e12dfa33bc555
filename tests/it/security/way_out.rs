//! Secrets on their way out: the token of `sync-now`, the headers of traces.

use crate::fake::{Action, Face, Fault, Match, Registry, Reply};
use crate::world::daemon::World;
use crate::world::program::Program;

const TOKEN: &str = "token-of-the-daemon";

/// The program with a token, and a proxy that is for all that goes by http.
fn proxied(proxy: &Registry) -> Program {
    Program::new()
        .variable("TAGFERRY_API_TOKEN", TOKEN)
        .variable("HTTP_PROXY", &format!("http://{}", proxy.host()))
        .variable("NO_PROXY", "")
}

// Seen in ls1intum/edutelligence#812, omnigent-ai/omnigent#2433, lukevella/rallly#2901, wiktorn/Overpass-API#107.
#[tokio::test]
async fn no_proxy_gets_to_this_machine() {
    let (world, proxy) = (World::start("").await, Registry::start(Face::Open).await);
    let port = world.url.rsplit(':').next().unwrap();
    for host in ["127.0.0.1", "localhost", "LOCALHOST"] {
        let url = format!("http://{host}:{port}");
        for command in ["health", "sync-now"] {
            proxied(&proxy).run_online(&[command, "--url", &url]).await.assert_code(0);
        }
    }
    assert!(proxy.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn the_token_never_goes_in_clear_through_a_proxy() {
    let proxy = Registry::start(Face::Open).await;
    let ran = proxied(&proxy).run_online(&["sync-now", "--url", "http://ferry.internal:8080"]).await;
    assert!(ran.assert_code(3).stderr.contains("a proxy unencrypted"), "{}", ran.stderr);
    assert!(proxy.requests().is_empty());
    // With TLS the proxy sees a tunnel, which these have none of.
    let secure = proxied(&proxy).variable("HTTPS_PROXY", &format!("http://{}", proxy.host()));
    let ran = secure.run_online(&["sync-now", "--url", "https://ferry.internal:8080"]).await;
    let said = format!("the proxy {} of `HTTPS_PROXY` does not connect to", proxy.host());
    assert!(ran.assert_code(3).stderr.contains(&said), "{}", ran.stderr);
    assert!(proxy.requests().iter().all(|seen| !seen.is_authorized()));
    // Without a token there is nothing to see.
    let bare = Program::new().variable("HTTP_PROXY", &format!("http://{}", proxy.host()));
    bare.run_online(&["health", "--url", "http://ferry.internal:8080"]).await.assert_code(1);
    assert!(!proxy.requests().is_empty());
}

// Seen in xrootd/xrootd#2222.
#[tokio::test]
async fn what_is_in_an_address_or_comes_back_is_in_no_error() {
    let daemon = Registry::start(Face::Open).await;
    daemon.fault(Fault::new(
        Match::any(),
        Action::reflect(|head| {
            let said = format!("before: {} {:?} :after", head.target(), head.header("authorization"));
            Some(Reply::status(400).body(said))
        }),
    ));
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let urls = [
        format!("http://{}/?token=query-of-the-url", daemon.host()),
        format!("http://{closed}/?token=query-of-the-url"),
        "http://127.0.0.1:port/?token=query-of-the-url".to_owned(),
        "http://me:query-of-the-url@127.0.0.1:9/".to_owned(),
    ];
    for url in &urls {
        for by_option in [true, false] {
            let program = Program::new().variable("TAGFERRY_API_TOKEN", TOKEN);
            let ran = if by_option {
                program.run_online(&["sync-now", "--url", url]).await
            } else {
                program.variable("TAGFERRY_URL", url).run_online(&["sync-now"]).await
            };
            let shown = format!("{}{}", ran.assert_code(3).stdout, ran.stderr);
            assert!(!shown.contains("query-of-the-url") && !shown.contains(TOKEN), "{shown}");
        }
    }
    let ran = Program::new().variable("TAGFERRY_URL", &urls[0]).run(&["sync-now", "--help"]);
    assert!(!ran.assert_code(0).stdout.contains("query-of-the-url"), "{}", ran.stdout);
}

// Seen in Apicurio/apicurio-registry#9655, alexfalkowski/go-service#3164, kernel/kernel-images#393.
#[cfg(feature = "otel")]
#[tokio::test]
async fn traces_are_sent_on_within_their_collector_alone() {
    use crate::fake::image;
    use crate::world::{APP, mirror};

    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["1"]));
    let (collector, other) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    for (location, follows) in
        [(format!("http://{}/other", other.host()), false), ("/moved".to_owned(), true)]
    {
        collector.heal();
        let moved = Reply::status(307).header(http::header::LOCATION, &location);
        collector.fault(Fault::new(Match::any().containing("/v1/traces"), Action::Answer(moved)));
        let program = Program::configured(&mirror(&source, &target, APP))
            .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.host()))
            .variable("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=key-of-the-collector");
        let ran = program.run_online(&["-vv", "sync"]).await;
        ran.assert_code(0);
        let moved = collector.requests().iter().filter(|seen| seen.head.path == "/moved").count();
        assert_eq!(moved > 0, follows);
        assert_eq!(other.requests().len(), 0);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("key-of-the-collector"));
        assert!(
            collector
                .requests()
                .iter()
                .any(|seen| seen.head.header("x-api-key") == Some("key-of-the-collector"))
        );
    }
}

// Seen by a test of the exporter: it asks by the proxies that everything else is asked by.
#[cfg(feature = "otel")]
#[tokio::test]
async fn traces_go_by_the_proxy_that_all_else_goes_by() {
    use crate::world::{APP, Side, mirror};

    let proxy = Registry::start(Face::Open).await;
    let host = |host: &str| Side { host: host.to_owned(), settings: "{plain_http: true}".to_owned() };
    let program = Program::configured(&mirror(host("h.test"), host("t.test"), APP))
        .variable("HTTP_PROXY", &format!("http://{}", proxy.host()))
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.test:4318");
    program.run_online(&["sync"]).await.assert_code(1);
    let hosts: Vec<String> = proxy.requests().iter().map(|seen| seen.head.host().to_owned()).collect();
    assert!(hosts.iter().any(|host| host == "collector.test:4318"), "{hosts:?}");
    assert!(hosts.iter().any(|host| host == "h.test"), "{hosts:?}");
}
