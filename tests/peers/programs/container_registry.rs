//! The crate `container-registry`: a small registry that shares no code with the others. It knows uploads by `PATCH` alone,
//! challenges at `/v2/` alone, and neither lists of tags nor indexes.

use std::process::Command;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{HOST, TRANSFER_ENCODING};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::fixtures::image::Image;
use crate::fixtures::realm::{PASSWORD, USERNAME};
use crate::fixtures::server::Server;
use crate::programs::distribution::Distribution;
use crate::programs::skopeo::Skopeo;
use crate::programs::tagferry::{SYNC, Tagferry, root};

const LAYER_BYTES: usize = 8 * 1024 * 1024;

/// Starts one that wants a password.
async fn start() -> Server {
    let command = |home: &std::path::Path, port: u16| {
        let mut command = Command::new(root().join("target/container-registry-0.3.1/bin/container-registry"));
        command
            .args(["--bind", &format!("127.0.0.1:{port}"), "--password", PASSWORD, "--storage"])
            .arg(home.join("storage"))
            .env("NO_COLOR", "1");
        command
    };
    Server::start("container-registry", command, |port| format!("starting to serve addr=127.0.0.1:{port}"))
        .await
}

/// Stands before a registry and answers for the list of tags, which that does not know. All else it passes on.
struct Front {
    address: String,
    _serving: JoinSet<()>,
}

struct Behind {
    address: String,
    tags: Vec<&'static str>,
    http: reqwest::Client,
}

impl Front {
    async fn start(address: String, tags: Vec<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let router = Router::new().fallback(pass_on).with_state(Arc::new(Behind { address, tags, http }));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address: own, _serving: serving }
    }
}

async fn pass_on(State(behind): State<Arc<Behind>>, request: Request) -> Response {
    if request.uri().path().ends_with("/tags/list") {
        return Json(json!({"name": "java/jdk", "tags": behind.tags})).into_response();
    }
    let (mut head, body) = request.into_parts();
    head.headers.remove(HOST);
    let url = format!("http://{}{}", behind.address, head.uri);
    let sent = behind.http.request(head.method, url).headers(head.headers);
    let sent = sent.body(reqwest::Body::wrap_stream(body.into_data_stream())).send().await;
    let Ok(mut answer) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    answer.headers_mut().remove(TRANSFER_ENCODING);
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, Body::from_stream(answer.bytes_stream())).into_response()
}

fn registries(hosts: &[&str]) -> String {
    let login = format!("credentials: {{username: '{USERNAME}', password: '{PASSWORD}'}}");
    let hosts = hosts.iter().map(|host| format!("'{host}': {{plain_http: true, {login}}}"));
    hosts.collect::<Vec<_>>().join("\n  ")
}

#[tokio::test]
async fn what_arrives_there_comes_back_unchanged() {
    let (plain, other) = (Distribution::open().await, start().await);
    let images = [("21", Image::docker("jdk 21", LAYER_BYTES)), ("25", Image::layered("jdk 25", 3, 5_000))];
    for (tag, image) in &images {
        plain.pusher().push("java/jdk", tag, image).await;
    }
    let front = Front::start(other.address(), images.iter().map(|(tag, _)| *tag).collect()).await;
    let (plain, other) = (plain.address(), other.address());
    let hosts = registries(&[&plain, &other, &front.address]);

    let there = Tagferry::mirror(&format!("{plain}/java/jdk"), &format!("{other}/copy/jdk"), &hosts);
    for (copied, up_to_date) in [(2, 0), (0, 2)] {
        let totals = &there.run(SYNC).await.document(0)["totals"];
        assert_eq!((&totals["copied"], &totals["up_to_date"]), (&json!(copied), &json!(up_to_date)));
    }
    let back = Tagferry::mirror(&format!("{}/copy/jdk", front.address), &format!("{plain}/back/jdk"), &hosts);
    back.run(SYNC).await.document(0);
    for (tag, image) in &images {
        let name = format!("{other}/copy/jdk:{tag}");
        assert_eq!(Skopeo::WithCredentials.digest(&name).await, Ok(image.digest()));
        assert_eq!(Skopeo::Anonymous.digest(&format!("{plain}/back/jdk:{tag}")).await, Ok(image.digest()));
    }
}

#[tokio::test]
async fn an_index_is_refused_there_and_nothing_is_tagged() {
    let (source, target) = (Distribution::open().await, start().await);
    source.pusher().push("java/jdk", "25", &Image::multi_platform("jdk 25")).await;
    let (source, target) = (source.address(), target.address());
    let hosts = registries(&[&source, &target]);
    let tagferry = Tagferry::mirror(&format!("{source}/java/jdk"), &format!("{target}/copy/jdk"), &hosts);
    let document = tagferry.run(SYNC).await.document(1);
    let error = document["mirrors"][0]["tags"][0]["error"].as_str().unwrap();
    assert!(error.contains("target: ") && error.contains("400 Bad Request"), "{error}");
    Skopeo::WithCredentials.digest(&format!("{target}/copy/jdk:25")).await.expect_err("no tag");
}
