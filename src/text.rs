//! What every layer says things with: error chains, and what others wrote, made fit to be repeated in a message.

use std::error::Error;

use url::Url;

/// An excerpt has at most so many characters.
const EXCERPT_MAX_CHARS: usize = 300;
/// A quotation has at most so many characters.
const QUOTE_MAX_CHARS: usize = 1000;

/// An error with all its causes, on one line but for its hints.
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The text without control characters, which could steer a terminal or forge a line of a log, and cut where it is long.
pub fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(EXCERPT_MAX_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace(char::is_control, "\u{fffd}")
}

/// A sentence that somebody else wrote: on one line, without control characters, cut where it is long.
pub fn quote(text: &str) -> String {
    text.split(|c: char| c.is_control() || c == ' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(QUOTE_MAX_CHARS)
        .collect()
}

/// The text, cut to so many characters; the last one then is `…`.
pub fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

/// An address without query and user: both may hold secrets.
pub fn address(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_what_is_too_long_are_not_repeated() {
        assert_eq!(excerpt("a b\u{1b}[31m\nc"), "a b\u{fffd}[31m\u{fffd}c");
        assert_eq!(excerpt(&"é".repeat(300)), "é".repeat(300));
        assert_eq!(excerpt(&"é".repeat(301)), format!("{}…", "é".repeat(300)));
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }

    #[test]
    fn addresses_hide_queries_and_users() {
        let url = "https://me:secret@s3.example/a/b?X-Amz-Signature=secret".parse().unwrap();
        assert_eq!(address(&url), "https://s3.example/a/b");
    }
}
