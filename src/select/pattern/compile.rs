//! Regular expressions over tags: bounded, and their faults told in one line.

use regex::bytes::{Regex, RegexBuilder};

/// A longer pattern is refused: only a list of tags is so long, and that is better written as a list of rules.
const PATTERN_MAX_BYTES: usize = 16 * 1024;
/// A pattern that compiles to more is refused: hundreds of them are read in a second. A whole page of alternatives stays
/// below.
const COMPILED_MAX_BYTES: usize = 512 * 1024;

/// What is wrong with a pattern.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum PatternError {
    /// It is longer than 16 KiB.
    #[error("too long a regular expression: {0} bytes, of {PATTERN_MAX_BYTES} at the most")]
    Long(usize),
    /// It does not compile.
    #[error("{}", describe(.0))]
    Regex(regex::Error),
}

/// A pattern for this part of a tag as it is. Of all characters of tags, only the dot has another meaning.
pub fn escape(text: &str) -> String {
    text.replace('.', r"\.")
}

/// Classes such as `\w` are of ASCII, as tags are, and a hundredth as large. Where a pattern names what only Unicode has,
/// such as `\pL`, it is compiled with that.
pub fn compile(pattern: &str) -> Result<Regex, PatternError> {
    if pattern.len() > PATTERN_MAX_BYTES {
        return Err(PatternError::Long(pattern.len()));
    }
    let build = |unicode| RegexBuilder::new(pattern).unicode(unicode).size_limit(COMPILED_MAX_BYTES).build();
    let result = match build(false) {
        Err(regex::Error::Syntax(_)) => build(true),
        result => result,
    };
    result.map_err(PatternError::Regex)
}

/// In one line. The last line of the error is what is wrong; the lines before it repeat the pattern.
fn describe(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(limit) = error {
        return format!("too large a regular expression: compiles to more than {limit} bytes");
    }
    let text = error.to_string();
    let fault = text.lines().last().unwrap_or_default();
    let fault = fault.strip_prefix("error: ").unwrap_or(fault);
    match place(&text) {
        Some((number, rest)) => format!("not a regular expression: {fault}, at character {number}, `{rest}`"),
        None => format!("not a regular expression: {fault}"),
    }
}

/// Where in the pattern the fault is, counted from 1, and what begins there: the parser draws a `^` below it.
fn place(text: &str) -> Option<(usize, String)> {
    const SHOWN_CHARS: usize = 20;
    const MARGIN: usize = 4;
    let lines: Vec<&str> = text.lines().collect();
    let [.., pattern, mark, _] = lines[..] else { return None };
    let at = mark.find('^').filter(|_| mark.trim_matches([' ', '^']).is_empty())?;
    let rest: String = pattern.chars().skip(at).take(SHOWN_CHARS).collect();
    (at >= MARGIN && !rest.is_empty()).then(|| (at - MARGIN + 1, rest))
}
