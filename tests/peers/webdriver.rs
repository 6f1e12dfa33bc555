//! Debian's Chromium, driven over `WebDriver` (<https://www.w3.org/TR/webdriver2/>).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::Server;

/// Without a display, and without a word to anybody but the page.
const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
const WAIT_MAX: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scripts {
    On,
    Off,
}

/// A browser with one window. Closed when dropped.
pub(crate) struct Browser {
    driver: Server,
    http: Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn start(scripts: Scripts) -> Self {
        let driver = Server::start(
            "chromedriver",
            |_, port| {
                let mut command = Command::new("chromedriver");
                command.arg(format!("--port={port}"));
                command
            },
            |port| format!("started successfully on port {port}"),
        )
        .await;
        let profile = TempDir::with_prefix("tagferry-browser-").unwrap();
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(ToString::to_string).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        // 2 is "block" in Chromium's content settings.
        let preferences = match scripts {
            Scripts::On => json!({}),
            Scripts::Off => json!({"profile.managed_default_content_settings.javascript": 2}),
        };
        let capabilities = json!({
            "goog:chromeOptions": {"args": arguments, "prefs": preferences},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let mut browser = Self { driver, http: Client::new(), session: String::new(), _profile: profile };
        let session = json!({"capabilities": {"alwaysMatch": capabilities}});
        let session = browser.send(Method::POST, "/session", session).await;
        let id = session["sessionId"].as_str().unwrap();
        browser.session = format!("/session/{id}");
        browser
    }

    pub(crate) async fn open(&self, url: &str) {
        self.command("/url", json!({"url": url})).await;
    }

    /// Clicks the first element that a CSS selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.command(&format!("/element/{element}/click"), json!({})).await;
    }

    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.command(&format!("/element/{element}/value"), json!({"text": text})).await;
    }

    /// The text of an element as it is to be seen.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let element = self.find(selector).await;
        let text = self.get(&format!("/element/{element}/text")).await;
        text.as_str().unwrap().to_owned()
    }

    /// Waits until an element shows these words.
    pub(crate) async fn sees(&self, selector: &str, words: &str) {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let text = self.text(selector).await;
            if text.contains(words) {
                return;
            }
            assert!(Instant::now() < deadline, "no `{words}` in `{selector}`: {text}");
            // Real time: what happens in another program has no other clock.
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// What a function's body returns when run in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// What the console says that is more than a recommendation: errors, and what the page's policy refused.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let entries = self.command("/se/log", json!({"type": "browser"})).await;
        let entries = entries.as_array().unwrap().iter().filter(|entry| entry["level"] != "DEBUG");
        entries.map(ToString::to_string).collect()
    }

    async fn find(&self, selector: &str) -> String {
        let found = json!({"using": "css selector", "value": selector});
        let found = self.command("/element", found).await;
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    async fn command(&self, command: &str, body: Value) -> Value {
        self.send(Method::POST, &format!("{}{command}", self.session), body).await
    }

    async fn get(&self, command: &str) -> Value {
        self.send(Method::GET, &format!("{}{command}", self.session), Value::Null).await
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, format!("http://{}{path}", self.driver.address()));
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let answer = request.send().await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{path}: {value:#}");
        value
    }
}

impl Drop for Browser {
    /// The driver is killed afterwards, and would leave the browser behind. A failing test cannot wait for a future.
    fn drop(&mut self) {
        let Ok(mut stream) = TcpStream::connect(self.driver.address()) else { return };
        let request =
            format!("DELETE {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", self.session);
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read(&mut [0; 1024]);
    }
}
