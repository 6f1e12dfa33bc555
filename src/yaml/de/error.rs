//! Why a node does not fit, without repeating it.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::yaml::node::Node;
use crate::yaml::place::{Path, Position, Segment};
use crate::yaml::schema::Schema;
use crate::yaml::suggest::suggest;

/// Why a node is not what was wanted.
#[derive(Debug)]
pub(in crate::yaml) struct Error {
    /// From the innermost segment outwards, as the error is passed up.
    segments: Vec<Segment>,
    position: Option<Position>,
    problem: Problem,
}

#[derive(Debug)]
pub(in crate::yaml) enum Problem {
    /// The node is of a wrong kind.
    Value(String),
    /// The mapping holds a key that it must not.
    UnknownKey { key: String, known: &'static [&'static str] },
}

impl Error {
    pub(super) fn at(self, node: &Node, segment: Segment) -> Self {
        let mut error = self.or_at(node.position);
        error.segments.push(segment);
        error
    }

    pub(super) fn or_at(mut self, position: Position) -> Self {
        self.position.get_or_insert(position);
        self
    }

    /// Where in `root` it is, and what is wrong.
    pub(in crate::yaml) fn locate(self, root: &Node) -> (Path, Position, Problem) {
        let path = self.segments.into_iter().rev().collect();
        (path, self.position.unwrap_or(root.position), self.problem)
    }
}

impl Problem {
    /// What is wrong with the mapping at `path`, and what to do.
    pub(in crate::yaml) fn explain(&self, schema: &Schema, path: &Path) -> String {
        let (key, known) = match self {
            Self::Value(what) => return what.clone(),
            Self::UnknownKey { key, known } => (key, known),
        };
        if let Some(known) = key_without_space(key, known) {
            return format!("the colon after `{known}` has to be followed by a space");
        }
        if let Some(known) = suggest(key, known) {
            return format!("unknown key `{key}`, did you mean `{known}`?");
        }
        if !is_word(key) || schema.holds_secrets(path) {
            return format!("unknown key, expected {}", one_of(known));
        }
        let location = |location: &String| match location.as_str() {
            "" => "at the top".to_owned(),
            location => format!("under `{location}`"),
        };
        let locations: Vec<_> = schema.key_locations(key).iter().map(location).collect();
        let belongs = match locations.as_slice() {
            [] => String::new(),
            locations => format!(" (it belongs {})", locations.join(" or ")),
        };
        format!("unknown key `{key}`{belongs}, expected {}", one_of(known))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Value(what) => f.write_str(what),
            Problem::UnknownKey { .. } => f.write_str("unknown key"),
        }
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { segments: Vec::new(), position: None, problem: Problem::Value(message.to_string()) }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(_) => "true or false",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Unit => "nothing",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a mapping",
            _ => "a text",
        };
        Self::custom(format_args!("expected {expected}, found {found}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}"))
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::custom(format_args!("expected {}", one_of(known)))
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        let problem = Problem::UnknownKey { key: key.to_owned(), known };
        Self { segments: Vec::new(), position: None, problem }
    }
}

/// Whether a key is like one that people give. Others may be values that lost their key.
fn is_word(key: &str) -> bool {
    const WORD_MAX_BYTES: usize = 41;
    key.len() <= WORD_MAX_BYTES
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The known key that `text` starts with, where only the space after its colon is missing: `newest:3`.
pub(super) fn key_without_space<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    let (word, _) = text.split_once(':')?;
    known.iter().copied().find(|known| *known == word)
}

pub(super) fn one_of(words: &[&str]) -> String {
    format!("one of {}", words.join(", "))
}
