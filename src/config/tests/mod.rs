//! What whole texts become.

mod accepted;
mod daylight;
mod discovery;
mod images;
mod limits;
mod mirrors;
mod names;
mod notices;
mod registries;
mod schema;
mod secrets;
mod several;
mod syntax;

use std::ffi::OsString;

use crate::config::{Config, Faults};

/// A mirror without its tags, in three lines.
const MIRROR: &str = "\
mirrors:
  - source: container-registry.oracle.com/java/jdk
    target: registry.test/oracle/jdk
";

fn env(name: &str) -> Option<OsString> {
    match name {
        "OCR_USERNAME" => Some("me@example.com".into()),
        "OCR_AUTH_TOKEN" => Some("hunter2: [".into()),
        "NOTICE_URL" | "SLACK_WEBHOOK_URL" | "HEARTBEAT_URL" => {
            Some("https://hooks.example.com/services/hunter2".into())
        }
        "NOTICE_TOKEN" => Some("hunter2\n".into()),
        "EMPTY" => Some(OsString::new()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Config, Faults> {
    Config::parse("tagferry.yaml", text, &env)
}

/// The faults of a text, as they are shown but for the file's name.
#[track_caller]
fn check(lines: &[&str], expected: &[&str]) {
    let faults: Vec<String> = match parse(&lines.join("\n")) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(faults, expected);
}

/// The faults of what follows the target of a mirror; its first line is line 4.
#[track_caller]
fn check_tags(lines: &[&str], expected: &[&str]) {
    check(&[&[MIRROR.trim_end()], lines].concat(), expected);
}

/// The faults of what follows a complete mirror; its first line is line 5.
#[track_caller]
fn check_mirror(lines: &[&str], expected: &[&str]) {
    check_tags(&[&["    tags: [{match: ^21$}]"], lines].concat(), expected);
}

/// The faults of entries under `registries`; their first line is line 6.
#[track_caller]
fn check_registries(lines: &[&str], expected: &[&str]) {
    check_mirror(&[&["registries:"], lines].concat(), expected);
}
