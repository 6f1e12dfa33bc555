//! A crash writes no secret to disk.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use crate::fake::{Face, PASSWORD, Registry, USER};
use crate::world::daemon::SERVE;
use crate::world::program::Program;
use crate::world::{APP, Side, mirror, three_tags};

/// The limits of a running daemon on the size of a core: the soft and the hard one.
async fn limits(core_dumps: Option<&str>) -> Vec<String> {
    let config = mirror(&three_tags(Face::Open).await, &Registry::start(Face::Open).await, APP);
    let program = Program::configured(&config);
    let program = match core_dumps {
        Some(value) => program.variable("TAGFERRY_CORE_DUMPS", value),
        None => program,
    };
    let mut daemon = program.start(SERVE);
    daemon.url().await;
    of(&daemon.id().to_string())
}

fn of(process: &str) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

// Seen in zcash/zcash#950, uutils/shadow#43, awnumar/memguard#166.
#[tokio::test]
async fn there_are_no_cores_unless_they_are_asked_for() {
    for none in [None, Some("0"), Some("")] {
        assert_eq!(limits(none).await, ["0", "0"], "{none:?}");
    }
    assert_eq!(limits(Some("1")).await, of("self"));
}

#[test]
fn a_value_that_is_neither_is_refused_by_name() {
    for value in ["true", "yes", "2", "01"] {
        let ran = Program::new().variable("TAGFERRY_CORE_DUMPS", value).run(&["schema"]);
        assert!(ran.assert_code(2).stderr.contains("TAGFERRY_CORE_DUMPS has to be 1"), "{}", ran.stderr);
    }
}

// Seen in awnumar/memguard#166.
#[tokio::test]
async fn helpers_run_all_the_same_and_write_none_either() {
    let (source, target) = (three_tags(Face::Basic).await, Registry::start(Face::Open).await);
    let config = mirror(Side::plain(&source, ""), &target, APP);
    let program = Program::configured(&config);
    let folder = program.folder().to_str().unwrap().to_owned();
    // Written by another process: who has a program open for writing keeps it from being run.
    let script = format!(
        r#"#!/bin/sh
[ "$(ulimit -c)" = 0 ] && echo '{{"Username":"{USER}","Secret":"{PASSWORD}"}}'"#
    );
    let mut write = Command::new("/bin/sh");
    write.args(["-c", r#"printf '%s\n' "$2" > "$1" && chmod 755 "$1""#, "sh"]);
    let helper = format!("{folder}/docker-credential-of-us");
    assert!(write.arg(helper).arg(script).status().unwrap().success());
    let helpers = format!(r#"{{"credHelpers": {{"{}": "of-us"}}}}"#, source.host());
    fs::write(program.folder().join("config.json"), helpers).unwrap();
    let program =
        program.variable("DOCKER_CONFIG", &folder).variable("PATH", &format!("{folder}:/usr/bin:/bin"));
    program.run_online(&["sync"]).await.assert_code(0);
    assert_eq!(target.tags("app"), source.tags("app"));
}
