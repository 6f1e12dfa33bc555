//! The directory itself: its files and folders, and the lock on its tags.

use std::fmt;
use std::fs;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::layout::Error;
use crate::layout::files;
use crate::layout::index;
use crate::layout::index::INDEX_MAX_BYTES;
use crate::layout::known::Known;
use crate::layout::staged;
use crate::layout::staged::Staged;
use crate::layout::tags::Tags;
use crate::oci::{Digest, LayoutName, Tag};

/// The only version of the layout that there is.
const VERSION: &str = "1.0.0";
/// What file systems, desktops and git put into a directory; it still counts as empty.
const OF_OTHERS: [&str; 3] = ["lost+found", ".DS_Store", ".gitkeep"];
/// What `oci-layout` holds is some thirty bytes; more than this is something else.
const MARKER_MAX_BYTES: usize = 4096;

/// An OCI image layout in a directory.
///
/// Several of these may work on one directory, in one process or in several: they wait for each other where
/// tags are written. Programs that do not know our lock, such as skopeo, should not write there meanwhile.
/// A clone shares with its original what is known of the directory.
#[derive(Clone)]
pub struct Layout {
    shared: Arc<Shared>,
    /// Which of its repositories this is; none for the one whose tags have no name before them.
    name: Option<LayoutName>,
}

struct Shared {
    dir: PathBuf,
    known: Known,
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

impl Layout {
    /// Names the directory. Touches nothing.
    pub fn new(dir: PathBuf) -> Self {
        Self { shared: Arc::new(Shared { dir, known: Known::default(), tags: Tags::default() }), name: None }
    }

    /// The repository of this name in the same directory.
    #[must_use]
    pub fn repository(&self, name: Option<&LayoutName>) -> Self {
        Self { shared: Arc::clone(&self.shared), name: name.cloned() }
    }

    /// Which of the repositories in the directory this is.
    pub(super) fn name(&self) -> Option<&LayoutName> {
        self.name.as_ref()
    }

    /// What an entry of a tag is called in `index.json`.
    pub(super) fn name_of(&self, tag: &Tag) -> String {
        self.name.as_ref().map_or_else(|| tag.to_string(), |name| format!("{name}:{tag}"))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    pub(super) fn known(&self) -> &Known {
        &self.shared.known
    }

    pub(super) fn state(&self) -> &Tags {
        &self.shared.tags
    }

    /// Makes what an empty layout has, where it is missing, and removes what killed runs left behind.
    ///
    /// A directory with something else in it is left alone: [`Error::NotALayout`].
    pub async fn ensure(&self) -> Result<(), Error> {
        self.blocking(|layout| {
            fs::create_dir_all(layout.dir()).map_err(Error::io("make directory", layout.dir()))?;
            layout.refuse_other_content()?;
            let mut marker = layout.lock(OpenOptions::new().create_new(true))?;
            layout.mark(&mut marker)?;
            for folder in [layout.dir().join("blobs"), layout.blobs()] {
                if !files::is_folder(&folder)? {
                    fs::create_dir(&folder).map_err(Error::io("make directory", &folder))?;
                }
                staged::sweep(&folder)?;
            }
            staged::sweep(layout.dir())?;
            if layout.has_index()? {
                return Ok(());
            }
            layout.write_index(index::EMPTY.as_bytes())?;
            files::sync_folder(&layout.dir().join("blobs"))?;
            files::sync_folder(layout.dir())
        })
        .await
    }

    /// Runs file work where it may block. It runs to its end even when the caller is dropped.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let layout = self.clone();
        match tokio::task::spawn_blocking(move || work(&layout)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(stopping) => Err(Error::io("work in", self.dir())(std::io::Error::other(stopping))),
            },
        }
    }

    /// Waits until nobody else writes tags, in this process or another. Ends when the file is dropped.
    pub(super) fn lock_tags(&self) -> Result<File, Error> {
        self.lock(&mut OpenOptions::new())
    }

    /// The folder of blobs and manifests.
    pub(super) fn blobs(&self) -> PathBuf {
        self.dir().join("blobs").join("sha256")
    }

    /// The folder of blobs and manifests, known to be in the directory and not where a link leads.
    pub(super) fn writable_blobs(&self) -> Result<PathBuf, Error> {
        files::is_folder(&self.dir().join("blobs"))?;
        files::is_folder(&self.blobs())?;
        Ok(self.blobs())
    }

    /// The file of a blob or manifest. A digest is hexadecimal digits, so that it can lead nowhere else.
    pub(super) fn blob(&self, digest: Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    pub(super) fn invalid_index(&self, cause: serde_json::Error) -> Error {
        Error::Json { path: self.index(), cause }
    }

    /// Replaces `index.json` in one step. The caller holds the lock.
    pub(super) fn write_index(&self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > INDEX_MAX_BYTES {
            return Err(Error::TooLarge(self.index()));
        }
        Staged::with(self.dir(), bytes)?.publish(&self.index())
    }

    pub(super) fn index(&self) -> PathBuf {
        self.dir().join("index.json")
    }

    pub(super) fn marker(&self) -> PathBuf {
        self.dir().join("oci-layout")
    }

    /// Fails where the directory is somebody's who makes no layouts.
    pub(super) fn refuse_other_content(&self) -> Result<(), Error> {
        let mut has_others = false;
        for entry in fs::read_dir(self.dir()).map_err(Error::io("list", self.dir()))? {
            let name = entry.map_err(Error::io("list", self.dir()))?.file_name();
            has_others |=
                !name.to_str().is_some_and(|name| staged::is_staged(name) || OF_OTHERS.contains(&name));
        }
        // Asked after the list: whoever makes the same layout just now starts with this file.
        if has_others && !files::is_file(&self.marker())? {
            return Err(Error::NotALayout(self.dir().to_owned()));
        }
        Ok(())
    }

    /// Opens `oci-layout` and locks it: the one file that is there first and is never replaced.
    fn lock(&self, options: &mut OpenOptions) -> Result<File, Error> {
        let path = self.marker();
        let made = options.read(true).write(true).open(&path);
        let file = match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                files::is_file(&path)?;
                OpenOptions::new().read(true).write(true).open(&path)
            }
            result => result,
        };
        let file = file.map_err(Error::io("open", &path))?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(file)
    }

    /// Writes `oci-layout` where it is new, or was left empty by a killed run.
    fn mark(&self, marker: &mut File) -> Result<(), Error> {
        if self.check_marker()? {
            return Ok(());
        }
        let path = self.marker();
        let content = format!(r#"{{"imageLayoutVersion":"{VERSION}"}}"#);
        marker.write_all(content.as_bytes()).map_err(Error::io("write", &path))?;
        marker.sync_all().map_err(Error::io("write to disk", &path))
    }

    /// Whether `oci-layout` has its content already. Any other content is an error.
    pub(super) fn check_marker(&self) -> Result<bool, Error> {
        let path = self.marker();
        let bytes = files::open(&path)?.read(MARKER_MAX_BYTES)?;
        if bytes.is_empty() {
            return Ok(false);
        }
        match serde_json::from_slice::<Marker>(&bytes) {
            Ok(Marker { image_layout_version: version }) if version == VERSION => Ok(true),
            Ok(Marker { image_layout_version: version }) => Err(Error::Version { path, version }),
            Err(cause) => Err(Error::Json { path, cause }),
        }
    }
}

/// The directory alone: what is remembered of it may be long.
impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layout").field(&self.dir()).finish()
    }
}
