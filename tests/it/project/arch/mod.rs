//! The modules depend on one another only as they are meant to, and do only what is theirs.

mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::project;

/// Each module and what it may use. Whatever is used stands above its user: there are no circles.
const ALLOWED: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("redact", &["text"]),
    ("slots", &[]),
    ("remembered", &[]),
    ("process", &["text"]),
    ("proxy", &["text", "redact"]),
    ("authorities", &[]),
    ("oci", &["text"]),
    ("select", &["oci"]),
    ("import", &["text", "oci", "select"]),
    ("plan", &["text", "oci"]),
    ("yaml", &[]),
    ("login", &["text", "process", "oci"]),
    ("registry", &["text", "redact", "slots", "remembered", "proxy", "authorities", "oci", "login"]),
    ("event", &["text", "oci", "select", "plan", "registry"]),
    ("aws", &["text", "redact", "process", "proxy", "authorities", "oci", "login"]),
    ("ecr", &["text", "oci", "login", "registry", "aws"]),
    ("layout", &["text", "remembered", "oci"]),
    ("source", &["text", "oci", "registry", "ecr", "layout"]),
    ("target", &["text", "oci", "registry", "ecr", "layout"]),
    ("config", &["oci", "select", "yaml", "ecr"]),
    ("copy", &["oci", "plan", "event", "registry", "source", "target"]),
    ("pass", &["text", "oci", "select", "plan", "event", "source", "target", "config", "copy"]),
    ("ledger", &["oci", "event", "config"]),
    ("sender", &["text", "proxy", "authorities", "registry", "config"]),
    ("notice", &["text", "oci", "event", "registry", "aws", "config", "ledger", "sender"]),
    ("report", &["oci", "select", "event"]),
    ("metrics", &["registry", "event", "config", "ledger", "sender"]),
    (
        "app",
        &[
            "slots", "oci", "login", "config", "registry", "aws", "ecr", "layout", "source", "target",
            "event", "copy", "pass",
        ],
    ),
    ("worker", &["oci", "config", "event", "ledger", "pass", "app"]),
    (
        "control",
        &[
            "text",
            "redact",
            "proxy",
            "authorities",
            "oci",
            "event",
            "config",
            "ledger",
            "report",
            "metrics",
            "worker",
        ],
    ),
    ("daemon", &["text", "config", "event", "ledger", "pass", "notice", "app", "worker", "control"]),
    (
        "cli",
        &[
            "text", "proxy", "oci", "select", "import", "event", "config", "pass", "ledger", "notice",
            "metrics", "report", "app", "worker", "control", "daemon",
        ],
    ),
];

/// More files than these are not seen at a glance.
const FILES_MAX: usize = 16;

/// Every source file below `src`, with the module that it belongs to.
pub(super) fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let found = project::sources(&root).into_iter().map(|(path, text)| {
        let place = path.strip_prefix(&root).unwrap().to_owned();
        let first = place.iter().next().unwrap().to_str().unwrap();
        (first.trim_end_matches(".rs").to_owned(), place, text)
    });
    let found: Vec<_> = found.collect();
    assert!(found.len() > 50, "the sources were not found");
    found
}

/// The modules that a text names as `crate::NAME`.
fn used(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// Fails the test if a file, but for those of the modules in `except`, holds one of these texts.
#[track_caller]
fn assert_absent(texts: &[&str], except: &[&str]) {
    for (module, place, source) in sources() {
        for (line, number) in source.lines().zip(1..) {
            let is_there = texts.iter().any(|text| line.contains(text));
            assert!(!is_there || except.contains(&&*module), "src/{}:{number}: {line}", place.display());
        }
    }
}

#[test]
fn modules_use_only_what_they_may() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    for (module, place, text) in sources() {
        if module == "lib" || module == "main" {
            continue;
        }
        let place = place.display();
        let may_use = allowed.get(&*module).unwrap_or_else(|| panic!("src/{place}: `{module}` has no place"));
        for used in used(&text) {
            assert!(
                used == module || may_use.contains(&used),
                "src/{place}: `{module}` may not use `{used}`"
            );
        }
    }
}

#[test]
fn every_allowed_arrow_is_used() {
    let sources = sources();
    let mut unused: BTreeSet<(&str, &str)> =
        ALLOWED.iter().flat_map(|(module, uses)| uses.iter().map(|used| (*module, *used))).collect();
    for (module, _, text) in &sources {
        for used in used(text) {
            unused.remove(&(module, used));
        }
    }
    assert!(unused.is_empty(), "take these out of the table: {unused:?}");
}

#[test]
fn no_folder_is_crowded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders =
        ["src", "tests/it", "tests/peers", "tests/fake", "benches"].map(|folder| root.join(folder)).to_vec();
    let mut crowded = Vec::new();
    while let Some(folder) = folders.pop() {
        let paths = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let (below, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
        folders.extend(below);
        if files.len() > FILES_MAX {
            crowded.push((folder, files.len()));
        }
    }
    assert!(crowded.is_empty(), "make a folder of files that belong together: {crowded:?}");
}

#[test]
fn there_are_no_circles() {
    for (index, (module, uses)) in ALLOWED.iter().enumerate() {
        let above: Vec<&str> = ALLOWED[..index].iter().map(|(module, _)| *module).collect();
        assert!(uses.iter().all(|used| above.contains(used)), "{module} uses what stands below it");
    }
}

/// A group would hide its modules from the search above.
#[test]
fn each_module_is_imported_by_a_line_of_its_own() {
    assert_absent(&["use crate::{", "use crate::*", "use super::super"], &[]);
}

#[test]
fn only_reports_and_commands_print() {
    assert_absent(&["println!", "print!(", "dbg!", "io::stdout()", "io::stderr()"], &["report", "cli"]);
}

#[test]
fn only_the_daemon_spawns_tasks() {
    assert_absent(&["tokio::spawn(", "task::spawn(", "thread::spawn("], &["daemon"]);
}

#[test]
fn only_clients_make_http_clients() {
    // `control`: the client of the daemon's own control plane. `aws`: how the SDK asks. `proxy`: which way all of them take.
    // `cli`: how traces are sent, whose library would ask by its own rules for proxies and redirects.
    assert_absent(&["reqwest::Client"], &["registry", "sender", "control", "aws", "proxy", "cli"]);
    // `aws`: types that all of the SDK's crates share.
    assert_absent(&["aws_sdk_ecr"], &["aws", "ecr"]);
    assert_absent(&["aws_sdk_secretsmanager"], &["aws"]);
    assert_absent(&["aws_sdk_sns", "aws_sdk_eventbridge"], &["notice"]);
    assert_absent(&["aws_config"], &["aws", "ecr"]);
}

#[test]
fn the_program_is_the_library() {
    let (_, _, main) = sources().into_iter().find(|(module, ..)| module == "main").unwrap();
    assert!(main.contains("tagferry::cli::"), "{main}");
    assert!(main.lines().all(|line| !line.starts_with("mod ")), "{main}");
}

#[test]
fn the_map_for_people_shows_every_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    for (module, _) in ALLOWED {
        let rows = [format!("\n| `{module}/` |"), format!("\n| `{module}.rs` |")];
        assert!(rows.iter().any(|row| text.contains(row)), "{module}");
    }
}
