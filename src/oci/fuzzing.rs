//! What holds for any bytes: the properties that the targets in `fuzz/` check, and the tests with their seeds.
//!
//! Here and in the modules of this name beside other parsers, since most parsers are private. They are in no ordinary
//! build. A property that does not hold panics, with the input at fault in the message.
#![expect(clippy::missing_panics_doc, reason = "to panic is how a property says that it does not hold")]

use std::sync::LazyLock;

use bytes::Bytes;
use regex::Regex;

use crate::oci::{Descriptor, Digest, Hasher, Host, Manifest, MediaType, Name, Platform, Repository, Tag};
use crate::text::is_hidden;

/// A message may have this many bytes; it holds a few excerpts of what is at fault.
const MESSAGE_MAX_BYTES: usize = 4096;

/// The grammars of the OCI distribution specification, as it writes them.
static TAG: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\A[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\z").ok());
static REPOSITORY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let component = "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*";
    Regex::new(&format!(r"\A{component}(/{component})*\z")).ok()
});

/// A message fits into a log: it is one line, not too long, and shows all that is in it.
pub fn check_message(message: &str) {
    assert!(message.len() <= MESSAGE_MAX_BYTES, "{} bytes: {message:.500?}", message.len());
    assert!(!message.contains(is_hidden), "{message:?}");
}

/// As [`check_message`], for an error and all that is behind it.
pub fn check_error(error: &dyn std::error::Error) {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.for_each(|error| check_message(&error.to_string()));
}

/// `Digest`: what parses prints as it was, and streams hash like their bytes.
pub fn digest(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match text.parse::<Digest>() {
        Ok(digest) => {
            assert_eq!(digest.to_string(), text);
            assert_eq!(format!("sha256:{}", digest.hex()), text);
            assert!(digest.hex().starts_with(&digest.short()));
        }
        Err(error) => check_error(&error),
    }
    let whole = Digest::of(data);
    assert_eq!(whole.to_string().parse(), Ok(whole));
    let (start, end) = data.split_at(data.len() / 2);
    let mut hasher = Hasher::default();
    hasher.update(start);
    hasher.update(end);
    assert_eq!(hasher.finish(), whole);
}

/// `Name`, `Host`, `Repository`, `Tag`, `Platform`: they have the specification's grammar, and what parses prints as
/// it was.
pub fn reference(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    match text.parse::<Tag>() {
        Ok(tag) => assert_eq!(tag.as_str(), text),
        Err(error) => check_error(&error),
    }
    assert_eq!(text.parse::<Tag>().is_ok(), matches(&TAG, text), "{text:?}");
    match text.parse::<Repository>() {
        Ok(repository) => assert_eq!(repository.as_str(), text),
        Err(error) => check_error(&error),
    }
    let is_repository = text.len() <= 255 && matches(&REPOSITORY, text);
    assert_eq!(text.parse::<Repository>().is_ok(), is_repository, "{text:?}");
    match text.parse::<Platform>() {
        Ok(platform) => {
            assert_eq!(platform.to_string().parse().as_ref(), Ok(&platform));
            assert!(platform.accepts(&platform));
        }
        Err(error) => check_error(&error),
    }
    match text.parse::<Host>() {
        Ok(host) => {
            assert_eq!(host.as_str(), text);
            // Not every host makes an address (`1.2.3.999`), but none smuggles in more than host and port.
            if let Ok(url) = url::Url::parse(&format!("https://{host}/")) {
                assert_eq!((url.username(), url.password(), url.path(), url.query()), ("", None, "/", None));
            }
        }
        Err(error) => check_error(&error),
    }
    match text.parse::<Name>() {
        Ok(name) => {
            assert!(name.to_string().ends_with(text.split_once('/').map_or(text, |(_, path)| path)));
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        Err(error) => check_error(&error),
    }
}

fn matches(grammar: &LazyLock<Option<Regex>>, text: &str) -> bool {
    grammar.as_ref().is_some_and(|grammar| grammar.is_match(text))
}

/// `Manifest`: the bytes stay as they came, a manifest is either an index or an image, and a filtered index is its
/// source but for the children left out.
pub fn manifest(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let header = MediaType::new(MediaType::DOCKER_MANIFEST);
    if let Ok(manifest) = Manifest::parse(bytes.clone(), Some(&header)) {
        assert_eq!(manifest.media_type(), &header);
    }
    let manifest = match Manifest::parse(bytes.clone(), None) {
        Ok(manifest) => manifest,
        Err(error) => return check_error(&error),
    };
    assert_eq!(manifest.bytes(), &bytes);
    assert_eq!(manifest.digest(), Digest::of(data));
    assert!(manifest.media_type().is_manifest());
    let is_index = manifest.media_type().is_index();
    assert!(if is_index { manifest.blobs().is_empty() } else { manifest.children().is_empty() });
    let mut parts = manifest.children().iter().chain(manifest.blobs());
    let total = parts.try_fold(0u64, |total, part| total.checked_add(part.size));
    // A graph has a thousand manifests at the most, and their sizes are added up.
    assert!(total.and_then(|total| total.checked_mul(1000)).is_some(), "{total:?} bytes");
    let again = Manifest::parse(bytes, Some(manifest.media_type())).map(|again| again.digest());
    assert!(again.is_ok_and(|again| again == manifest.digest()));

    check_filtered(&manifest, |child| child.size % 2 == 0);
    check_filtered(&manifest, |child| child.platform.is_some());
}

fn check_filtered(source: &Manifest, keeps: fn(&Descriptor) -> bool) {
    let children: Vec<_> = source.children().iter().filter(|child| keeps(child)).cloned().collect();
    let filtered = match source.filtered(keeps) {
        Ok(filtered) => filtered,
        Err(error) => {
            // What is no UTF-8 passes as part of a member that is not read, and cannot be written again; an image is no
            // index.
            let is_text = std::str::from_utf8(source.bytes()).is_ok();
            assert!(!is_text || !source.media_type().is_index(), "{error:?}");
            return check_error(&error);
        }
    };
    assert_eq!(filtered.children(), children);
    assert_eq!(filtered.media_type(), source.media_type());
    assert!(filtered.bytes().len() <= source.bytes().len());
    let again = filtered.filtered(keeps).map(|again| again.digest());
    assert!(again.is_ok_and(|again| again == filtered.digest()));
    let members = |manifest: &Manifest| {
        serde_json::from_slice::<serde_json::Map<_, _>>(manifest.bytes()).map(|mut members| {
            members.remove("manifests");
            members
        })
    };
    // Some numbers and some depths are no values for this second reader.
    if let (Ok(before), Ok(after)) = (members(source), members(&filtered)) {
        assert_eq!(before, after);
    }
}

/// Checks a property with each seed of its target, the folder in `fuzz/seeds`.
#[cfg(test)]
#[track_caller]
pub(crate) fn check_seeds(target: &str, property: fn(&[u8])) {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let seeds = std::fs::read_dir(fuzz.join("seeds").join(target)).unwrap();
    let count = seeds.map(|seed| property(&std::fs::read(seed.unwrap().path()).unwrap())).count();
    assert!(count > 0, "{target} has no seeds");
    // A misspelt target would go unnoticed: each is a program, named in the menu of its package.
    let package = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    assert!(package.contains(&format!("name = \"{target}\"")), "{target} is no target");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_properties_hold_for_the_seeds() {
        check_seeds("digest", digest);
        check_seeds("reference", reference);
        check_seeds("manifest", manifest);
    }
}
