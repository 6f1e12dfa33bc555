//! What holds for whatever is to be imported. See [`crate::oci::fuzzing`].

use crate::import::tree::{self, Node};
use crate::import::{Draft, Kind, To};
use crate::oci::fuzzing::check_message;

/// `import`: what is written has the form of a configuration and can be read back, and what is wrong is told in a line.
pub fn import(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for kind in Kind::ALL.map(Some).into_iter().chain([None]) {
        match super::import(&text, kind, &To::default()) {
            Ok((_, draft)) => check_written(draft),
            Err(why) => check_message(&why),
        }
    }
}

fn check_written(draft: Draft) {
    let mirrors = draft.mirrors.len();
    let mut out = Vec::new();
    super::write(&mut out, draft).unwrap_or_else(|error| panic!("{error}"));
    let text = String::from_utf8_lossy(&out);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    let read = tree::read(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let entries = read.into_map().unwrap_or_else(|| panic!("{text}"));
    let keys = ["schedule", "defaults", "mirrors", "registries"];
    assert!(entries.iter().all(|(key, _)| keys.contains(&key.as_str())), "{text}");
    let written = entries.into_iter().find(|(key, _)| key == "mirrors").map(|(_, written)| written);
    match written {
        Some(Node::List(written)) => assert!((1..=mirrors).contains(&written.len()), "{text}"),
        _ => assert_eq!(mirrors, 0, "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::fuzzing::check_seeds;

    #[test]
    fn the_properties_hold_for_the_seeds() {
        check_seeds("import", import);
    }
}
