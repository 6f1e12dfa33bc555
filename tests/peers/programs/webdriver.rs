//! Debian's Chromium, driven over `WebDriver`. What is looked for is waited for: pages change at their own pace.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::error::WebDriverErrorInner;
use thirtyfour::extensions::query::{ElementPollerWithTimeout, IntoElementPoller};
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};

use crate::fixtures::server::Server;

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

/// A browser with one window. Closed when dropped: the session first, as the driver's end would leave the browser behind.
pub(crate) struct Browser {
    session: WebDriver,
    _driver: Server,
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
        let mut chrome = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            chrome.add_arg(argument).unwrap();
        }
        chrome.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        chrome.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        if scripts == Scripts::Off {
            // 2 is "block" in Chromium's content settings.
            let preferences = json!({"profile.managed_default_content_settings.javascript": 2});
            chrome.add_experimental_option("prefs", preferences).unwrap();
        }
        // The session is closed on another runtime, which cannot use the connections of this one.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let session = WebDriver::builder(format!("http://{}", driver.address()), chrome)
            .client(client)
            .poller(Arc::new(poller()))
            .await
            .unwrap();
        Self { session, _driver: driver, _profile: profile }
    }

    /// Makes the window of this size, with whatever the browser has around the page.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        self.session.set_window_rect(0, 0, width, height).await.unwrap();
    }

    /// What the window shows, as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        self.session.screenshot_as_png().await.unwrap()
    }

    pub(crate) async fn open(&self, url: &str) {
        self.leave_page(self.session.goto(url)).await;
    }

    /// Clicks the element that a CSS selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        self.act(selector, async |element| element.click().await).await.unwrap();
    }

    /// Clicks what answers with a new page.
    pub(crate) async fn submit(&self, selector: &str) {
        self.leave_page(self.act(selector, async |element| element.click().await)).await;
    }

    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        self.act(selector, async |element| element.send_keys(text).await).await.unwrap();
    }

    /// Waits until an element shows these words.
    pub(crate) async fn sees(&self, selector: &str, words: &str) {
        let wanted = words.to_owned();
        let query = self.session.query(By::Css(selector)).with_text(move |text: &str| text.contains(&wanted));
        if let Err(error) = query.single().await {
            let text = self.act(selector, async |element| element.text().await).await;
            panic!("no `{words}` in `{selector}` but {text:?}: {error}");
        }
    }

    /// What a function's body returns when run in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.session.execute(script, []).await.unwrap().json().clone()
    }

    /// What the console says that is more than a recommendation: errors, and what the page's policy refused.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let entries = self.session.browser_log().await.unwrap().into_iter();
        entries.filter(|entry| entry.level != "DEBUG").map(|entry| format!("{entry:?}")).collect()
    }

    /// Does what loads another page, and waits until the old one is gone: what is found afterwards is the new page's.
    async fn leave_page(&self, leave: impl Future<Output = WebDriverResult<()>>) {
        let old = self.session.find(By::Tag("html")).await.unwrap();
        leave.await.unwrap();
        old.wait_until().error("the page stays").stale().await.unwrap();
    }

    /// Does something with the element that a CSS selector finds. Where the page has replaced the element in the
    /// meantime nothing was done, and it is looked for again.
    async fn act<T>(
        &self,
        selector: &str,
        action: impl AsyncFn(WebElement) -> WebDriverResult<T>,
    ) -> WebDriverResult<T> {
        let mut poller = poller().start();
        loop {
            let result = match self.session.find(By::Css(selector)).await {
                Ok(element) => action(element).await,
                Err(error) => Err(error),
            };
            let is_gone = result.as_ref().is_err_and(|error| {
                matches!(
                    **error,
                    WebDriverErrorInner::StaleElementReference(_) | WebDriverErrorInner::NoSuchElement(_)
                )
            });
            if !is_gone || !poller.tick().await {
                return result;
            }
        }
    }
}

/// Real time: what happens in another program has no other clock.
fn poller() -> ElementPollerWithTimeout {
    ElementPollerWithTimeout::new(WAIT_MAX, POLL_EVERY)
}
