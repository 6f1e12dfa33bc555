//! Looking at files without following links, and making sure that they last.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::layout::Error;

/// What is under this name, none where nothing is. A link is not followed.
pub(super) fn look(path: &Path) -> Result<Option<Metadata>, Error> {
    match path.symlink_metadata() {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

/// Whether a file is there. Anything else under its name is an error: opening a pipe would wait for ever.
pub(super) fn is_file(path: &Path) -> Result<bool, Error> {
    match look(path)? {
        None => Ok(false),
        Some(metadata) if metadata.is_file() => Ok(true),
        Some(metadata) => Err(unexpected(path, "a regular file", &metadata)),
    }
}

/// Whether a folder is there. Anything else under its name is an error, a link to a folder too: it would lead
/// what we write out of the layout.
pub(super) fn is_folder(path: &Path) -> Result<bool, Error> {
    match look(path)? {
        None => Ok(false),
        Some(metadata) if metadata.is_dir() => Ok(true),
        Some(metadata) => Err(unexpected(path, "a folder", &metadata)),
    }
}

fn unexpected(path: &Path, expected: &'static str, found: &Metadata) -> Error {
    Error::Unexpected { path: path.to_owned(), expected, is_link: found.is_symlink() }
}

/// An open file, which tells its path where something fails.
#[derive(Debug)]
pub(super) struct Opened {
    path: PathBuf,
    file: File,
}

/// Opens a file for reading.
pub(super) fn open(path: &Path) -> Result<Opened, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    Ok(Opened { path: path.to_owned(), file })
}

impl Opened {
    /// Reads it from where it is, up to one byte more than `max`, so that the caller can tell what is too large.
    pub(super) fn read(&self, max: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut start = (&self.file).take(max as u64 + 1);
        start.read_to_end(&mut bytes).map_err(Error::io("read", &self.path))?;
        Ok(bytes)
    }

    pub(super) fn into_file(self) -> File {
        self.file
    }

    pub(super) fn stamp(&self) -> Result<Stamp, Error> {
        self.file.metadata().map(|metadata| Stamp::of(&metadata)).map_err(Error::io("look at", &self.path))
    }
}

/// Which file it is and when it was written: equal stamps, equal content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// The size of the file.
    pub(super) fn bytes(self) -> u64 {
        self.bytes
    }
}

/// Makes the names in a folder last: renames are on disk only after this.
pub(super) fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::io("write to disk", path))
}
