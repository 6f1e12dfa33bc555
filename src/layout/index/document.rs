//! `index.json`: which tag points at which manifest. Pure: bytes in, bytes out.

use std::collections::{BTreeMap, HashMap, hash_map};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::oci::{Descriptor, Digest, Manifest, MediaType};
use crate::text::excerpt;

/// A larger `index.json` is refused: it is read as a whole, and is an index like those in registries.
pub(in crate::layout) const INDEX_MAX_BYTES: usize = 4 * 1024 * 1024;
/// The index of a layout without tags.
pub(in crate::layout) const EMPTY: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
/// The annotation that holds the name of an entry: a tag, or `NAME:TAG`.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Where Docker and containerd write the whole name of an image, beside its tag.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// The document. What is not ours in it keeps its bytes, whatever it is: other members, other tools' entries and
/// annotations, entries of other digest algorithms.
#[derive(Debug)]
pub(in crate::layout) struct Index {
    members: BTreeMap<String, Box<RawValue>>,
    entries: Vec<Box<RawValue>>,
    /// Where the first entry of a name is. For what we write it alone counts, as for other readers.
    places: HashMap<String, usize>,
    /// Whether a name has several entries.
    has_doubles: bool,
}

/// The entry of a name as we write it.
#[derive(Debug)]
pub(in crate::layout) struct Entry {
    name: String,
    digest: Digest,
    raw: Box<RawValue>,
}

/// What an entry says, whoever wrote it. What cannot be read of it is left out.
#[derive(Clone, Debug)]
pub(in crate::layout) struct Said {
    /// Its name: a tag, or `NAME:TAG`.
    pub(in crate::layout) name: Option<String>,
    /// The whole name of the image, where Docker or containerd wrote it.
    pub(in crate::layout) image: Option<String>,
    /// What it points at, or why it says that of nothing.
    pub(in crate::layout) descriptor: Result<Descriptor, String>,
}

impl Entry {
    pub(in crate::layout) fn new(name: String, manifest: &Manifest) -> Result<Self, serde_json::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Document<'a> {
            media_type: &'a MediaType,
            digest: Digest,
            size: usize,
            annotations: BTreeMap<&'a str, &'a str>,
        }
        let digest = manifest.digest();
        let raw = serde_json::value::to_raw_value(&Document {
            media_type: manifest.media_type(),
            digest,
            size: manifest.bytes().len(),
            annotations: BTreeMap::from([(REF_NAME, &*name)]),
        })?;
        Ok(Self { name, digest, raw })
    }
}

impl Index {
    pub(in crate::layout) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(bytes)?;
        let entries: Option<Vec<Box<RawValue>>> =
            members.remove("manifests").map_or(Ok(None), |raw| serde_json::from_str(raw.get()))?;
        let entries = entries.unwrap_or_default();
        let mut index = Self { members, entries, places: HashMap::new(), has_doubles: false };
        index.find_places();
        Ok(index)
    }

    /// What each entry says.
    pub(in crate::layout) fn said(&self) -> impl Iterator<Item = Said> {
        self.entries.iter().map(|entry| said(entry))
    }

    /// What a name points at.
    pub(in crate::layout) fn digest(&self, name: &str) -> Option<Digest> {
        let entry = self.entries.get(*self.places.get(name)?)?;
        serde_json::from_str::<Descriptor>(entry.get()).ok().map(|descriptor| descriptor.digest)
    }

    /// Puts the entry in the place of the one of its name, if there is one, and tells whether that changed anything.
    pub(in crate::layout) fn set(&mut self, entry: &Entry) -> bool {
        let Entry { name, digest, raw } = entry;
        if self.digest(name) == Some(*digest) {
            return false;
        }
        let place = *self.places.entry(name.clone()).or_insert(self.entries.len());
        match self.entries.get_mut(place) {
            Some(old) => old.clone_from(raw),
            None => self.entries.push(raw.clone()),
        }
        if self.has_doubles {
            let mut place_of_old = 0..;
            self.entries
                .retain(|old| place_of_old.next() == Some(place) || said(old).name.as_ref() != Some(name));
            self.find_places();
        }
        true
    }

    pub(in crate::layout) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let entries = serde_json::value::to_raw_value(&self.entries)?;
        let mut members: BTreeMap<&str, &RawValue> =
            self.members.iter().map(|(name, raw)| (name.as_str(), &**raw)).collect();
        members.insert("manifests", &entries);
        serde_json::to_vec(&members)
    }

    fn find_places(&mut self) {
        self.places.clear();
        self.has_doubles = false;
        for (place, entry) in self.entries.iter().enumerate() {
            let Some(name) = said(entry).name else { continue };
            match self.places.entry(name) {
                hash_map::Entry::Vacant(entry) => drop(entry.insert(place)),
                hash_map::Entry::Occupied(_) => self.has_doubles = true,
            }
        }
    }
}

