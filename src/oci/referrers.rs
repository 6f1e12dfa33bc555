//! The list of what refers to a manifest, where nobody but clients keeps one: an index under a tag of its own
//! ([`crate::oci::Tag::of_referrers`]), by the distribution specification.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::oci::descriptor::if_valid;
use crate::oci::{Digest, Manifest, ManifestError, MediaType};

/// What refers to a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referrers {
    /// The referrers that can be read.
    pub digests: Vec<Digest>,
    /// What is listed in place of a digest that is known here: that of another algorithm, for example.
    pub unknown: Vec<String>,
    /// Why the registry does not show whether there are any, where it refuses that.
    pub hidden: Option<String>,
}

/// What the list says of a referrer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    media_type: &'a MediaType,
    digest: Digest,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
}

/// What a referrer says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    #[serde(default, deserialize_with = "if_valid")]
    artifact_type: Option<String>,
    #[serde(default, deserialize_with = "if_valid")]
    annotations: Option<BTreeMap<String, String>>,
}

/// The list with these referrers added; `list` is the one so far, if there is one.
pub fn list_referrers(list: Option<&Manifest>, added: &[Manifest]) -> Result<Manifest, ManifestError> {
    let json = |error| ManifestError::Json(error);
    let mut document: BTreeMap<String, Box<RawValue>> = match list {
        Some(list) => serde_json::from_slice(list.bytes()).map_err(json)?,
        None => BTreeMap::from([
            ("schemaVersion".to_owned(), to_raw_value(&2).map_err(json)?),
            ("mediaType".to_owned(), to_raw_value(MediaType::OCI_INDEX).map_err(json)?),
        ]),
    };
    let old = document.get("manifests").map_or(Ok(Vec::new()), |raw| serde_json::from_str(raw.get()));
    let mut manifests: Vec<Box<RawValue>> = old.map_err(json)?;
    for referrer in added {
        manifests.push(to_raw_value(&listed(referrer).map_err(json)?).map_err(json)?);
    }
    document.insert("manifests".to_owned(), to_raw_value(&manifests).map_err(json)?);
    let bytes = serde_json::to_vec(&document).map_err(json)?;
    Manifest::parse(bytes.into(), Some(&MediaType::new(MediaType::OCI_INDEX)))
}

fn listed(referrer: &Manifest) -> Result<Listed<'_>, serde_json::Error> {
    let About { artifact_type, annotations } = serde_json::from_slice(referrer.bytes())?;
    let of_config = || referrer.config().map(|config| config.media_type.as_str().to_owned());
    Ok(Listed {
        media_type: referrer.media_type(),
        digest: referrer.digest(),
        size: referrer.bytes().len(),
        artifact_type: artifact_type.filter(|text| !text.is_empty()).or_else(of_config),
        annotations,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;

    fn referrer(members: &Value) -> Manifest {
        let config =
            json!({"mediaType": "application/vnd.example.config", "digest": Digest::of(b""), "size": 0});
        let mut document =
            json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config});
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        Manifest::parse(Bytes::from(document.to_string()), None).unwrap()
    }

    #[test]
    fn a_referrer_is_listed_as_the_specification_says() {
        let typed =
            referrer(&json!({"artifactType": "application/sbom", "annotations": {"b": "1", "a": "2"}}));
        let untyped = referrer(&json!({}));
        let list = list_referrers(None, std::slice::from_ref(&typed)).unwrap();
        let list = list_referrers(Some(&list), std::slice::from_ref(&untyped)).unwrap();
        let document: Value = serde_json::from_slice(list.bytes()).unwrap();
        let entry = |referrer: &Manifest, artifact_type: &str| {
            json!({
                "mediaType": MediaType::OCI_MANIFEST,
                "digest": referrer.digest(),
                "size": referrer.bytes().len(),
                "artifactType": artifact_type,
            })
        };
        let mut first = entry(&typed, "application/sbom");
        first["annotations"] = json!({"a": "2", "b": "1"});
        let manifests = json!([first, entry(&untyped, "application/vnd.example.config")]);
        let expected = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": manifests});
        assert_eq!(document, expected);
    }

    #[test]
    fn what_is_listed_stays_as_it_was_written() {
        let old = r#"{"schemaVersion":2,"annotations":{ "x" : "1" },"manifests":[{"mediaType":"a/b", "size":1,
            "digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]}"#;
        let list = Manifest::parse(Bytes::from_static(old.as_bytes()), None).unwrap();
        let list = list_referrers(Some(&list), &[referrer(&json!({}))]).unwrap();
        let text = std::str::from_utf8(list.bytes()).unwrap();
        assert!(
            text.contains(r#"{ "x" : "1" }"#) && text.contains(r#"{"mediaType":"a/b", "size":1,"#),
            "{text}"
        );
        assert_eq!(list.children().len(), 2);
    }
}
