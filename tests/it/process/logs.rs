//! Logs as machines read them: a failure once, where it is handled, with what one searches for.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::fake::{Action, Ecr, Face, Fault, Kind, Match, Registry, Reply, Settings, image};
use crate::world::program::{Program, Ran};
use crate::world::{APP, mirror};

/// Two tags of different images.
async fn source() -> Registry {
    let source = Registry::start(Face::Basic).await;
    for tag in ["1.1", "1.2"] {
        source.push("app", tag, &image(&["a layer", tag]));
    }
    source
}

async fn sync(config: &str) -> Vec<Value> {
    let arguments = ["--log-format", "json", "sync", "--output", "json"];
    lines(&Program::configured(config).aws().run_online(&arguments).await)
}

/// Every line is an object with what all have.
#[track_caller]
fn lines(ran: &Ran) -> Vec<Value> {
    let lines: Vec<Value> = ran.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        for name in ["timestamp", "level", "message", "target"] {
            assert!(line[name].is_string(), "{line}");
        }
    }
    lines
}

/// The only line that has this.
#[track_caller]
fn only(lines: &[Value], is_meant: impl Fn(&Value) -> bool) -> &Value {
    let found: Vec<_> = lines.iter().filter(|line| is_meant(line)).collect();
    assert_eq!(found.len(), 1, "{lines:#?}");
    found[0]
}

fn is_error(line: &Value) -> bool {
    line["level"] == "ERROR"
}

#[tokio::test]
async fn twice_verbose_is_every_request_and_all_that_is_logged_are_sentences() {
    let (source, ecr) = (source().await, Ecr::start().await);
    let program = Program::configured(&mirror(&source, &ecr, APP)).aws();
    let ran = program.run_online(&["-vv", "sync"]).await;
    for said in [
        "TRACE GET http://",
        "/v2/app/tags/list: 200 OK",
        "TRACE ecr:GetAuthorizationToken: answered",
        ": answered",
    ] {
        assert!(ran.assert_code(0).stderr.contains(said), "no `{said}` in {}", ran.stderr);
    }
    let described =
        ran.stderr.lines().filter(|line| line.contains("TRACE ecr:") && line.contains(" on arn:aws:ecr:"));
    assert!(described.count() > 0, "{}", ran.stderr);
    let ran = program.run_online(&["-v", "sync"]).await;
    assert!(!ran.assert_code(0).stderr.contains("TRACE"), "{}", ran.stderr);
    // The SDK warns of each place without credentials in the form for its programmers.
    let program = Program::configured(&mirror(&source, &ecr, APP));
    let ran = program.variable("AWS_EC2_METADATA_DISABLED", "true").run_online(&["-vv", "sync"]).await;
    for debug in ["Some(", "Err(", " { ", "\\\""] {
        assert!(!ran.assert_code(3).stderr.contains(debug), "`{debug}` in {}", ran.stderr);
    }
}

