//! Whether a directory could be filled, found out before anything is copied.

use std::fs;
use std::fs::{Metadata, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use crate::layout::staged::Staged;
use crate::layout::{Error, Layout, files};

impl Layout {
    /// Looks whether [`Layout::ensure`] and what follows would succeed, and tells what it found.
    ///
    /// Leaves nothing behind: that a folder can be written shows a file which is made there and removed at once,
    /// since permissions alone do not tell of read-only file systems and full disks.
    pub async fn probe(&self) -> Result<&'static str, Error> {
        self.blocking(|layout| match existing(layout.dir())? {
            Some(metadata) if metadata.is_dir() => layout.probe_directory(),
            Some(_) => Err(not_a_folder(layout.dir())),
            None => layout.probe_ancestors(),
        })
        .await
    }

    fn probe_directory(&self) -> Result<&'static str, Error> {
        self.refuse_other_content()?;
        is_writable(self.dir())?;
        let marker = self.marker();
        if !files::is_file(&marker)? {
            return Ok("directory is empty and can be written");
        }
        let lockable = OpenOptions::new().read(true).write(true).open(&marker);
        lockable.map_err(Error::io("open", &marker))?;
        self.check_marker()?;
        if files::is_folder(&self.dir().join("blobs"))? {
            is_writable(&self.dir().join("blobs"))?;
            if files::is_folder(&self.blobs())? {
                is_writable(&self.blobs())?;
            }
        }
        self.has_index()?;
        Ok("layout can be read and written")
    }

    /// What is missing is made below the nearest folder that exists.
    fn probe_ancestors(&self) -> Result<&'static str, Error> {
        for ancestor in self.dir().ancestors().skip(1) {
            // The last ancestor of a relative path is empty and stands for the working directory.
            let folder = if ancestor.as_os_str().is_empty() { Path::new(".") } else { ancestor };
            match existing(folder)? {
                Some(metadata) if metadata.is_dir() => {
                    is_writable(folder)?;
                    break;
                }
                Some(_) => return Err(not_a_folder(folder)),
                None => {}
            }
        }
        Ok("directory can be made")
    }
}

/// What is under this name or where a link of this name leads; none where nothing is. Links are followed: above the
/// layout they are the operator's. One that leads nowhere is an error, nothing can be made in its place.
fn existing(path: &Path) -> Result<Option<Metadata>, Error> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => match files::look(path)? {
            None => Ok(None),
            Some(_) => Err(not_a_folder(path)),
        },
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

fn not_a_folder(path: &Path) -> Error {
    Error::Unexpected { path: path.to_owned(), expected: "a folder", is_link: path.is_symlink() }
}

fn is_writable(folder: &Path) -> Result<(), Error> {
    Staged::with(folder, b"?").map(drop)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    fn everything(dir: &Path) -> Vec<PathBuf> {
        let entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        let below: Vec<_> =
            entries.iter().filter(|path| path.is_dir()).flat_map(|path| everything(path)).collect();
        entries.into_iter().chain(below).collect()
    }

    /// Probes a path below a folder that `prepare` fills, and checks that nothing changed.
    async fn probe(path: &str, prepare: impl AsyncFnOnce(&Path)) -> (TempDir, Result<&'static str, Error>) {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path()).await;
        let before = everything(dir.path());
        let result = Layout::new(dir.path().join(path)).probe().await;
        assert_eq!(everything(dir.path()), before);
        (dir, result)
    }

    #[tokio::test]
    async fn what_can_be_filled_passes() {
        let (_dir, found) = probe("a/b/c", async |_| {}).await;
        assert_eq!(found.unwrap(), "directory can be made");
        let (_dir, found) = probe("", async |_| {}).await;
        assert_eq!(found.unwrap(), "directory is empty and can be written");
        let (_dir, found) = probe("", async |dir| Layout::new(dir.to_owned()).ensure().await.unwrap()).await;
        assert_eq!(found.unwrap(), "layout can be read and written");
    }

    #[tokio::test]
    async fn what_cannot_be_filled_fails_as_a_copy_would() {
        let (_dir, found) = probe("", async |dir| fs::write(dir.join("thesis.txt"), "").unwrap()).await;
        assert!(matches!(found, Err(Error::NotALayout(_))), "{found:?}");
        let marker = r#"{"imageLayoutVersion":"2.0.0"}"#;
        let (_dir, found) = probe("", async |dir| fs::write(dir.join("oci-layout"), marker).unwrap()).await;
        assert!(matches!(found, Err(Error::Version { .. })), "{found:?}");
        let (_dir, found) = probe("file", async |dir| fs::write(dir.join("file"), "").unwrap()).await;
        assert!(matches!(found, Err(Error::Unexpected { .. })), "{found:?}");
        let (_dir, found) = probe("file/below", async |dir| fs::write(dir.join("file"), "").unwrap()).await;
        assert!(matches!(found, Err(Error::Io { .. })), "{found:?}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_that_leads_nowhere_fails() {
        let prepare = async |dir: &Path| std::os::unix::fs::symlink("nowhere", dir.join("link")).unwrap();
        for path in ["link", "link/below"] {
            let (_dir, found) = probe(path, prepare).await;
            assert!(matches!(found, Err(Error::Unexpected { .. })), "{found:?}");
        }
    }

    /// `/proc` takes no files, whoever asks: permissions do not stop the user that tests may run as.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_directory_that_takes_no_files_fails() {
        for path in ["/proc/images", "/proc/self/images/new"] {
            let found = Layout::new(path.into()).probe().await;
            assert!(matches!(found, Err(Error::Io { .. })), "{found:?}");
        }
    }
}
