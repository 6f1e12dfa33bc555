//! The picture of the page in `docs/`: registries with the names of real ones, a mirror that fails, one that is behind, and
//! others that are fresh. `scripts/picture` has it drawn anew.

use std::env;
use std::fs;

use crate::fake::{Action, Ecr, Face, Fault, Gate, Location, Match, PASSWORD, Registry, USER, random_image};
use crate::fixtures::authority::Authority;
use crate::fixtures::by_name::ByName;
use crate::programs::tagferry::{Serving, Tagferry};
use crate::programs::webdriver::{Browser, Scripts};

/// Where the picture is to be written; nowhere without it.
const PICTURE: &str = "TAGFERRY_PICTURE";
const ORACLE: &str = "container-registry.oracle.com";
const ECR: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
/// Repositories of Oracle's registry, what is in each, and the rule for it.
const MIRRORS: &[(&str, &[&str], &str)] = &[
    ("java/jdk", &["21.0.8", "21.0.9", "21.0.10", "21.0.11"], r"^21\.0\.[0-9]+$"),
    ("database/free", &["23.26.1.0-lite", "23.26.2.0-lite", "23.26.3.0-lite"], r"^23\.[0-9.]+-lite$"),
    (
        "middleware/weblogic",
        &["14.1.2.0-generic-jdk17-ol8-250424"],
        r"^14\.1\.2\.0-generic-jdk17-ol8-[0-9]+$",
    ),
    ("mysql/community-server", &["9.4.0", "9.5.0", "9.6.0"], r"^9\.7\.[0-9]+$"),
    ("graalvm/native-image", &["21.0.10-ol9", "21.0.11-ol9"], r"^21\.0\.[0-9]+-ol9$"),
    ("os/oraclelinux", &["9-slim"], "^9-slim$"),
    ("database/ords", &["25.3.1", "25.4.0"], r"^25\.[0-9.]+$"),
];

/// The daemon between both sides, by way of a proxy that knows their names.
struct World {
    source: Registry,
    _target: Ecr,
    _authority: Authority,
    _proxy: ByName,
    daemon: Serving,
}

impl World {
    async fn start() -> Self {
        let source = Registry::start(Face::Basic).await;
        for (index, (repository, tags, _)) in (0..).zip(MIRRORS) {
            for (tag, number) in tags.iter().zip(0..) {
                source.push(repository, tag, &random_image(10 * index + number, &[200_000, 100_000]));
            }
        }
        // The fake knows nothing of the TLS before it, so its addresses have no scheme.
        let target = Ecr::builder().quirks(|quirks| quirks.location = Location::Relative).start().await;
        let authority = Authority::new();
        let places = vec![(ORACLE, source.host()), (ECR, target.host())];
        let proxy = ByName::start(&authority, places).await;
        let ca_file = authority.file().display().to_string();
        let variables = [
            ("https_proxy", &*proxy.url()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let yaml = configuration(&ca_file, &target.endpoint_url());
        let daemon = Tagferry::configured(&yaml).serve(&variables).await;
        Self { source, _target: target, _authority: authority, _proxy: proxy, daemon }
    }
}

fn configuration(ca_file: &str, endpoint: &str) -> String {
    let mirrors = MIRRORS.iter().map(|(repository, _, pattern)| {
        format!("  - {{source: {ORACLE}/{repository}, tags: [{{match: '{pattern}', newest: 3}}]}}\n")
    });
    format!(
        "schedule: {{cron: '0 */6 * * *', timezone: Asia/Tokyo, on_start: true}}\n\
         defaults: {{target: '{ECR}/{{path}}'}}\n\
         registries:\n  \
         {ORACLE}: {{ca_file: '{ca_file}', credentials: {{username: '{USER}', password: '{PASSWORD}'}}}}\n  \
         {ECR}: {{ca_file: '{ca_file}', ecr: {{endpoint_url: '{endpoint}', create_repositories: true}}}}\n\
         mirrors:\n{}",
        mirrors.collect::<String>()
    )
}

#[tokio::test]
async fn the_page_shows_what_fails_what_is_behind_and_what_is_fresh() {
    let World { source, daemon, .. } = &World::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.resize(880, 1220).await;
    browser.open(daemon.url()).await;
    browser.sees("#verdict", "1 of 7 mirrors is failing").await;
    browser.sees("[id^='mirror-database/free-']", "fresh").await;

    // The next tag of one of them is under way, and gets no further.
    let gate = Gate::closed();
    source.fault(Fault::new(Match::blob_get(), Action::Hold(gate.clone())));
    source.push("database/free", "23.27.0.0-lite", &random_image(99, &[200_000, 100_000]));
    browser.click("[id^='mirror-database/free-'] button").await;
    browser.sees("#verdict", "1 of 7 mirrors is failing, 1 is behind").await;
    browser.sees("[id^='mirror-database/free-']", "0 B of").await;
    // In the order that they have now.
    browser.open(daemon.url()).await;
    browser.sees("[id^='mirror-mysql/community-server-']", "matches no tag; the nearest: 9.4.0").await;
    browser.sees("[id^='mirror-java/jdk-']", "21.0.11").await;
    if let Some(path) = env::var_os(PICTURE) {
        // Smaller letters, fewer bytes.
        browser.run("document.documentElement.style.fontSize = '80%'").await;
        fs::write(path, browser.picture().await).unwrap();
    }
    gate.open();
    browser.sees("[id^='mirror-database/free-']", "fresh").await;
}
