//! Registries that make up scopes, addresses and names without end: what is remembered of them is bounded.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::child;
use crate::contender::tagferry_binary;
use crate::fake::{Ecr, Settings};
use crate::report::{Report, Table};
use crate::scenarios::far::ecr;

const GOAL_MB: f64 = 64.0;
/// Tags, each of which is asked for with a scope of its own.
const SCOPES: usize = 10_000;
const TOKEN_BYTES: usize = 30 * 1024;
/// As many pages as are read.
const PAGES: usize = 1990;
const CURSOR_BYTES: usize = 8 * 1024;
const PAGE_BYTES: usize = 8 * 1024 * 1024;
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What a registry makes up.
#[derive(Clone, Copy)]
enum Whim {
    Scopes,
    Addresses,
    Names,
}

pub(crate) async fn run(report: &mut Report) -> Result<(), String> {
    let title = "Peak memory beside a registry that makes up what is remembered";
    let mut table = Table::new(title, &[("seconds", 2), ("peak MB", 1)]);
    for (whim, what) in [
        (Whim::Scopes, format!("{SCOPES} scopes, tokens of {} KiB", TOKEN_BYTES / 1024)),
        (Whim::Addresses, format!("{PAGES} pages, addresses of {} KiB", CURSOR_BYTES / 1024)),
        (Whim::Names, "a page of 8 MiB of one-letter names".to_owned()),
    ] {
        let took = plan(whim).await.map_err(|error| format!("{what}: {error}"))?;
        table.row(&what, &[took.wall_s, took.peak_mb]);
        report.at_most(format!("peak memory, {what}"), " MB", took.peak_mb, GOAL_MB);
    }
    report.table(table);
    Ok(())
}

/// A plan of all tags of such a registry.
async fn plan(whim: Whim) -> Result<child::Took, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let host = listener.local_addr().map_err(|error| error.to_string())?.to_string();
    let registry = Arc::new(Registry {
        host: host.clone(),
        whim,
        made_up: AtomicUsize::new(0),
        asked: Mutex::default(),
    });
    let router = Router::new().fallback(move |request: Request<Body>| {
        let answer = registry.answer(&request);
        async move { answer }
    });
    let target = Ecr::start().await;
    target.create("app", Settings::default());
    let home = TempDir::with_prefix("tagferry-bench-").map_err(|error| error.to_string())?;
    let file = home.path().join("job.yaml");
    let yaml = format!(
        "mirrors: [{{source: {host}/app, target: {target}/app, tags: [{{match: .}}]}}]\n\
         registries: {{\"{host}\": {{plain_http: true}}, \"{target}\": {{plain_http: true{}}}}}\n",
        ecr(&target.host()),
        target = target.host(),
    );
    fs::write(&file, yaml).map_err(|error| error.to_string())?;
    let mut arguments: Vec<OsString> = vec![tagferry_binary().into(), "-q".into(), "-c".into(), file.into()];
    arguments.extend(["plan", "--output", "none"].map(OsString::from));
    let server = async { axum::serve(listener, router).await.map_err(|error| error.to_string()) };
    tokio::select! {
        took = child::run(&arguments, home.path()) => took,
        ended = server => Err(format!("the registry ended: {ended:?}")),
    }
}

struct Registry {
    host: String,
    whim: Whim,
    made_up: AtomicUsize,
    /// The addresses that were asked for.
    asked: Mutex<HashSet<String>>,
}

impl Registry {
    fn answer(&self, request: &Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        let response = Response::builder();
        let response = if path == "/token" {
            let token = format!("{:0width$}", self.made_up.load(Relaxed), width = TOKEN_BYTES);
            response.body(json!({"token": token, "expires_in": 3600}).to_string().into())
        } else if self.wants_login(path) {
            let number = self.made_up.fetch_add(1, Relaxed);
            let challenge = format!(
                "Bearer realm=\"http://{}/token\",service=\"x\",scope=\"repository:app:pull,made-up-{number}\"",
                self.host
            );
            response.status(401).header("www-authenticate", challenge).body(Body::empty())
        } else if path.ends_with("/tags/list") {
            return self.tags();
        } else {
            let response = response.header("docker-content-digest", DIGEST);
            let kind = "application/vnd.oci.image.manifest.v1+json";
            response.header("content-type", kind).header("content-length", "2").body(Body::empty())
        };
        response.unwrap()
    }

    /// Whether an address is asked for the first time by somebody whose token is for another.
    fn wants_login(&self, path: &str) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(self.whim, Whim::Scopes) && asked.insert(path.to_owned())
    }

    fn tags(&self) -> Response<Body> {
        let tags: Vec<String> = match self.whim {
            Whim::Scopes => (0..SCOPES).map(|number| format!("1.{number}")).collect(),
            Whim::Addresses => {
                let page = self.made_up.fetch_add(1, Relaxed) + 1;
                let body = json!({"tags": [format!("1.{page}")], "name": "app"}).to_string();
                let next = format!("</v2/app/tags/list?last={page:0CURSOR_BYTES$}>; rel=\"next\"");
                let response = Response::builder();
                let response = if page < PAGES { response.header("link", next) } else { response };
                return response.body(body.into()).unwrap();
            }
            Whim::Names => {
                let letter =
                    |number: usize| char::from(b'a' + u8::try_from(number % 26).unwrap()).to_string();
                (0..PAGE_BYTES / 4 - 100).map(letter).collect()
            }
        };
        Response::new(json!({"tags": tags, "name": "app"}).to_string().into())
    }
}
