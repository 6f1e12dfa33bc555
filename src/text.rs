//! Text for messages: error chains, and what others wrote, cut and cleaned so that a message can repeat it.

use std::any::Any;
use std::borrow::Cow;
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

/// The first `most` of these, and how many more there are.
pub fn listed(items: &[impl Display], most: usize) -> String {
    let named: Vec<String> = items.iter().take(most).map(ToString::to_string).collect();
    let more = items.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    named.join(", ") + &more
}

/// An error with all its causes, without characters that cannot be seen.
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    visible_lines(&causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

/// The message for a panic that was caught at the end of a piece of work.
pub fn internal_error(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
    format!("internal error: {}; please report this, with what the log says of it", quote(words))
}

/// Whether a character cannot be seen, or changes how its neighbours are seen: control characters, line separators, those
/// that turn the direction of writing, that have no width, and tags.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with its hidden characters as escapes such as `\u{202e}`: they could steer a terminal, forge a line of a log, or
/// show something else than is written.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// The same, with line breaks as they are.
pub fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// Bytes as text; those that are no UTF-8 are escapes such as `\xff`.
pub fn of_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// The text with its hidden characters as escapes, and cut where it is long.
pub fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(EXCERPT_MAX_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    visible(&shown).into_owned()
}

/// A sentence that somebody else wrote: on one line, hidden characters as escapes, cut where it is long.
pub fn quote(text: &str) -> String {
    let words: Vec<_> = text.split([' ', '\n', '\r', '\t']).filter(|word| !word.is_empty()).collect();
    visible(&words.join(" ")).chars().take(QUOTE_MAX_CHARS).collect()
}

/// What a web page or XML document is and what it says of itself, where this is one. Proxies and stores answer so. What it
/// says is shown as `redact` leaves it.
pub fn markup(document: &[u8], redact: impl Fn(&str) -> String) -> Option<String> {
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
        let title = text[start..start + length].chars().take(QUOTE_MAX_CHARS).collect::<String>();
        Some(cut(&quote(&redact(&title)), TITLE_MAX_CHARS)).filter(|title| !title.is_empty())
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
    fn hidden_characters_are_escapes_and_what_is_too_long_is_cut() {
        assert_eq!(excerpt("a b\u{1b}[31m\nc"), r"a b\u{1b}[31m\u{a}c");
        assert_eq!(quote(" a\r\n\tb\u{2028}c\u{b}d\u{202e}e "), r"a b\u{2028}c\u{b}d\u{202e}e");
        assert_eq!(visible_lines("a\nb\u{200b}\r\nc"), "a\nb\\u{200b}\\u{d}\nc");
        assert_eq!(of_bytes(b"caf\xe9 \xff\xfe \xc3\xa9"), r"caf\xe9 \xff\xfe é");
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
            assert_eq!(markup(document.as_bytes(), str::to_owned).as_deref(), expected, "{document}");
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
