//! The page at `/` of a daemon, as a browser without JavaScript asks for it.

use std::time::Duration;

use reqwest::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH, LOCATION, ORIGIN,
    REFERRER_POLICY, WWW_AUTHENTICATE,
};
use reqwest::{Client, Method, Response, StatusCode, redirect};
use serde_json::Value;

use crate::fake::{Face, Match, Registry, image};
use crate::world::assert_says;
use crate::world::program::{Program, Running};
use crate::world::receiver::Receiver;

const MIRRORS: &str = "\
mirrors:
  - {source: SOURCE/java/jdk, target: 'oci:jdk', tags: [{match: .}]}
  - {source: SOURCE/db, name: 'db<b>+%', target: 'oci:db', tags: [{match: .}]}
registries: {'SOURCE': {plain_http: true}}
";

/// What is told is told within this time.
const SOON: Duration = Duration::from_mins(1);

/// A daemon with two mirrors that run only when asked.
struct Daemon {
    source: Registry,
    url: String,
    http: Client,
    _running: Running,
    _program: Program,
}

impl Daemon {
    async fn start() -> Self {
        Self::with(|program| program, "127.0.0.1:0").await
    }

    async fn with_token() -> Self {
        Self::with(|program| program.variable("TAGFERRY_API_TOKEN", "secret-of-the-page"), "127.0.0.1:0")
            .await
    }

    async fn with(change: impl FnOnce(Program) -> Program, listen: &str) -> Self {
        let source = Registry::start(Face::Open).await;
        source.push("java/jdk", "21.0.1", &image(&["21.0.1"]));
        source.push("db", "1", &image(&["1"]));
        let program = change(Program::configured(&MIRRORS.replace("SOURCE", &source.host())));
        let mut running = program.start(&["serve", "--listen", listen]);
        let url = running.url().await;
        let http = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { source, url, http, _running: running, _program: program }
    }

