//! `index.json`: which tag points at which manifest. Pure: bytes in, bytes out.

use std::collections::BTreeMap;

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
#[derive(Clone, Debug)]
pub(super) struct Index<'a> {
    members: BTreeMap<String, &'a RawValue>,
    entries: Vec<&'a RawValue>,
}

/// An entry as we write it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    media_type: &'a MediaType,
    digest: Digest,
    size: usize,
    annotations: BTreeMap<&'a str, &'a Tag>,
}

impl<'a> Index<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes)?;
        let entries: Option<Vec<&RawValue>> =
            members.get("manifests").map_or(Ok(None), |raw| serde_json::from_str(raw.get()))?;
        Ok(Self { members, entries: entries.unwrap_or_default() })
    }

    /// What a tag points at. Of several entries for it the first counts, as for other readers.
    pub(super) fn digest(&self, tag: &Tag) -> Option<Digest> {
        let entry = self.entries.iter().find(|entry| is_named(entry, tag))?;
        serde_json::from_str::<Descriptor>(entry.get()).ok().map(|descriptor| descriptor.digest)
    }

    /// The document with the tag pointing at this manifest, in the place of the tag's entry if it has one.
    pub(super) fn with_tag(&self, tag: &Tag, manifest: &Manifest) -> Result<Vec<u8>, serde_json::Error> {
        let entry = serde_json::value::to_raw_value(&Entry {
            media_type: manifest.media_type(),
            digest: manifest.digest(),
            size: manifest.bytes().len(),
            annotations: BTreeMap::from([(REF_NAME, tag)]),
        })?;
        let place = self.entries.iter().position(|old| is_named(old, tag)).unwrap_or(self.entries.len());
        let (before, after) = self.entries.split_at(place);
        let mut entries = before.to_vec();
        entries.push(&entry);
        entries.extend(after.iter().filter(|old| !is_named(old, tag)));
        let entries = serde_json::value::to_raw_value(&entries)?;
        let mut members: BTreeMap<&str, &RawValue> =
            self.members.iter().map(|(name, raw)| (name.as_str(), *raw)).collect();
        members.insert("manifests", &entries);
        serde_json::to_vec(&members)
    }
}

/// Whether an entry is for this tag. What cannot be read is for none.
fn is_named(entry: &RawValue, tag: &Tag) -> bool {
    #[derive(Deserialize)]
    struct Annotated {
        annotations: BTreeMap<String, String>,
    }
    serde_json::from_str::<Annotated>(entry.get())
        .is_ok_and(|entry| entry.annotations.get(REF_NAME).is_some_and(|name| name == tag.as_str()))
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
        Index::parse(bytes).unwrap().with_tag(&tag(name), manifest).unwrap()
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
