//! Reading and writing tags: one parsed `index.json` for all who ask, one write for all who wait.
//!
//! A tag costs a new `index.json`, 2 MB for 10,000 tags, and waiting for the disk costs more than these bytes. So
//!
//! * the parsed index is kept, and read again only when its file is another one;
//! * who writes takes along the tags of all who wait meanwhile (group commit);
//! * a write waits for the disk once, for the new index. It waits for the names of blobs only where there are new ones,
//!   and never for the name of the index itself.
//!
//! Each index is on disk before it takes the name; without that wait, some file systems would leave an empty file after
//! a power cut. So such a cut leaves an old index or the new one, and what its tags point at is there. It may take
//! the tags of the last seconds back, which the next run mends. The death of the process alone takes nothing back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::layout::files::{Opened, Stamp};
use crate::layout::index::offer::Offer;
use crate::layout::index::{EMPTY, Entry, INDEX_MAX_BYTES, Index};
use crate::layout::{Error, Layout, files};
use crate::oci::{Digest, Manifest, Tag};

/// What the users of one [`Layout`] share about its tags. The locks are taken in the order of the fields.
#[derive(Debug, Default)]
pub(super) struct Tags {
    /// Held by the one who writes.
    writer: Mutex<()>,
    /// The tags to be written.
    waiting: Mutex<Vec<Change>>,
    /// The index as last seen.
    seen: Mutex<Option<Seen>>,
    /// Whether names came to the folder of blobs which may not be on disk yet.
    has_new_names: AtomicBool,
}

impl Tags {
    /// Blobs or manifests got their names. Before the next tag is written, the names are.
    pub(super) fn names_changed(&self) {
        self.has_new_names.store(true, Ordering::Release);
    }
}

#[derive(Clone, Debug)]
struct Change {
    entry: Arc<Entry>,
    is_written: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    index: Index,
    /// What it holds for readers, once one asked.
    offer: Option<Arc<Offer>>,
    /// As long as it is open, no other file can get its number, which makes the stamp unmistakable.
    _file: Opened,
}

impl Layout {
    /// Whether there is an index. One that is faulty or too large is an error.
    pub(super) fn has_index(&self) -> Result<bool, Error> {
        let mut seen = lock(&self.state().seen);
        self.refresh(&mut seen)?;
        Ok(seen.is_some())
    }

    /// What the tags point at, whole or not.
    pub(super) fn pointed(&self, tags: &[Tag]) -> Result<BTreeMap<Tag, Digest>, Error> {
        let mut seen = lock(&self.state().seen);
        self.refresh(&mut seen)?;
        let Some(Seen { index, .. }) = &*seen else { return Ok(BTreeMap::new()) };
        Ok(tags.iter().filter_map(|tag| Some((tag.clone(), index.digest(&self.name_of(tag))?))).collect())
    }

    /// What is in the index for readers; none where there is no index.
    pub(super) fn offer(&self) -> Result<Option<Arc<Offer>>, Error> {
        let mut seen = lock(&self.state().seen);
        self.refresh(&mut seen)?;
        let offer =
            |seen: &mut Seen| Arc::clone(seen.offer.get_or_insert_with(|| Arc::new(Offer::of(&seen.index))));
        Ok(seen.as_mut().map(offer))
    }

    /// Points the tag at the manifest, with the tags of others who wait. Blobs and manifests are there by now.
    pub(super) fn set_tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), Error> {
        let entry = Entry::new(self.name_of(tag), manifest).map_err(|cause| self.invalid_index(cause))?;
        let change = Change { entry: Arc::new(entry), is_written: Arc::default() };
        lock(&self.state().waiting).push(change.clone());
        let _writer = lock(&self.state().writer);
        if change.is_written.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut changes = Vec::new();
        let result = self.lock_tags().and_then(|_lock| {
            changes.clone_from(&lock(&self.state().waiting));
            self.write_tags(&changes)
        });
        // Where it failed, the others try for themselves: each has an error of its own to tell.
        let done = if result.is_ok() { &changes[..] } else { std::slice::from_ref(&change) };
        let is_done = |other: &Change| done.iter().any(|done| Arc::ptr_eq(&done.entry, &other.entry));
        lock(&self.state().waiting).retain(|other| !is_done(other));
        if result.is_ok() {
            for written in &changes {
                written.is_written.store(true, Ordering::Release);
            }
        }
        result
    }

    /// Points the tag at what `make` makes of what it points at so far. Nobody else writes tags meanwhile.
    pub(super) fn change_tag(
        &self,
        tag: &Tag,
        make: impl FnOnce(Option<Digest>) -> Result<Manifest, Error>,
    ) -> Result<(), Error> {
        let _writer = lock(&self.state().writer);
        let _lock = self.lock_tags()?;
        let manifest = make(self.pointed(std::slice::from_ref(tag))?.remove(tag))?;
        let entry = Entry::new(self.name_of(tag), &manifest).map_err(|cause| self.invalid_index(cause))?;
        self.write_tags(&[Change { entry: Arc::new(entry), is_written: Arc::default() }])
    }

    /// Changes and replaces `index.json`. The caller holds the lock for which other processes wait.
    fn write_tags(&self, changes: &[Change]) -> Result<(), Error> {
        // Names before the tags that need them: after a power cut a tag is whole or not there.
        if self.state().has_new_names.swap(false, Ordering::AcqRel) {
            files::sync_folder(&self.blobs()).inspect_err(|_| self.state().names_changed())?;
        }
        let mut seen = lock(&self.state().seen);
        self.refresh(&mut seen)?;
        // Taken out: what is changed and could not be written is not what is there.
        let mut index = match seen.take() {
            Some(seen) => seen.index,
            None => Index::parse(EMPTY.as_bytes()).map_err(|cause| self.invalid_index(cause))?,
        };
        let mut has_changed = false;
        for change in changes {
            has_changed |= index.set(&change.entry);
        }
        if has_changed {
            let bytes = index.to_bytes().map_err(|cause| self.invalid_index(cause))?;
            self.write_index(&bytes)?;
        }
        let file = files::open(&self.index())?;
        *seen = Some(Seen { stamp: file.stamp()?, index, offer: None, _file: file });
        Ok(())
    }

    /// Reads `index.json` where it is not the one that was seen last.
    fn refresh(&self, seen: &mut Option<Seen>) -> Result<(), Error> {
        let path = self.index();
        if !files::is_file(&path)? {
            *seen = None;
            return Ok(());
        }
        let file = files::open(&path)?;
        let stamp = file.stamp()?;
        if seen.as_ref().is_some_and(|seen| seen.stamp == stamp) {
            return Ok(());
        }
        *seen = None;
        if stamp.bytes() > INDEX_MAX_BYTES as u64 {
            return Err(Error::TooLarge(path));
        }
        let bytes = file.read(INDEX_MAX_BYTES)?;
        let index = Index::parse(&bytes).map_err(|cause| self.invalid_index(cause))?;
        *seen = Some(Seen { stamp, index, offer: None, _file: file });
        Ok(())
    }
}