    async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    async fn post(&self, form: &str, headers: &[(&'static str, &str)]) -> Response {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let request = self.http.post(format!("{}/", self.url)).headers(headers);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(form.to_owned()).send().await.unwrap()
    }

    /// How often a pass has asked for the source's tags.
    fn passes(&self, repository: &str) -> usize {
        self.source.count(&Match::tags().containing(repository))
    }
}

#[tokio::test]
async fn the_page_lets_nothing_in_from_elsewhere() {
    let daemon = Daemon::start().await;
    for (path, status) in [("/", 200), ("/?mirror=java/jdk", 200), ("/?mirror=no", 404)] {
        let answer = daemon.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        let headers = answer.headers().clone();
        let text = |name| headers[name].to_str().unwrap();
        assert_eq!(text(CONTENT_TYPE.as_str()), "text/html; charset=utf-8");
        assert_eq!(text(CACHE_CONTROL.as_str()), "no-store");
        assert_eq!(text("x-content-type-options"), "nosniff");
        assert_eq!(text(REFERRER_POLICY.as_str()), "same-origin");
        let policy = text(CONTENT_SECURITY_POLICY.as_str());
        assert_says(policy, &["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]);
        assert!(!policy.contains("unsafe"), "{policy}");
        // Nothing that the policy would forbid.
        let body = answer.text().await.unwrap();
        for inline in [" style=", " onclick=", "<style", "http-equiv", "//cdn", "https://"] {
            assert!(!body.contains(inline), "{inline}: {body}");
        }
    }
}

#[tokio::test]
async fn files_are_asked_for_again_and_not_sent_again() {
    let daemon = Daemon::start().await;
    for (path, kind) in
        [("style.css", "text/css"), ("live.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
    {
        let path = format!("/assets/{path}");
        let first = daemon.get(&path).await;
        assert!(first.headers()[CONTENT_TYPE].to_str().unwrap().starts_with(kind));
        assert_eq!(first.headers()["x-content-type-options"], "nosniff");
        let tag = first.headers()[ETAG].clone();
        let again = daemon.http.get(format!("{}{path}", daemon.url)).header(IF_NONE_MATCH, &tag);
        let again = again.send().await.unwrap();
        assert_eq!((again.status(), &again.headers()[ETAG]), (StatusCode::NOT_MODIFIED, &tag));
    }
}

#[tokio::test]
async fn a_form_starts_a_pass_over_one_mirror_or_over_all() {
    let daemon = Daemon::start().await;
    let answer = daemon.post("mirror=java%2Fjdk", &[]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()[LOCATION], "./?asked=java%2Fjdk");
    let page = daemon.get("/?asked=java%2Fjdk").await.text().await.unwrap();
    assert_says(&page, &["java/jdk was asked to sync."]);

    let answer = daemon.post("", &[]).await;
    assert_eq!(answer.headers()[LOCATION], "./?asked=");
    let run = daemon.http.post(format!("{}/api/v1/sync", daemon.url)).send().await.unwrap();
    let run: Value = serde_json::from_str(&run.text().await.unwrap()).unwrap();
    daemon.get(&format!("{}?wait=20", run["status_url"].as_str().unwrap())).await;
    assert!(daemon.passes("java/jdk") >= 1);
    assert!(daemon.passes("db") >= 1);
    let page = daemon.get("/").await.text().await.unwrap();
    assert_says(&page, &["All 2 mirrors are fresh", "<code>21.0.1</code>", "db&lt;b&gt;+%"]);
}

#[tokio::test]
async fn counts_lead_to_the_mirrors_that_are_so() {
    let daemon = Daemon::start().await;
    let run = daemon.http.post(format!("{}/api/v1/sync?mirror=java/jdk", daemon.url)).send().await.unwrap();
    let run: Value = serde_json::from_str(&run.text().await.unwrap()).unwrap();
    daemon.get(&format!("{}?wait=20", run["status_url"].as_str().unwrap())).await;
    let page = daemon.get("/").await.text().await.unwrap();
    assert_says(
        &page,
        &[r#"<a href="./?health=fresh">1 fresh</a>"#, r#"<a href="./?health=unknown">1 not known"#],
    );
    for (health, has_jdk, has_db) in
        [("fresh", true, false), ("unknown", false, true), ("nonsense", true, true)]
    {
        let page = daemon.get(&format!("/?health={health}")).await.text().await.unwrap();
        assert_eq!(page.contains("id=\"mirror-java/jdk-"), has_jdk, "{health}: {page}");
        assert_eq!(page.contains("id=\"mirror-db"), has_db, "{health}: {page}");
        assert_says(&page, &["1 of 2 mirrors is fresh"]);
    }
}

#[tokio::test]
async fn a_rule_that_selects_nothing_is_on_the_page_and_in_a_notice() {
    let source = Registry::start(Face::Open).await;
    source.push("db", "21-oraclelinux9", &image(&["1"]));
    let mut hook = Receiver::start(Vec::new()).await;
    let config = format!(
        "mirrors: [{{source: '{0}/db', target: 'oci:db', tags: [{{match: ^21-oraclelinx9$}}]}}]\n\
         registries: {{'{0}': {{plain_http: true}}}}\nnotices: [{{webhook: {{url: '{1}'}}}}]\n",
        source.host(),
        hook.url()
    );
    let program = Program::configured(&config);
    let mut running = program.start(&["serve", "--listen", "127.0.0.1:0"]);
    let url = running.url().await;
    program.run_online(&["sync-now", "--wait", "--url", &url]).await.assert_code(1);
    let said = "matches no tag; the nearest: 21-oraclelinux9";
    let page = reqwest::get(format!("{url}/")).await.unwrap().text().await.unwrap();
    assert_says(&page, &["db is failing", said]);
    assert_says(hook.next().await.json["error"].as_str().unwrap(), &[said]);
}

#[tokio::test]
async fn what_a_form_may_not_do_the_page_says_in_words() {
    let daemon = Daemon::with_token().await;
    let page = daemon.get("/").await.text().await.unwrap();
    assert_says(&page, &["type=\"password\"", "autocomplete=\"current-password\""]);
    for (form, status, words) in [
        ("mirror=java%2Fjdk", 401, "This is not the daemon's token"),
        ("mirror=java%2Fjdk&token=wrong", 401, "This is not the daemon's token"),
        ("mirror=<b>&token=secret-of-the-page", 404, "&lt;b&gt;"),
        ("colour=red&token=secret-of-the-page", 400, "unknown field `colour`"),
    ] {
        let answer = daemon.post(form, &[]).await;
        assert_eq!(answer.status(), status, "{form}");
        assert_eq!(answer.headers().contains_key(WWW_AUTHENTICATE), status == 401);
        let body = answer.text().await.unwrap();
        assert_says(&body, &["Nothing was done", words]);
        assert!(!body.contains("secret") && !body.contains("wrong"), "{body}");
    }
    let foreign = daemon.post("token=secret-of-the-page", &[(ORIGIN.as_str(), "https://evil.example")]).await;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let foreign = daemon.post("token=secret-of-the-page", &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert_eq!(daemon.passes("java/jdk") + daemon.passes("db"), 0);

    let own = daemon.post("token=secret-of-the-page", &[(ORIGIN.as_str(), &daemon.url)]).await;
    assert_eq!(own.status(), StatusCode::SEE_OTHER);
}

/// Reads events up to one that holds these words, and gives all of them.
async fn events(answer: &mut Response, words: &str) -> String {
    let mut text = String::new();
    while !text.contains(words) {
        let chunk = tokio::time::timeout(SOON, answer.chunk()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("no `{words}` in: {text}")).unwrap();
        let chunk = chunk.unwrap_or_else(|| panic!("it ended before `{words}`: {text}"));
        text += std::str::from_utf8(&chunk).unwrap();
    }
    text
}

#[tokio::test]
async fn only_the_mirror_that_changed_is_told_of() {
    let daemon = Daemon::start().await;
    let page = daemon.get("/").await.text().await.unwrap();
    let mark = page.split("data-since=\"").nth(1).unwrap().split('"').next().unwrap();
    let mut pieces = daemon.get(&format!("/events?since={mark}")).await;
    assert_eq!(pieces.headers()[CONTENT_TYPE], "text/event-stream");
    let first = events(&mut pieces, "event: summary").await;
    assert!(!first.contains("event: mirror\n"), "{first}");
    let mut json = daemon.get("/api/v1/events").await;
    assert_says(&events(&mut json, "event: mirrors").await, &["java/jdk", "db<b>"]);

    daemon.post("mirror=java%2Fjdk", &[]).await;
    let told = events(&mut pieces, "1 of 2 mirrors is fresh").await;
    assert_says(&told, &["event: mirror\n", "mirror-java/jdk"]);
    assert!(!told.contains("id=\\\"mirror-db"), "{told}");
    let told = events(&mut json, "\"outcome\":\"succeeded\"").await;
    assert!(!told.contains("event: mirrors") && !told.contains("db<b>"), "{told}");
}

#[tokio::test]
async fn each_described_method_is_there_and_no_other() {
    let daemon = Daemon::with_token().await;
    let document = daemon.get("/api/v1/openapi.json").await.text().await.unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    for (path, described) in document["paths"].as_object().unwrap() {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let url = format!("{}{}", daemon.url, path.replace("{run}", "none"));
            let answer = daemon.http.request(method.clone(), url).send().await.unwrap();
            let is_described = described.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(answer.status() != StatusCode::METHOD_NOT_ALLOWED, is_described, "{method} {path}");
        }
    }
}
