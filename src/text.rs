//! Text for messages: error chains, and what others wrote, cut and cleaned so that a message can repeat it.

use std::any::Any;
use std::error::Error;
use std::fmt::Display;

use url::Url;

/// The most characters of an excerpt.
const EXCERPT_MAX_CHARS: usize = 300;
/// The most characters of a quotation.
const QUOTE_MAX_CHARS: usize = 1000;

/// How far into a web page its title is looked for.
const MARKUP_MAX_BYTES: usize = 64 * 1024;
/// The most characters of a title.
const TITLE_MAX_CHARS: usize = 120;

/// What is wrong and, where that is known, what to do about it in a line below.
pub fn with_hint(what: impl Display, hint: Option<&str>) -> String {
    hint.map_or_else(|| what.to_string(), |hint| format!("{what}\nhint: {hint}"))
}

/// An error with all its causes.
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The message for a panic that was caught at the end of a piece of work.
pub fn internal_error(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
    format!("internal error: {}; please report this, with what the log says of it", quote(words))
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

/// What a web page or XML document is and what it says of itself, where this is one. Proxies and stores answer so.
pub fn markup(document: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&document[..document.len().min(MARKUP_MAX_BYTES)]);
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with('<') {
        return None;
    }
    let element = |name: &str| {
        let (_, open) = lower.split_once(&format!("<{name}"))?;
        let start = lower.len() - open.split_once('>')?.1.len();
        let length = lower[start..].find(&format!("</{name}"))?;
        Some(cut(&quote(&text[start..start + length]), TITLE_MAX_CHARS)).filter(|title| !title.is_empty())
    };
    let (kind, words) = if lower.starts_with("<?xml") || lower.starts_with("<error") {
        ("an XML document", element("message"))
    } else {
        ("a web page", element("title"))
    };
    Some(words.map_or_else(|| kind.to_owned(), |words| format!("{kind} ({words})")))
}

/// The text, cut to `chars_max` characters; the last one then is `…`.
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
    fn markup_is_told_by_its_title() {
        let check = |document: &str, expected: Option<&str>| {
            assert_eq!(markup(document.as_bytes()).as_deref(), expected, "{document}");
        };
        check("\r\n<HTML><Title lang=en>Access\n denied</TITLE>", Some("a web page (Access denied)"));
        check("<!doctype html><p>", Some("a web page"));
        check("<html><title>", Some("a web page"));
        let xml = "\u{feff}<?xml version=\"1.0\"?><Error><Code>X</Code><Message>Request has expired</Message></Error>";
        check(xml, Some("an XML document (Request has expired)"));
        check("{\"title\": \"<title>\"}", None);
        check("", None);
    }

    #[test]
    fn addresses_hide_queries_and_users() {
        let url = "https://me:secret@s3.example/a/b?X-Amz-Signature=secret".parse().unwrap();
        assert_eq!(address(&url), "https://s3.example/a/b");
    }
}
