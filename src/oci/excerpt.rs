//! What somebody else wrote, made fit to be repeated in a message.

/// Only this much of a text is repeated.
const EXCERPT_MAX_CHARS: usize = 300;

/// The text without control characters, which could steer a terminal or forge a line of a log, and cut where it is long.
pub fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(EXCERPT_MAX_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace(char::is_control, "\u{fffd}")
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
}
