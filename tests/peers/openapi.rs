//! The description of the control plane, judged by programs that know `OpenAPI` and not tagferry.

use std::path::Path;
use std::process::Output;

use reqwest::Client;
use tempfile::{NamedTempFile, TempDir};
use tokio::process::Command;

use crate::fake::{Face, Registry, image};
use crate::programs::tagferry::{Serving, Tagferry};

/// How many requests are made up for each operation, always the same.
const EXAMPLES: &str = "15";

/// A daemon with a mirror that is fresh and one that fails.
async fn daemon(variables: &[(&str, &str)]) -> (Registry, Serving) {
    let source = Registry::start(Face::Open).await;
    source.push("java/jdk", "21.0.1", &image(&["21.0.1"]));
    let host = source.host();
    let yaml = format!(
        "mirrors:\n  - {{source: {host}/java/jdk, target: 'oci:jdk', tags: [{{match: .}}]}}\n  \
         - {{source: {host}/db, target: 'oci:db', tags: [{{match: .}}]}}\n\
         schedule: {{cron: '0 */6 * * *', on_start: true}}\nregistries: {{'{host}': {{plain_http: true}}}}\n"
    );
    let daemon = Tagferry::configured(&yaml).serve(variables).await;
    daemon.finished("java/jdk").await;
    daemon.finished("db").await;
    (source, daemon)
}

/// Runs a program of `scripts/peers` in a folder of its own.
async fn run(program: &str, arguments: &[&str]) -> Output {
    let home = TempDir::with_prefix("tagferry-openapi-").unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin").join(program);
    let mut command = Command::new(program);
    command.args(arguments).current_dir(home.path()).env("HOME", home.path()).kill_on_drop(true);
    command.output().await.expect("run `scripts/peers` first")
}

#[track_caller]
fn assert_success(output: &Output) {
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{stdout}{stderr}");
}

#[tokio::test]
async fn the_description_is_valid() {
    let (_source, daemon) = daemon(&[]).await;
    let document = Client::new().get(format!("{}/api/v1/openapi.json", daemon.url())).send().await.unwrap();
    let file = NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), document.bytes().await.unwrap()).unwrap();
    assert_success(&run("openapi-spec-validator", &[file.path().to_str().unwrap()]).await);
}

/// Whatever is asked, well-formed or not, the answer is a described one, with the described content.
#[tokio::test]
async fn every_answer_is_one_that_is_described() {
    for token in [None, Some("secret-of-the-api")] {
        let variables: Vec<_> = token.map(|token| ("TAGFERRY_API_TOKEN", token)).into_iter().collect();
        let (_source, daemon) = daemon(&variables).await;
        let document = format!("{}/api/v1/openapi.json", daemon.url());
        // Streams of events do not end.
        let mut arguments = vec!["run", &document, "--exclude-path-regex", "events$", "--no-color"];
        arguments.extend(["--phases", "coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "1"]);
        // How fast it makes up its requests says something about this machine alone.
        arguments.push("--suppress-health-check=too_slow");
        let header = format!("Authorization: Bearer {}", token.unwrap_or_default());
        if token.is_some() {
            arguments.extend(["--header", &header]);
        }
        assert_success(&run("schemathesis", &arguments).await);
        let alive = Client::new().get(format!("{}/healthz", daemon.url())).send().await.unwrap();
        assert!(alive.status().is_success());
    }
}