/// What a panic left is a cache or a list, whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().to_owned());
        layout.ensure().await.unwrap();
        (dir, layout)
    }

    fn manifest() -> Manifest {
        Manifest::parse(r#"{"layers":[]}"#.into(), None).unwrap()
    }

    fn tags() -> [Tag; 2] {
        [Tag::latest(), "21".parse().unwrap()]
    }

    /// Somebody who wants this tag written and has not got to it.
    fn wait(layout: &Layout, tag: &Tag) -> Change {
        let entry = Arc::new(Entry::new(tag.to_string(), &manifest()).unwrap());
        let change = Change { entry, is_written: Arc::default() };
        lock(&layout.state().waiting).push(change.clone());
        change
    }

    #[tokio::test]
    async fn who_writes_takes_along_those_who_wait() {
        let (_dir, layout) = layout().await;
        let [own, other] = tags();
        let waiting = wait(&layout, &other);
        layout.set_tag(&own, &manifest()).unwrap();
        assert!(waiting.is_written.load(Ordering::Acquire));
        assert!(lock(&layout.state().waiting).is_empty());
        let anew = Layout::new(layout.dir().to_owned());
        assert_eq!(anew.pointed(&tags()).unwrap(), tags().map(|tag| (tag, manifest().digest())).into());
    }

    #[tokio::test]
    async fn who_fails_leaves_the_others_to_try_for_themselves() {
        let (_dir, layout) = layout().await;
        let [own, other] = tags();
        let waiting = wait(&layout, &other);
        let index = fs::read(layout.index()).unwrap();
        fs::write(layout.index(), "{").unwrap();
        assert!(matches!(layout.set_tag(&own, &manifest()), Err(Error::Json { .. })));
        assert!(!waiting.is_written.load(Ordering::Acquire));
        assert_eq!(lock(&layout.state().waiting).len(), 1);
        fs::write(layout.index(), index).unwrap();
        layout.set_tag(&other, &manifest()).unwrap();
        assert_eq!(layout.pointed(&[own, other.clone()]).unwrap(), [(other, manifest().digest())].into());
    }

    #[tokio::test]
    async fn what_another_process_writes_is_seen_and_kept() {
        let (_dir, layout) = layout().await;
        let [own, other] = tags();
        layout.set_tag(&own, &manifest()).unwrap();
        let process = Layout::new(layout.dir().to_owned());
        process.set_tag(&other, &manifest()).unwrap();
        assert_eq!(layout.pointed(&tags()).unwrap().len(), 2);
        process.set_tag(&"22".parse().unwrap(), &manifest()).unwrap();
        layout.set_tag(&"23".parse().unwrap(), &manifest()).unwrap();
        let all = ["latest", "21", "22", "23"].map(|tag| tag.parse().unwrap());
        assert_eq!(process.pointed(&all).unwrap().len(), 4);
    }

    #[tokio::test]
    async fn a_lost_index_is_made_anew() {
        let (_dir, layout) = layout().await;
        let empty = fs::read_to_string(layout.index()).unwrap();
        fs::remove_file(layout.index()).unwrap();
        layout.set_tag(&Tag::latest(), &manifest()).unwrap();
        let index: serde_json::Value = serde_json::from_slice(&fs::read(layout.index()).unwrap()).unwrap();
        let empty: serde_json::Value = serde_json::from_str(&empty).unwrap();
        assert_eq!(index["schemaVersion"], empty["schemaVersion"]);
        assert_eq!(index["manifests"][0]["digest"], manifest().digest().to_string());
    }
}
