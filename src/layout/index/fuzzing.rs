//! What holds for any `index.json`. See [`crate::oci::fuzzing`].
#![expect(clippy::missing_panics_doc, reason = "to panic is how a property says that it does not hold")]

use crate::layout::index::document::Index;
use crate::layout::index::offer::Offer;
use crate::layout::unclear::Unclear;
use crate::oci::fuzzing::check_message;
use crate::oci::{LayoutName, Tag};

/// `index.json`: what is listed is found, what is not clear is told in a message, and writing what was read changes
/// nothing that a reader sees.
pub fn layout(data: &[u8]) {
    let Ok(index) = Index::parse(data) else { return };
    let offer = Offer::of(&index);
    let names = ["a", "java/jdk", "docker.io/library/nginx", "localhost:5000/app"];
    let names = names.into_iter().filter_map(|name| name.parse::<LayoutName>().ok()).map(Some);
    for name in names.chain([None]) {
        let tags = match offer.tags(name.as_ref()) {
            Ok(tags) => tags,
            Err(unclear) => {
                check_told(&unclear);
                continue;
            }
        };
        for tag in &tags {
            assert!(tag.subject().is_none(), "{tag}");
            match offer.find(name.as_ref(), tag) {
                Ok(found) => assert!(found.is_some(), "{tag} is listed"),
                Err(unclear) => check_told(&unclear),
            }
        }
        let absent = "no-such-tag".parse::<Tag>();
        let is_absent = absent.is_ok_and(|absent| {
            tags.contains(&absent) || matches!(offer.find(name.as_ref(), &absent), Ok(None))
        });
        assert!(is_absent);
    }
    let Ok(written) = index.to_bytes() else { return };
    let again = Index::parse(&written).map(|again| Offer::of(&again));
    assert!(again.is_ok_and(|again| again.tags(None).ok() == offer.tags(None).ok()));
}

fn check_told(unclear: &Unclear) {
    check_message(&unclear.to_string());
    unclear.hint().into_iter().for_each(check_message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_properties_hold_for_the_seeds() {
        crate::oci::fuzzing::check_seeds("layout", layout);
    }
}
