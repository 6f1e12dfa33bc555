//! Looking at files without following links, and making sure that they last.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::Path;

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
        Some(_) => Err(Error::Unexpected { path: path.to_owned(), expected: "a regular file" }),
    }
}

/// Whether a folder is there. Anything else under its name is an error, a link to a folder too: it would lead
/// what we write out of the layout.
pub(super) fn is_folder(path: &Path) -> Result<bool, Error> {
    match look(path)? {
        None => Ok(false),
        Some(metadata) if metadata.is_dir() => Ok(true),
        Some(_) => Err(Error::Unexpected { path: path.to_owned(), expected: "a folder" }),
    }
}

/// Reads a file up to one byte more than `max`, so that the caller can tell what is too large.
pub(super) fn read(path: &Path, max: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::io("open", path))?;
    file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok(bytes)
}

/// Makes the names in a folder last: renames are on disk only after this.
pub(super) fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::io("write to disk", path))
}
