//! Nodes to the types of `raw`, by serde.
//!
//! The wanted type decides how a scalar is read: `21` is a text where a text is wanted, `"3"` a number where a number
//! is. An error knows the path and the position of what is wrong; its text names kinds ("a text", "a list") and never
//! repeats a value. A list or mapping with nothing in it may be written as nothing (`registries:` with every line
//! below it commented out).

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use crate::config::nearest::nearest;
use crate::config::node::{Entry, Kind, Node, Scalar};
use crate::config::place::{Path, Position, Segment};

/// Why a node is not what was wanted.
#[derive(Debug)]
pub(super) struct Error {
    /// From the innermost segment outwards, as the error is passed up.
    segments: Vec<Segment>,
    position: Option<Position>,
    problem: Problem,
}

#[derive(Debug)]
pub(super) enum Problem {
    /// The node is of a wrong kind.
    Value(String),
    /// The mapping holds a key that it must not.
    UnknownKey { key: String, known: &'static [&'static str] },
}

impl Error {
    fn at(self, node: &Node, segment: Segment) -> Self {
        let mut error = self.or_at(node.position);
        error.segments.push(segment);
        error
    }

    fn or_at(mut self, position: Position) -> Self {
        self.position.get_or_insert(position);
        self
    }

    /// Where in `root` it is, and what is wrong.
    pub(super) fn locate(self, root: &Node) -> (Path, Position, Problem) {
        let path = self.segments.into_iter().rev().collect();
        (path, self.position.unwrap_or(root.position), self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(what) => f.write_str(what),
            Self::UnknownKey { key, known } => match (nearest(key, known), key.split_once(':')) {
                // A key that is like no other is not repeated: it may be a value that lost its key.
                (Some(known), _) => write!(f, "unknown key `{key}`, did you mean `{known}`?"),
                (None, Some((word, _))) if known.contains(&word) => {
                    write!(f, "the colon after `{word}` has to be followed by a space")
                }
                _ => write!(f, "unknown key, expected {}", one_of(known)),
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
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

/// What a plain scalar is when nobody says what is wanted (YAML's core schema, but digits that start with 0 stay
/// a text: they are account numbers, not octal ones).
enum Resolved<'a> {
    Nothing,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

impl Scalar {
    fn resolve(&self) -> Resolved<'_> {
        let text = self.text.as_str();
        let digits = text.trim_start_matches(['-', '+']);
        if !self.is_plain {
            return Resolved::Text(text);
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Resolved::Nothing,
            "true" | "True" | "TRUE" => return Resolved::Bool(true),
            "false" | "False" | "FALSE" => return Resolved::Bool(false),
            _ => {}
        }
        let starts_as_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let has_leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
        if !starts_as_number || has_leading_zero {
            return Resolved::Text(text);
        }
        if let Ok(number) = text.parse() {
            Resolved::Unsigned(number)
        } else if let Ok(number) = text.parse() {
            Resolved::Signed(number)
        } else {
            text.parse().map_or(Resolved::Text(text), Resolved::Float)
        }
    }
}

/// Reads a node.
#[derive(Clone, Copy)]
pub(super) struct Deserializer<'a>(pub(super) &'a Node);

impl Deserializer<'_> {
    fn mismatch<T>(self, expected: &dyn Expected) -> Result<T, Error> {
        let found = match &self.0.kind {
            Kind::Removed => Unexpected::Unit,
            Kind::Sequence(_) => Unexpected::Seq,
            Kind::Mapping(_) => Unexpected::Map,
            Kind::Scalar(scalar) => match scalar.resolve() {
                Resolved::Nothing => Unexpected::Unit,
                Resolved::Bool(value) => Unexpected::Bool(value),
                Resolved::Unsigned(_) | Resolved::Signed(_) | Resolved::Float(_) => Unexpected::Unsigned(0),
                Resolved::Text(_) => Unexpected::Str(""),
            },
        };
        Err(de::Error::invalid_type(found, expected))
    }

    /// The text of a scalar that is not nothing.
    fn text(&self) -> Option<&str> {
        match &self.0.kind {
            Kind::Scalar(scalar) if !self.0.is_nothing() => Some(&scalar.text),
            _ => None,
        }
    }
}

impl<'de> de::Deserializer<'de> for Deserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Removed => visitor.visit_unit(),
            Kind::Sequence(_) => self.deserialize_seq(visitor),
            Kind::Mapping(_) => self.deserialize_map(visitor),
            Kind::Scalar(scalar) => match scalar.resolve() {
                Resolved::Nothing => visitor.visit_unit(),
                Resolved::Bool(value) => visitor.visit_bool(value),
                Resolved::Unsigned(number) => visitor.visit_u64(number),
                Resolved::Signed(number) => visitor.visit_i64(number),
                Resolved::Float(number) => visitor.visit_f64(number),
                Resolved::Text(text) => visitor.visit_str(text),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match (&self.0.kind, self.text()) {
            (Kind::Removed, _) => visitor.visit_bool(false),
            (_, Some("true" | "True" | "TRUE")) => visitor.visit_bool(true),
            (_, Some("false" | "False" | "FALSE")) => visitor.visit_bool(false),
            _ => self.mismatch(&"true or false"),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match (&self.0.kind, self.text().map(str::parse)) {
            (Kind::Removed, _) => visitor.visit_u64(0),
            (_, Some(Ok(number))) => visitor.visit_u64(number),
            (Kind::Scalar(Scalar { is_plain: true, .. }), Some(Err(_))) => {
                self.mismatch(&"a whole number without sign or fraction")
            }
            _ => self.mismatch(&"a whole number"),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match (&self.0.kind, self.text()) {
            (Kind::Removed, _) => visitor.visit_str(""),
            (_, Some(text)) => visitor.visit_str(text),
            (_, None) => self.mismatch(&"a text"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_nothing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Sequence(items) => visitor.visit_seq(Items { items: items.iter().enumerate() }),
            _ if self.0.is_nothing() => visitor.visit_seq(Items { items: [].iter().enumerate() }),
            _ => self.mismatch(&"a list (each item on its own line, after `- `)"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Mapping(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
            _ if self.0.is_nothing() => visitor.visit_map(Entries { entries: [].iter(), value: None }),
            _ => self.mismatch(&"a mapping (`key: value`, each on its own line)"),
        }
    }

    /// What is expected is said by the type, in its serde attribute `expecting`.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Sequence(_) => self.mismatch(&visitor),
            Kind::Scalar(_) if !self.0.is_nothing() => self.mismatch(&visitor),
            _ => self.deserialize_map(visitor),
        }
    }

    /// Only enumerations of words are read.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.text() {
            Some(text) => visitor.visit_enum(<&str as IntoDeserializer<'_, Error>>::into_deserializer(text)),
            None => self.mismatch(&one_of(variants).as_str()),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

fn one_of(words: &[&str]) -> String {
    format!("one of {}", words.join(", "))
}

struct Items<'a> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some((index, item)) = self.items.next() else { return Ok(None) };
        let value = seed.deserialize(Deserializer(item));
        value.map(Some).map_err(|error| error.at(item, Segment::Index(index)))
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Entry>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.value = Some(entry);
        let key: StrDeserializer<'_, Error> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.or_at(entry.key_position))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some(entry) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let value = seed.deserialize(Deserializer(&entry.value));
        value.map_err(|error| error.at(&entry.value, Segment::Key(entry.key.clone())))
    }
}