/// What is wrong, without a place within the entry that nobody can find in the file.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    excerpt(text.rsplit_once(" at line ").map_or(&*text, |(what, _)| what))
}

fn said(entry: &RawValue) -> Said {
    #[derive(Deserialize)]
    struct Annotated {
        annotations: Option<BTreeMap<String, Option<String>>>,
    }
    let annotated = serde_json::from_str::<Annotated>(entry.get()).ok();
    let mut annotations = annotated.and_then(|entry| entry.annotations).unwrap_or_default();
    let mut annotation = |key| annotations.remove(key).flatten();
    Said {
        name: annotation(REF_NAME),
        image: annotation(IMAGE_NAME),
        descriptor: serde_json::from_str(entry.get()).map_err(|error| without_place(&error)),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn manifest(seed: &str) -> Manifest {
        Manifest::parse(Bytes::from(format!(r#"{{"layers":[],"annotations":{{"seed":"{seed}"}}}}"#)), None)
            .unwrap()
    }

    fn tagged(bytes: &[u8], name: &str, manifest: &Manifest) -> Vec<u8> {
        let mut index = Index::parse(bytes).unwrap();
        assert!(index.set(&Entry::new(name.to_owned(), manifest).unwrap()));
        assert!(!index.set(&Entry::new(name.to_owned(), manifest).unwrap()), "it is set already");
        index.to_bytes().unwrap()
    }

    #[track_caller]
    fn check(bytes: &[u8], name: &str, expected: Option<&Manifest>) {
        assert_eq!(Index::parse(bytes).unwrap().digest(name), expected.map(Manifest::digest), "{name}");
    }

    #[test]
    fn tags_are_added_moved_and_may_share_a_manifest() {
        let (old, new) = (manifest("old"), manifest("new"));
        let mut bytes = EMPTY.as_bytes().to_vec();
        for (name, manifest) in [("21", &old), ("21.0.7", &old), ("21", &new), ("latest", &new)] {
            bytes = tagged(&bytes, name, manifest);
        }
        check(&bytes, "21", Some(&new));
        check(&bytes, "21.0.7", Some(&old));
        check(&bytes, "latest", Some(&new));
        check(&bytes, "2", None);
        assert_eq!(Index::parse(&bytes).unwrap().entries.len(), 3);
    }

    #[test]
    fn what_is_not_ours_keeps_its_bytes_and_its_place() {
        let first = r#"{ "digest":"sha512:00", "annotations": {"b":"1",  "org.opencontainers.image.ref.name":"x/y:1"} }"#;
        let ours = r#"{"annotations":{"org.opencontainers.image.ref.name":"21"},"digest":"sha512:00"}"#;
        let last = r#""no object at all""#;
        let text = format!(r#"{{"\u0061":{{ "c" : 1.50 }},"manifests":[{first},{ours},{last},{ours}]}}"#);
        check(text.as_bytes(), "21", None);
        let new = manifest("new");
        let bytes = tagged(text.as_bytes(), "21", &new);
        check(&bytes, "21", Some(&new));
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.starts_with(&format!(r#"{{"a":{{ "c" : 1.50 }},"manifests":[{first},{{"mediaType""#)),
            "{text}"
        );
        assert!(text.ends_with(&format!("}},{last}]}}")), "{text}");
    }

    #[test]
    fn an_index_without_manifests_is_an_empty_one() {
        let image = manifest("image");
        for text in ["{}", r#"{"manifests":null}"#, EMPTY] {
            check(text.as_bytes(), "21", None);
            check(&tagged(text.as_bytes(), "21", &image), "21", Some(&image));
        }
    }

    #[test]
    fn other_documents_are_refused() {
        for text in ["", "[]", "{", r#"{"manifests":{}}"#, "{\"a\":\"\u{1}\"}"] {
            assert!(Index::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
