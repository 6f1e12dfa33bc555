//! The program keeps nothing on disk: no file of ours can be planted, read or filled by anybody.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::fake::{Action, Ecr, Face, Fault, Gate, Match};
use crate::world::program::{Program, Ran};
use crate::world::{APP, mirror, three_tags};

/// Everything below a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(entries(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

/// The files, in the narrow sense, that a process has open.
#[cfg(target_os = "linux")]
fn open_files(process: u32) -> Vec<PathBuf> {
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let targets = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    targets.filter(|target| target.is_absolute() && !target.starts_with("/dev")).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_copy_writes_no_file() {
    let (source, ecr) = (three_tags(Face::Basic).await, Ecr::start().await);
    let gate = Gate::closed();
    source.fault(Fault::new(Match::blob_get(), Action::Hold(gate.clone())));
    let program = Program::configured(&mirror(&source, &ecr, APP));
    let folder = program.folder().to_owned();
    let temporary = folder.join("tmp");
    fs::create_dir(&temporary).unwrap();
    let before = entries(&folder);
    let program = program
        .variable("TMPDIR", temporary.to_str().unwrap())
        .variable("AWS_ACCESS_KEY_ID", crate::fake::ACCESS_KEY)
        .variable("AWS_SECRET_ACCESS_KEY", "secret")
        .variable("AWS_EC2_METADATA_DISABLED", "true")
        // Else nobody but root may look at its open files.
        .variable("TAGFERRY_CORE_DUMPS", "1");
    for writable in [&folder, &temporary] {
        let mut permissions = fs::metadata(writable).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(writable, permissions).unwrap();
    }
    let mut command = tokio::process::Command::from(program.command(&["sync"]));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    source.wait_for(&Match::blob_get(), 1).await;
    let open = open_files(child.id().unwrap());
    assert!(open.is_empty(), "{open:?}");
    gate.open();
    Ran::from(child.wait_with_output().await.unwrap()).assert_code(0);
    assert_eq!(ecr.tags("app"), source.tags("app"));
    assert_eq!(entries(&folder), before);
}