#[tokio::test]
async fn a_failed_tag_is_logged_once_with_mirror_tag_and_side() {
    let (source, target) = (source().await, Registry::start(Face::Open).await);
    let refusal = Reply::error(400, "MANIFEST_INVALID", "not this one").named("x-request-id", "target-7");
    target.fault(Fault::new(Match::manifest_put().containing("1.2"), Action::Answer(refusal)));
    let lines = sync(&mirror(&source, &target, APP)).await;
    let line = only(&lines, is_error);
    assert_eq!(
        (&line["mirror"], &line["tag"], &line["side"]),
        (&"app".into(), &"1.2".into(), &"target".into())
    );
    assert_eq!(line["request_id"], "target-7");
    assert!(line["error"].as_str().unwrap().contains("not this one"), "{line}");
    let end = only(&lines, |line| line["message"].as_str().unwrap().starts_with("Done `app`"));
    assert_eq!((&end["copied"], &end["failed"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn what_fails_at_the_source_says_so() {
    let (source, target) = (source().await, Registry::start(Face::Open).await);
    source.fault(Fault::new(Match::kind(Kind::Manifest).containing("1.1"), Action::error(400, "X", "odd")));
    let lines = sync(&mirror(&source, &target, APP)).await;
    let line = only(&lines, is_error);
    assert_eq!(
        (&line["mirror"], &line["tag"], &line["side"]),
        (&"app".into(), &"1.1".into(), &"source".into())
    );
    assert!(line.get("request_id").is_none(), "{line}");
}

#[tokio::test]
async fn a_failure_of_aws_has_its_request_id() {
    let (source, ecr) = (source().await, Ecr::start().await);
    ecr.deny("ecr:DescribeImages");
    ecr.deny("ecr:BatchGetImage");
    let lines = sync(&mirror(&source, &ecr, APP)).await;
    let line = only(&lines, is_error);
    assert_eq!((&line["mirror"], &line["side"]), (&"app".into(), &"target".into()));
    let id = line["request_id"].as_str().unwrap();
    assert!(id.starts_with("00000000-0000-4000-8000-"), "{line}");
    assert!(line["error"].as_str().unwrap().contains(id), "{line}");
}

#[tokio::test]
async fn a_look_that_is_not_allowed_is_told_once() {
    let (source, ecr) = (source().await, Ecr::start().await);
    source.push("other", "1.0", &image(&["other"]));
    for repository in ["app", "other"] {
        ecr.create(repository, Settings::default());
    }
    ecr.deny("ecr:DescribeImages");
    let lines = sync(&mirror(&source, &ecr, &(APP.to_owned() + &APP.replace("app", "other")))).await;
    assert!(!lines.iter().any(is_error), "{lines:#?}");
    let line = only(&lines, |line| line["level"] == "WARN");
    let words = line["message"].as_str().unwrap();
    assert!(
        words.starts_with("Asking ECR for tags") && words.contains("ecr:DescribeImages on arn:aws:ecr:"),
        "{words}"
    );
}

#[tokio::test]
async fn so_has_a_login_that_aws_refuses_and_the_other_tags_are_not_told_again() {
    let (source, ecr) = (source().await, Ecr::start().await);
    ecr.deny("ecr:GetAuthorizationToken");
    let lines = sync(&mirror(&source, &ecr, &APP.replace("match: .", "match: 1.2"))).await;
    let line = only(&lines, |line| is_error(line) && line.get("tag").is_some());
    assert!(line["request_id"].as_str().unwrap().starts_with("00000000-"), "{line}");
    let end = only(&lines, |line| is_error(line) && line.get("tag").is_none());
    assert!(end.get("error").is_none() && end.get("request_id").is_none(), "{end}");
}

#[tokio::test]
async fn a_retry_says_which_mirror_and_tag_it_is_for() {
    let (source, target) = (source().await, Registry::start(Face::Open).await);
    // A blob is read by whoever writes it: the connection to the target, which knows no tag.
    source.fault(Fault::new(Match::blob_get(), Action::error(503, "UNAVAILABLE", "busy")).once());
    target.fault(Fault::new(Match::manifest_put(), Action::error(503, "UNAVAILABLE", "busy")).once());
    let lines = sync(&mirror(&source, &target, &APP.replace("match: .", "match: 1.2"))).await;
    assert!(!lines.iter().any(is_error), "{lines:#?}");
    let retries: Vec<_> = lines.iter().filter(|line| line["reason"] == "server").collect();
    assert_eq!(retries.len(), 2, "{lines:#?}");
    for line in retries {
        assert_eq!((&line["mirror"], &line["tag"]), (&"app".into(), &"1.2".into()), "{line}");
        assert_eq!((&line["attempt"], &line["attempts_max"]), (&2.into(), &5.into()), "{line}");
    }
}

#[tokio::test]
async fn the_daemon_logs_the_same() {
    let (source, ecr) = (source().await, Ecr::start().await);
    ecr.deny("ecr:PutImage");
    let config = mirror(&source, &ecr, &APP.replace("match: .", "match: 1.2"));
    let config = format!("{config}schedule: {{cron: \"0 0 1 1 *\", on_start: true}}\n");
    let program = Program::configured(&config).aws();
    let mut running = program.start(&["--log-format", "json", "serve", "--listen", "127.0.0.1:0"]);
    running.logs("Could not finish").await;
    running.signal("TERM");
    let ran = running.ended().await;
    ran.assert_code(0);
    let lines = lines(&ran);
    let line = only(&lines, |line| is_error(line) && line.get("tag").is_some());
    assert_eq!(
        (&line["mirror"], &line["tag"], &line["side"]),
        (&"app".into(), &"1.2".into(), &"target".into())
    );
}

/// Whatever the logs are told to hide, and where they cannot even be started.
#[test]
fn a_command_that_fails_always_says_why() {
    let run = |name, value, arguments: &[&str]| {
        let ran = Program::new().variable(name, value).run(&[&["--log-format", "json"], arguments].concat());
        let lines = lines(ran.assert_code(2));
        assert_eq!((lines.len(), &lines[0]["level"]), (1, &"ERROR".into()), "{}", ran.stderr);
        lines[0]["message"].as_str().unwrap().to_owned()
    };
    assert!(run("RUST_LOG", "tagferry=nonsense", &["schema"]).contains("variable RUST_LOG: "));
    assert!(run("TAGFERRY_CORE_DUMPS", "yes", &["schema"]).contains("TAGFERRY_CORE_DUMPS"));
    for hidden in ["hyper=debug", "off"] {
        assert!(run("RUST_LOG", hidden, &["check"]).starts_with("error: cannot read the configuration "));
    }
}

/// Where both streams end in one log, it is of one format and tells what the table would.
#[tokio::test]
async fn without_an_output_the_log_is_all_there_is() {
    let (source, target) = (source().await, Registry::start(Face::Open).await);
    target.fault(Fault::new(Match::manifest_put().containing("1.2"), Action::Answer(Reply::status(400))));
    let program = Program::configured(&mirror(&source, &target, APP)).aws();
    let ran = program.run_online(&["--log-format", "json", "sync", "--output", "none"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    only(&lines(&ran), is_error);
}

/// In mode `service`, the alarms of `deploy/ecs` count lines of the log by these patterns.
#[tokio::test]
async fn the_stacks_of_deploy_count_the_last_lines_of_passes() {
    const SUCCEEDED: &str = r#"{ $.message = "Done *" && $.failed = 0 && $.not_started = 0 }"#;
    const FAILED: &str = r#"{ $.message = "Could not finish*" || ($.message = "Done *" && $.failed > 0) }"#;
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/ecs");
    let stack = fs::read_to_string(deploy.join("tagferry.yaml")).unwrap();
    let terraform = fs::read_to_string(deploy.join("terraform/alarms.tf")).unwrap().replace(r#"\""#, "\"");
    for pattern in [SUCCEEDED, FAILED] {
        assert!(stack.contains(pattern) && terraform.contains(pattern), "{pattern}");
    }
    let begins = |line: &Value, word: &str| line["message"].as_str().unwrap().starts_with(word);
    let succeeded = |line: &Value| begins(line, "Done ") && line["failed"] == 0 && line["not_started"] == 0;
    let failed = |line: &Value| {
        begins(line, "Could not finish") || begins(line, "Done ") && line["failed"].as_u64() > Some(0)
    };
    let count = |lines: &[Value]| {
        (
            lines.iter().filter(|line| succeeded(line)).count(),
            lines.iter().filter(|line| failed(line)).count(),
        )
    };
    let (source, target) = (source().await, Registry::start(Face::Open).await);
    let config = mirror(&source, &target, APP);
    assert_eq!(count(&sync(&config).await), (1, 0));
    let target = Registry::start(Face::Open).await;
    target.fault(Fault::new(Match::manifest_put().containing("1.2"), Action::Answer(Reply::status(400))));
    assert_eq!(count(&sync(&mirror(&source, &target, APP)).await), (0, 1));
    source.fault(Fault::new(Match::tags(), Action::Answer(Reply::status(400))));
    assert_eq!(count(&sync(&config).await), (0, 1));
}
