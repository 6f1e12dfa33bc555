//! Where AWS credentials come from, and what is wrong there: sources that say nothing, hang, or say it strangely.

use std::fs;

use crate::fake::{ACCESS_KEY, Action, Ecr, Face, Fault, Match, Registry, Reply, image};
use crate::world::daemon::{PATIENCE, World, passes};
use crate::world::program::{Program, Ran};
use crate::world::{APP, Side, assert_says, mirror, nobody};

/// A program to an ECR that gets its credentials by this script.
fn by_process(source: &Registry, ecr: &Ecr, script: &str) -> Program {
    let program = Program::configured(&mirror(source, ecr, APP));
    with_process(program, script)
}

fn with_process(program: Program, script: &str) -> Program {
    fs::write(program.folder().join("process"), script.replace("KEY", ACCESS_KEY)).unwrap();
    let profile = "[profile work]\ncredential_process = /bin/sh process --password hunter2\n";
    fs::write(program.folder().join("profiles"), profile).unwrap();
    let program = program.variable("AWS_CONFIG_FILE", "profiles").variable("AWS_PROFILE", "work");
    program.variable("AWS_EC2_METADATA_DISABLED", "true")
}

async fn source() -> Registry {
    let source = Registry::start(Face::Open).await;
    source.push("app", "1.0", &image(&["1.0"]));
    source
}

/// What a program prints, and how a run ends that needs it.
struct Printed {
    what: &'static str,
    /// Where it was seen; the form is AWS'.
    seen: &'static str,
    script: &'static str,
    /// Words of the failure; none where the images arrive.
    says: &'static [&'static str],
}

const PRINTED: &[Printed] = &[
    Printed {
        what: "a warning before the JSON",
        seen: "none found; AWS documents Version 1",
        script: r#"echo 'warning: the cache is old'; echo '{"Version":1,"AccessKeyId":"KEY","SecretAccessKey":"s"}'"#,
        says: &[],
    },
    Printed {
        what: "nulls for what there is not",
        seen: "none found; brother of the above",
        script: r#"echo '{"Version":1,"AccessKeyId":"KEY","SecretAccessKey":"s","SessionToken":null,"Expiration":null}'"#,
        says: &[],
    },
    Printed {
        what: "a time with an offset",
        seen: "none found; brother of the above",
        script: r#"echo '{"Version":1,"AccessKeyId":"KEY","SecretAccessKey":"s","SessionToken":"t","Expiration":"2999-01-01T00:00:00+00:00"}'"#,
        says: &[],
    },
    Printed {
        what: "a megabyte of complaints before the JSON",
        seen: "none found; a full pipe held both up",
        script: r#"head -c 1000000 /dev/zero >&2; echo '{"Version":1,"AccessKeyId":"KEY","SecretAccessKey":"s"}'"#,
        says: &[],
    },
    Printed {
        what: "credentials of last year",
        seen: "none found; brother of the above",
        script: r#"echo '{"Version":1,"AccessKeyId":"KEY","SecretAccessKey":"hunter2","Expiration":"2025-01-01T00:00:00Z"}'"#,
        says: &["the credentials that it printed expired at 2025-01-01T00:00:00Z"],
    },
    Printed {
        what: "another version",
        seen: "none found; brother of the above",
        script: r#"echo '{"Version":2,"AccessKeyId":"KEY","SecretAccessKey":"hunter2"}'"#,
        says: &["it printed version 2"],
    },
    Printed {
        what: "nothing",
        seen: "none found; brother of the above",
        script: "exit 0",
        says: &["it printed no JSON object"],
    },
    Printed {
        what: "why not, and a status",
        seen: "aws/aws-toolkit-vscode#1649",
        script: "echo 'Token has expired, log in again' >&2; exit 255",
        says: &["it failed: Token has expired, log in again"],
    },
    Printed {
        what: "a secret, and a status",
        seen: "none found; brother of the above",
        script: r#"echo '{"SecretAccessKey":"hunter2"}'; exit 1"#,
        says: &["it failed: it did not say why (exit status: 1)"],
    },
];

#[tokio::test]
async fn what_a_program_prints_is_read_or_told() {
    let source = source().await;
    for Printed { what, seen, script, says } in PRINTED {
        let ecr = Ecr::start().await;
        let ran = by_process(&source, &ecr, script).run_online(&["sync"]).await;
        let code = i32::from(!says.is_empty());
        assert_eq!(ran.code, Some(code), "{what} ({seen}): {}", ran.stderr);
        assert_eq!(ecr.tags("app").len(), usize::from(says.is_empty()), "{what}");
        if !says.is_empty() {
            let named = "`credential_process` of the profile `work` in AWS' files (`/bin/sh`): ";
            assert_says(&ran.stderr, &[says, &[named][..]].concat());
        }
        let shown = ran.stdout + &ran.stderr;
        assert!(!shown.contains("hunter2"), "{what}: {shown}");
    }
}

/// Two mirrors, to an ECR and to a registry of another kind.
fn mixed(source: &Registry, target: &Registry, ecr: &Ecr) -> String {
    let other = APP.replace("TARGET", &target.host()).replace("{source", "{name: other, source");
    let config = mirror(source, ecr, &(APP.to_owned() + &other));
    config.replace("registries:\n", &format!("registries:\n  {}: {{plain_http: true}}\n", target.host()))
}

