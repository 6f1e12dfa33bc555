//! What the YAML parser's complaints mean to somebody who wrote a configuration.

/// Says what to do about a text that is no YAML. `info` is the parser's own message, which holds at most one character
/// of the text; `line` is where it stopped, and is only looked at.
pub(super) fn explain(info: &str, line: &str) -> String {
    let has = |part: &str| info.contains(part);
    let line = line.trim_start_matches([' ', '-']);
    let value = line.split_once(": ").map_or(line, |(_, value)| value.trim_start());
    let hint = if has(" tab") || info.starts_with("tab") {
        "YAML does not allow tabs here: indent with spaces"
    } else if has("unknown anchor") {
        // The name is not repeated: it may be a password that starts with `*`.
        "an alias (`*name`) has no anchor (`&name`) before it: put a text that starts with * in 'single quotes'"
    } else if has("escape character") {
        "within \"double quotes\" a backslash starts an escape: put regular expressions in 'single quotes' or in none"
    } else if (has("',' or") || has("flow")) && line.contains("${") {
        "within { } or [ ] a `${NAME}` has to be in quotes"
    } else if has("',' or") || has("flow") || has("simple key expected") {
        "a list in [ ] or a mapping in { } is not closed, or a comma is missing; within them a text with one of , [ ] { } has \
         to be in 'single quotes'"
    } else if has("quoted scalar") || value.starts_with(['"', '\'']) {
        "a value that starts with a quote ends at the next one: close it, and let nothing follow it"
    } else if value.starts_with(['*', '&', '!', '[', '{', '@', '`', '%', '|', '>', '?']) {
        "a value that starts with one of * & ! [ { @ ` % | > ? means something else to YAML: put it in 'single quotes'"
    } else if has("expect ':'") || has("did not find expected key") {
        "expected `key: value` here: check that the colon is followed by a space and that the line starts in the \
         same column as its neighbours"
    } else if has("mapping values are not allowed") {
        "no key can stand here: check that this line starts in the same column as its neighbours, and put a value \
         that holds `: ` in quotes"
    } else if has("indent") || has("block sequence entries") || has("expected '-'") {
        "wrong indentation: lines of one list or mapping start in the same column"
    } else {
        return format!("not YAML: {info}");
    };
    format!("not YAML: {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_that_is_not_known_is_passed_on() {
        assert_eq!(explain("found unprintable character", "a: b"), "not YAML: found unprintable character");
    }
}
