//! Traces, as a collector gets them from the program.

use tokio::net::TcpListener;

use crate::fake::{Action, Ecr, Face, Fault, Match, PASSWORD, Registry, image};
use crate::world::collector::{Collector, Span};
use crate::world::program::Program;
use crate::world::{APP, Side, mirror, nobody};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

async fn source() -> Registry {
    let source = Registry::builder(Face::Oracle).blobs_elsewhere().start().await;
    source.push("app", "1.2", &image(&["a layer"]));
    source
}

fn traced(config: &str, endpoint: &str) -> Program {
    Program::configured(config).aws().variable(ENDPOINT, endpoint)
}

#[tokio::test]
async fn a_trace_is_a_pass_with_its_tags_blobs_and_requests() {
    let (source, ecr, collector) = (source().await, Ecr::start().await, Collector::start().await);
    let program = traced(&mirror(&source, &ecr, APP), collector.endpoint())
        .variable("OTEL_EXPORTER_OTLP_HEADERS", "x-team=platform")
        .variable("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test");
    program.run_online(&["sync"]).await.assert_code(0);

    let received = collector.received();
    assert_eq!(received.headers["x-team"], "platform");
    assert_eq!(received.resource["service.name"], "tagferry");
    assert_eq!(received.resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(received.resource["deployment.environment"], "test");

    let pass = received.only(None, "pass");
    assert_eq!((pass.attribute("mirror"), pass.attribute("outcome")), ("app", "succeeded"));
    let tag = received.only(Some(pass), "tag");
    let digest = source.tags("app")["1.2"].to_string();
    assert_eq!((tag.attribute("tag"), tag.attribute("digest")), ("1.2", digest.as_str()));
    assert_eq!(tag.attribute("outcome"), "copied");
    let blobs: Vec<_> = received.below(Some(tag)).into_iter().filter(|span| span.name == "blob").collect();
    assert_eq!(blobs.len(), 2);
    let sizes: u64 = blobs.iter().map(|blob| blob.attribute("size").parse::<u64>().unwrap()).sum();
    assert_eq!(tag.attribute("bytes"), sizes.to_string());
    for blob in blobs {
        assert_eq!(blob.attribute("arrival"), "uploaded");
        assert!(blob.attribute("digest").starts_with("sha256:"));
        let requests = received.below(Some(blob));
        let methods: Vec<_> = requests.iter().map(|request| request.name.as_str()).collect();
        // The source is read while the target is written: both belong to the blob.
        for method in ["GET", "POST", "PUT"] {
            assert!(methods.contains(&method), "no {method} in {methods:?}");
        }
        let put = received.only(Some(blob), "PUT");
        assert!(put.is_client);
        assert_eq!(put.attribute("http.request.method"), "PUT");
        assert_eq!(put.attribute("http.response.status_code"), "201");
        assert_eq!(put.attribute("server.address"), "127.0.0.1");
        assert_eq!(format!("127.0.0.1:{}", put.attribute("server.port")), ecr.host());
        assert!(put.attribute("url.path").starts_with("/v2/app/blobs/uploads/"));
    }
    let aws = received.only(Some(pass), "ecr.DescribeImages");
    assert_eq!(aws.attribute("rpc.method"), "DescribeImages");
    assert!(received.spans.iter().all(|span| span.trace == pass.trace));
    assert!(received.spans.iter().all(|span| span.error.is_none()), "{:#?}", received.spans);
}

#[tokio::test]
async fn a_failure_is_an_error_on_every_level_and_a_retry_is_counted() {
    let (source, ecr, collector) = (source().await, Ecr::start().await, Collector::start().await);
    source.fault(Fault::new(Match::manifest_get(), Action::error(503, "UNAVAILABLE", "busy")).once());
    ecr.deny("ecr:PutImage");
    let program = traced(&mirror(&source, &ecr, APP), collector.endpoint());
    program.run_online(&["sync"]).await.assert_code(1);

    let received = collector.received();
    let pass = received.only(None, "pass");
    let tag = received.only(Some(pass), "tag");
    for span in [pass, tag] {
        assert_eq!(span.attribute("outcome"), "failed");
        assert!(span.error.as_ref().is_some_and(|words| words.contains("ecr:PutImage")), "{span:#?}");
    }
    let put = received.only(Some(tag), "PUT");
    assert_eq!((put.attribute("error.type"), put.error.as_deref()), ("403", Some("")));

    let is_manifest = |span: &&Span| span.attribute("url.path").contains("/manifests/sha256:");
    let gets: Vec<_> = received.below(Some(tag)).into_iter().filter(|span| span.name == "GET").collect();
    let [first, second] = gets.into_iter().filter(is_manifest).collect::<Vec<_>>()[..] else {
        panic!("not two in {:#?}", received.spans)
    };
    assert_eq!((first.attribute("error.type"), first.error.is_some()), ("503", true));
    assert_eq!(second.attribute("http.request.resend_count"), "1");
    assert!(second.error.is_none());
}

#[tokio::test]
async fn the_daemon_sends_what_is_left_before_it_ends() {
    let (source, ecr, collector) = (source().await, Ecr::start().await, Collector::start().await);
    let config = format!("{}schedule: {{cron: \"0 0 1 1 *\", on_start: true}}\n", mirror(&source, &ecr, APP));
    let program = traced(&config, collector.endpoint()).variable("OTEL_SERVICE_NAME", "mirrors");
    let mut running = program.start(&["serve", "--listen", "127.0.0.1:0"]);
    running.logs("Done `app`").await;
    running.signal("TERM");
    running.ended().await.assert_code(0);
    let received = collector.received();
    assert_eq!(received.resource["service.name"], "mirrors");
    assert_eq!(received.only(None, "pass").attribute("outcome"), "succeeded");
}

#[tokio::test]
async fn no_secret_and_no_query_is_in_a_trace() {
    let (source, ecr, collector) = (source().await, Ecr::start().await, Collector::start().await);
    let program = traced(&mirror(Side::login(&source, PASSWORD), &ecr, APP), collector.endpoint());
    program.run_online(&["sync"]).await.assert_code(0);
    let received = collector.received();
    let text = String::from_utf8_lossy(&received.bytes);
    for secret in [PASSWORD, "Bearer ", "Basic ", "X-Amz-Signature", "scope="] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(
        received
            .spans
            .iter()
            .filter_map(|span| span.attributes.get("url.full"))
            .all(|url| !url.contains('?'))
    );
}

#[tokio::test]
async fn a_collector_that_is_down_costs_one_warning() {
    let (source, ecr) = (source().await, Ecr::start().await);
    let (_socket, nobody) = nobody();
    let program = traced(&mirror(&source, &ecr, APP), &format!("http://{nobody}"));
    let ran = program.run_online(&["sync"]).await;
    ran.assert_code(0);
    assert_eq!(ran.stderr.matches("Traces are lost").count(), 1, "{}", ran.stderr);
}

#[tokio::test]
async fn a_collector_that_hangs_holds_nobody_up() {
    let (source, ecr) = (source().await, Ecr::start().await);
    // Connections are made by the system, and never taken.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let program = traced(&mirror(&source, &ecr, APP), &format!("http://{}", listener.local_addr().unwrap()));
    let ran = program.run_online(&["sync"]).await;
    ran.assert_code(0);
    assert!(ran.stderr.contains("it did not take the last spans in time"), "{}", ran.stderr);
}

#[tokio::test]
async fn grpc_is_refused_with_what_to_set_and_the_work_is_done() {
    let (source, ecr, collector) = (source().await, Ecr::start().await, Collector::start().await);
    let program = traced(&mirror(&source, &ecr, APP), collector.endpoint())
        .variable("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let ran = program.run_online(&["sync"]).await;
    ran.assert_code(0);
    assert!(ran.stderr.contains("set it to `http/protobuf`"), "{}", ran.stderr);
    assert!(collector.received().spans.is_empty());
}

#[tokio::test]
async fn without_being_asked_for_nothing_is_traced() {
    let (source, ecr, collector) = (source().await, Ecr::start().await, Collector::start().await);
    let program =
        traced(&mirror(&source, &ecr, APP), collector.endpoint()).variable("OTEL_SDK_DISABLED", "true");
    program.run_online(&["sync"]).await.assert_code(0);
    assert!(collector.received().spans.is_empty());
}