#[tokio::test]
async fn without_credentials_what_needs_none_is_done() {
    let (source, target, ecr) = (source().await, Registry::start(Face::Open).await, Ecr::start().await);
    let run = async |config: &str| -> Ran {
        let program = Program::configured(config).variable("AWS_EC2_METADATA_DISABLED", "true");
        program.run_online(&["sync"]).await
    };
    let all = run(&mirror(&source, &ecr, APP)).await;
    assert_says(&all.assert_code(3).stderr, &["no AWS credentials found: give the task"]);
    let some = run(&mixed(&source, &target, &ecr)).await;
    assert_says(&some.assert_code(1).stderr, &["no AWS credentials found: give the task"]);
    assert_eq!(target.tags("app"), source.tags("app"));
}

#[tokio::test]
async fn a_profile_that_is_not_there_is_named() {
    let (source, ecr) = (source().await, Ecr::start().await);
    for (profiles, said) in
        [("[profile work]\nregion = eu-west-1\n", "there are: work"), ("", "there are none")]
    {
        let program = Program::configured(&mirror(&source, &ecr, APP));
        fs::write(program.folder().join("profiles"), profiles).unwrap();
        let program = program.variable("AWS_CONFIG_FILE", "profiles").variable("AWS_PROFILE", "wrok");
        let ran = program.variable("AWS_EC2_METADATA_DISABLED", "true").run_online(&["sync"]).await;
        let named = "AWS' files have no profile `wrok`, which the environment variable `AWS_PROFILE` names; ";
        assert_says(&ran.assert_code(3).stderr, &[named, said]);
    }
}

#[tokio::test]
async fn instance_metadata_that_refuses_is_named_and_is_not_asked_for_a_region_that_is_known() {
    let (source, ecr) = (Registry::start(Face::Basic).await, Ecr::start().await);
    source.push("app", "1.0", &image(&["1.0"]));
    let metadata = Registry::start(Face::Open).await;
    let (_socket, nobody) = nobody();
    let program = |config: &str, endpoint: &str| {
        Program::configured(config)
            .variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://{endpoint}"))
    };
    let refused = program(&mirror(&source, &ecr, APP), &nobody.to_string()).run_online(&["sync"]).await;
    assert_says(&refused.assert_code(3).stderr, &["no AWS credentials found", "instance metadata"]);

    let secret = mirror(Side::plain(&source, "credentials: {secret: ocr}"), &ecr, APP);
    let manager = Registry::start(Face::Open).await;
    let ran = program(&secret, &metadata.host())
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .variable("AWS_SECRET_ACCESS_KEY", "secret")
        .variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", &format!("http://{}", manager.host()))
        .run_online(&["sync"])
        .await;
    assert_says(&ran.assert_code(1).stderr, &["secretsmanager:GetSecretValue on ocr"]);
    assert!(!manager.requests().is_empty() && metadata.requests().is_empty(), "{:?}", metadata.requests());
}

#[tokio::test]
async fn a_program_that_hangs_holds_up_no_mirror_that_does_not_need_it() {
    // aws/aws-toolkit-vscode#1649: it waits for a second factor, a browser, a lock.
    let (source, target, ecr) = (source().await, Registry::start(Face::Open).await, Ecr::start().await);
    let program = with_process(Program::configured(&mixed(&source, &target, &ecr)), "sleep 1000");
    let mut running = program.start(&["sync"]);
    tokio::time::timeout(PATIENCE, target.wait_for(&Match::manifest_put(), 1)).await.unwrap();
    running.kill().await;
}

#[tokio::test]
async fn schedules_go_on_while_a_reload_waits_for_credentials() {
    // awslabs/aws-sdk-rust#1276
    let (source, target, ecr) = (source().await, Registry::start(Face::Open).await, Ecr::start().await);
    let config = mirror(&source, &target, APP) + "schedule: {cron: \"* * * * * *\"}\n";
    let program = with_process(Program::configured(&config), "echo asked > asked; sleep 1000");
    let folder = program.folder().to_owned();
    let world = World::of(source, target, program).await;
    let made = std::process::Command::new("mkfifo").arg(folder.join("asked")).status().unwrap();
    assert!(made.success());
    fs::write(folder.join("tagferry.yaml"), mirror(&world.source, &ecr, APP)).unwrap();
    world.daemon.signal("HUP");
    // Whoever reads this waits until the program of the profile runs.
    let asked = tokio::task::spawn_blocking(move || fs::read_to_string(folder.join("asked")));
    tokio::time::timeout(PATIENCE, asked).await.unwrap().unwrap().unwrap();
    let before = world.mirror().await["last_run"]["pass"].as_u64().unwrap_or_default();
    passes(&world, before + 2).await;
    world.stop().await;
}

#[tokio::test]
async fn a_container_that_is_answered_by_a_page_is_told_so() {
    let (source, ecr) = (source().await, Ecr::start().await);
    let page = Reply::status(200).named("content-type", "text/html").body("<html>Go away</html>");
    let endpoint = Registry::start(Face::Open).await;
    endpoint.fault(Fault::new(Match::any(), Action::Answer(page)));
    let program =
        Program::configured(&mirror(&source, &ecr, APP)).variable("AWS_EC2_METADATA_DISABLED", "true");
    let uri = format!("http://{}/credentials", endpoint.host());
    let ran = program.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri).run_online(&["sync"]).await;
    assert_says(
        &ran.assert_code(1).stderr,
        &["the AWS credentials could not be obtained", "from the container's credentials endpoint"],
    );
    assert!(endpoint.requests().len() < 10, "{}", endpoint.requests().len());
}
