//! Files that get their name only when they are complete.

use std::fs;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::layout::Error;
use crate::layout::files;

const PREFIX: &str = ".tagferry-";
const SUFFIX: &str = ".tmp";
/// How many names are tried. One is taken away only by a sweep that starts in the very moment of its making.
const NAMES_MAX: usize = 8;

/// A file under a temporary name in the folder where it belongs. Dropped before it is published, it is removed.
///
/// It is locked for as long as it is open. That is how [`sweep`] tells a file that is being written, by whichever
/// process, from one that a killed process left behind.
#[derive(Debug)]
pub(super) struct Staged {
    path: PathBuf,
    file: File,
}

impl Staged {
    /// Makes an empty file. It is always a new one: no link is followed, no file overwritten.
    pub(super) fn create(folder: &Path) -> Result<Self, Error> {
        for _ in 0..NAMES_MAX {
            let path = folder.join(format!("{PREFIX}{:016x}{SUFFIX}", fastrand::u64(..)));
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(Error::io("make", &path)(error)),
            };
            let staged = Self { path, file };
            // A sweep may have come first: it has the lock, or is through and the file is gone.
            let is_ours = match staged.file.try_lock() {
                Ok(()) => files::look(&staged.path)?.is_some(),
                Err(TryLockError::WouldBlock) => false,
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &staged.path)(error)),
            };
            if is_ours {
                return Ok(staged);
            }
        }
        let error = std::io::Error::other("every temporary file vanished at once");
        Err(Error::io("write to", folder)(error))
    }

    /// Makes a file with this content.
    pub(super) fn with(folder: &Path, content: &[u8]) -> Result<Self, Error> {
        let mut staged = Self::create(folder)?;
        staged.file.write_all(content).map_err(Error::io("write", &staged.path))?;
        Ok(staged)
    }

    /// Another handle for writing.
    pub(super) fn writer(&self) -> Result<File, Error> {
        self.file.try_clone().map_err(Error::io("open", &self.path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, which replaces what had it, once its bytes are on disk.
    pub(super) fn publish(self, path: &Path) -> Result<(), Error> {
        self.file.sync_all().map_err(Error::io("write to disk", &self.path))?;
        fs::rename(&self.path, path).map_err(Error::io("rename a temporary file to", path))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Once published, there is nothing under the old name. What cannot be removed now is left to a sweep.
        drop(fs::remove_file(&self.path));
    }
}

/// Whether a file of this name is one of ours, finished or not.
pub(super) fn is_staged(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Removes what killed processes left in a folder.
pub(super) fn sweep(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        if entry.file_name().to_str().is_some_and(is_staged) {
            remove_abandoned(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_abandoned(path: &Path) -> Result<(), Error> {
    if !files::look(path)?.is_some_and(|metadata| metadata.is_file()) {
        return Ok(());
    }
    let unless_gone = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    };
    match OpenOptions::new().write(true).open(path) {
        // The lock is held until the file is gone, see `Staged::create`.
        Ok(file) if file.try_lock().is_ok() => unless_gone(fs::remove_file(path)),
        Ok(_) => Ok(()),
        Err(error) => unless_gone(Err(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(folder).unwrap().map(name).collect()
    }

    #[test]
    fn a_file_gets_its_name_when_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let staged = Staged::with(folder.path(), b"content").unwrap();
        assert!(names(folder.path()).iter().all(|name| is_staged(name)));
        staged.publish(&folder.path().join("name")).unwrap();
        assert_eq!(names(folder.path()), ["name"]);
        assert_eq!(fs::read(folder.path().join("name")).unwrap(), b"content");
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(Staged::with(folder.path(), b"content").unwrap());
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_sweep_takes_what_nobody_writes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let abandoned = folder.path().join(format!("{PREFIX}0{SUFFIX}"));
        fs::write(&abandoned, "half").unwrap();
        fs::write(folder.path().join("other.tmp"), "").unwrap();
        let staged = Staged::with(folder.path(), b"content").unwrap();
        sweep(folder.path()).unwrap();
        assert!(!abandoned.exists());
        assert!(staged.path().exists());
        assert_eq!(names(folder.path()).len(), 2);
    }
}
