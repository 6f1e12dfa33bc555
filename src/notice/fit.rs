//! A notice that is too large for a destination, made to fit.

use crate::notice::Notice;

/// What `encode` makes of the notice, with as many of its tags as fit into `most` bytes.
pub(super) fn bytes(notice: &Notice, most: usize, encode: impl Fn(&Notice) -> String) -> String {
    let whole = encode(notice);
    if whole.len() <= most {
        return whole;
    }
    let (mut fits, mut too_many) = (0, notice.tags.len());
    while too_many - fits > 1 {
        let middle = fits.midpoint(too_many);
        if encode(&notice.with_tags(middle)).len() <= most { fits = middle } else { too_many = middle }
    }
    encode(&notice.with_tags(fits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::document::tests::many;

    #[test]
    fn as_many_tags_as_fit_are_kept_and_the_others_counted() {
        let notice = many(5000);
        let text = bytes(&notice, 256 * 1024, Notice::json);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kept = json["tags"].as_array().unwrap().len();
        assert_eq!(json["tags_omitted"], 5000 - kept);
        assert!(text.len() <= 256 * 1024, "{}", text.len());
        assert!(notice.with_tags(kept + 1).json().len() > 256 * 1024);
        assert_eq!(bytes(&many(3), 256 * 1024, Notice::json), many(3).json());
    }
}
