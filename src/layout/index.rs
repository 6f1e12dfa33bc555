//! `index.json`: which tag points at which manifest. Pure: bytes in, bytes out.

use std::collections::{BTreeMap, HashMap, hash_map};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::oci::{Descriptor, Digest, Manifest, MediaType, Tag};

/// A larger `index.json` is refused: it is read as a whole, and is an index like those in registries.
pub(super) const INDEX_MAX_BYTES: usize = 4 * 1024 * 1024;
/// The index of a layout without tags.
pub(super) const EMPTY: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
/// The annotation that holds the tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The document. What is not ours in it keeps its bytes, whatever it is: other members, other tools' entries and
/// annotations, entries of other digest algorithms.
#[derive(Debug)]
pub(super) struct Index {
    members: BTreeMap<String, Box<RawValue>>,
    entries: Vec<Box<RawValue>>,
    /// Where the first entry of a tag is. It alone counts, as for other readers.
    places: HashMap<String, usize>,
    /// Whether a tag has several entries.
    has_doubles: bool,
}

/// A tag's entry as we write it.
#[derive(Debug)]
pub(super) struct Entry {
    tag: Tag,
    digest: Digest,
    raw: Box<RawValue>,
}

impl Entry {
    pub(super) fn new(tag: Tag, manifest: &Manifest) -> Result<Self, serde_json::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Document<'a> {
            media_type: &'a MediaType,
            digest: Digest,
            size: usize,
            annotations: BTreeMap<&'a str, &'a Tag>,
        }
        let digest = manifest.digest();
        let raw = serde_json::value::to_raw_value(&Document {
            media_type: manifest.media_type(),
            digest,
            size: manifest.bytes().len(),
            annotations: BTreeMap::from([(REF_NAME, &tag)]),
        })?;
        Ok(Self { tag, digest, raw })
    }
}

impl Index {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(bytes)?;
        let entries: Option<Vec<Box<RawValue>>> =
            members.remove("manifests").map_or(Ok(None), |raw| serde_json::from_str(raw.get()))?;
        let entries = entries.unwrap_or_default();
        let mut index = Self { members, entries, places: HashMap::new(), has_doubles: false };
        index.find_places();
        Ok(index)
    }

    /// What a tag points at.
    pub(super) fn digest(&self, tag: &Tag) -> Option<Digest> {
        let entry = self.entries.get(*self.places.get(tag.as_str())?)?;
        serde_json::from_str::<Descriptor>(entry.get()).ok().map(|descriptor| descriptor.digest)
    }

    /// Puts the entry in the place of the tag's entry, if it has one, and tells whether that changed anything.
    pub(super) fn set(&mut self, entry: &Entry) -> bool {
        let Entry { tag, digest, raw } = entry;
        if self.digest(tag) == Some(*digest) {
            return false;
        }
        let place = *self.places.entry(tag.as_str().to_owned()).or_insert(self.entries.len());
        match self.entries.get_mut(place) {
            Some(old) => old.clone_from(raw),
            None => self.entries.push(raw.clone()),
        }
        if self.has_doubles {
            let mut place_of_old = 0..;
            self.entries.retain(|old| {
                place_of_old.next() == Some(place) || name(old).is_none_or(|name| name != tag.as_str())
            });
            self.find_places();
        }
        true
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
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
            let Some(name) = name(entry) else { continue };
            match self.places.entry(name) {
                hash_map::Entry::Vacant(entry) => drop(entry.insert(place)),
                hash_map::Entry::Occupied(_) => self.has_doubles = true,
            }
        }
    }
}

/// The tag that an entry is for. What cannot be read is for none.
fn name(entry: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Annotated {
        annotations: BTreeMap<String, String>,
    }
    serde_json::from_str::<Annotated>(entry.get()).ok()?.annotations.remove(REF_NAME)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    fn manifest(seed: &str) -> Manifest {
        Manifest::parse(Bytes::from(format!(r#"{{"layers":[],"annotations":{{"seed":"{seed}"}}}}"#)), None)
            .unwrap()
    }

    fn tagged(bytes: &[u8], name: &str, manifest: &Manifest) -> Vec<u8> {
        let mut index = Index::parse(bytes).unwrap();
        assert!(index.set(&Entry::new(tag(name), manifest).unwrap()));
        assert!(!index.set(&Entry::new(tag(name), manifest).unwrap()), "it is set already");
        index.to_bytes().unwrap()
    }

    #[track_caller]
    fn check(bytes: &[u8], name: &str, expected: Option<&Manifest>) {
        assert_eq!(Index::parse(bytes).unwrap().digest(&tag(name)), expected.map(Manifest::digest), "{name}");
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
