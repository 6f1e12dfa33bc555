//! The page at `/` in a real browser.

use serde_json::Value;

use crate::fake::{Action, Face, Fault, Gate, Match, Registry, image};
use crate::programs::tagferry::{Serving, Tagferry};
use crate::programs::webdriver::{Browser, Scripts};

const CARD: &str = "[id^='mirror-java/jdk-']";
const BUTTON: &str = "[id^='mirror-java/jdk-'] button";
const TAGS: &str = "[id^='mirror-java/jdk-'] details.tags";
const MARK: &str = "window.stillTheSamePage = true";

/// A daemon whose mirror of `java/jdk` has 21.0.1 and runs only when asked.
struct World {
    source: Registry,
    daemon: Serving,
}

impl World {
    async fn start(variables: &[(&str, &str)]) -> Self {
        let source = Registry::start(Face::Open).await;
        source.push("java/jdk", "21.0.1", &image(&["21.0.1"]));
        let host = source.host();
        let yaml = format!(
            "mirrors:\n  - {{source: {host}/java/jdk, target: 'oci:jdk', tags: [{{match: .}}]}}\n  \
             - {{source: {host}/db, target: 'oci:db', tags: [{{match: .}}]}}\n\
             registries: {{'{host}': {{plain_http: true}}}}\n"
        );
        Self { source, daemon: Tagferry::configured(&yaml).serve(variables).await }
    }

    fn push(&self, tag: &str) {
        self.source.push("java/jdk", tag, &image(&[tag]));
    }
}

#[tokio::test]
async fn sync_now_shows_the_new_tag_on_the_same_page() {
    let world = World::start(&[]).await;
    let browser = Browser::start(Scripts::On).await;
    browser.open(world.daemon.url()).await;
    browser.sees("#verdict", "2 mirrors wait for their first pass").await;
    browser.run(MARK).await;
    browser.click(BUTTON).await;
    browser.sees(CARD, "fresh").await;
    browser.sees("#message", "java/jdk was asked to sync.").await;
    browser.click(&format!("{TAGS} summary")).await;
    browser.sees(TAGS, "21.0.1").await;

    // What is folded open stays so, and the keyboard stays where it is.
    world.push("21.0.2");
    browser.click(BUTTON).await;
    browser.sees(TAGS, "21.0.2").await;
    browser.sees(CARD, "Newest in the target\n21.0.2").await;
    let focus = browser.run("return document.activeElement.value").await;
    assert_eq!(focus, "java/jdk");
    assert_eq!(browser.run("return window.stillTheSamePage").await, Value::Bool(true));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_pass_is_watched_and_what_failed_is_said() {
    let world = World::start(&[]).await;
    let gate = Gate::closed();
    world.source.fault(Fault::new(Match::blob_get(), Action::Hold(gate.clone())));
    let browser = Browser::start(Scripts::On).await;
    browser.open(world.daemon.url()).await;
    browser.click("#sync button").await;
    browser.sees(CARD, "copying").await;
    browser.sees("#verdict", "is failing").await;
    browser.sees(".names", "db").await;
    browser.sees(CARD, "0 of 1 tags done").await;
    gate.open();
    browser.sees(CARD, "fresh").await;
    // Said only once the pass has ended: while it runs, that none has a schedule is left out.
    let verdict = "1 of 2 mirrors is failing: none has a schedule, they run only when asked";
    browser.sees("#verdict", verdict).await;
    let title = browser.run("return document.title").await;
    assert_eq!(title, format!("✕ {verdict} – tagferry"));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn without_scripts_the_page_is_loaded_again_and_says_the_same() {
    let world = World::start(&[("TAGFERRY_API_TOKEN", "secret-of-the-page")]).await;
    let browser = Browser::start(Scripts::Off).await;
    browser.open(world.daemon.url()).await;
    browser.sees("noscript", "This shows one moment.").await;
    browser.type_into("#token", "wrong").await;
    browser.submit(BUTTON).await;
    browser.sees("#message", "This is not the daemon's token.").await;
    assert_eq!(world.source.count(&Match::tags()), 0);

    browser.type_into("#token", "secret-of-the-page").await;
    browser.submit(BUTTON).await;
    browser.sees("#message", "java/jdk was asked to sync.").await;
    world.source.wait_for(&Match::blob_get(), 2).await;
    world.daemon.finished("java/jdk").await;
    browser.open(world.daemon.url()).await;
    browser.sees(CARD, "Newest in the target\n21.0.1").await;
}

#[tokio::test]
async fn a_token_is_typed_once_and_a_wrong_one_is_refused_in_words() {
    let world = World::start(&[("TAGFERRY_API_TOKEN", "secret-of-the-page")]).await;
    let browser = Browser::start(Scripts::On).await;
    browser.open(world.daemon.url()).await;
    browser.type_into("#token", "secret-of-the-pag").await;
    browser.click(BUTTON).await;
    browser.sees("#message", "Nothing was done").await;
    browser.type_into("#token", "e").await;
    browser.click(BUTTON).await;
    browser.sees(CARD, "fresh").await;
}

#[tokio::test]
async fn thirty_fresh_mirrors_fit_two_screens() {
    let source = Registry::start(Face::Open).await;
    let host = source.host();
    let mirrors = (1..=30).map(|team| {
        let name = format!("team-{team}/service-with-an-ordinary-name");
        source.push(&name, "21.0.11-oraclelinux9", &image(&["shared by all"]));
        format!(
            "  - {{source: '{host}/{name}', target: 'oci:carried#{name}', tags: [{{match: ., newest: 3}}]}}\n"
        )
    });
    let yaml = format!(
        "registries: {{'{host}': {{plain_http: true}}}}\n\
         schedule: {{cron: '0 */6 * * *', timezone: Asia/Tokyo, on_start: true}}\nmirrors:\n{}",
        mirrors.collect::<String>()
    );
    let daemon = Tagferry::configured(&yaml).serve(&[]).await;
    let browser = Browser::start(Scripts::On).await;
    browser.resize(1280, 800).await;
    browser.open(daemon.url()).await;
    browser.sees("#verdict", "All 30 mirrors are fresh").await;
    let lines = browser.run("return document.querySelectorAll('.mirror.line').length").await;
    assert_eq!(lines, 30);
    let sizes = browser.run("return [document.documentElement.scrollHeight, window.innerHeight]").await;
    let [page, window] = [0, 1].map(|index| sizes[index].as_u64().unwrap());
    assert!(page <= 2 * window, "the page is {page} high, the window {window}");
}
