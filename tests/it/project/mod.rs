//! The repository itself: its structure, its documents, its policies, and how it reads the tags of others.

mod arch;
mod deploy;
mod docs;
mod families;
mod imports;
mod policies;

use std::fs;
use std::path::{Path, PathBuf};

/// The source files below a folder with their text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}
