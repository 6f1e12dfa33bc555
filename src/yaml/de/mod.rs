//! Nodes to the types of `raw`, by serde.
//!
//! The wanted type decides how a scalar is read: `21` is a text where a text is wanted, `"3"` a number where a number
//! is. An error knows the path and the position of what is wrong; its text names kinds ("a text", "a list") and never
//! repeats a value. A list or mapping with nothing in it may be written as nothing (`registries:` with every line
//! below it commented out).

mod error;
mod scalar;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

pub(super) use error::{Error, Problem};

use crate::yaml::de::error::{key_without_space, one_of};
use crate::yaml::de::scalar::Resolved;
use crate::yaml::node::{Entry, Kind, Node};
use crate::yaml::place::Segment;

/// The name of a struct that may be written as a text, too: its visitor takes either, and lists where it takes these.
///
/// A scalar is its text then, be it a number or not: `1.10` stays that.
pub const OR_TEXT: &str = "or a text";

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

    /// Reads what may be a text, a list or a mapping, as the visitor takes it.
    fn deserialize_or_text<'de, V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match (&self.0.kind, self.text()) {
            (Kind::Sequence(items), _) => visitor.visit_seq(Items { items: items.iter().enumerate() }),
            (_, Some(text)) => match key_without_space(text, fields) {
                Some(key) => Err(colon_without_space(key)),
                None => visitor.visit_str(text),
            },
            _ => de::Deserializer::deserialize_map(self, visitor),
        }
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
            (_, Some("true" | "True" | "TRUE")) => visitor.visit_bool(true),
            (_, Some("false" | "False" | "FALSE")) | (Kind::Removed, _) => visitor.visit_bool(false),
            _ => self.mismatch(&"true or false"),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Kind::Scalar(scalar) = &self.0.kind else {
            return match self.0.kind {
                Kind::Removed => visitor.visit_u64(0),
                _ => self.mismatch(&"a whole number"),
            };
        };
        match (scalar.text.parse(), scalar.resolve()) {
            (Ok(number), _) => visitor.visit_u64(number),
            (_, Resolved::Signed(_)) => Err(de::Error::custom("expected a number that is not negative")),
            (_, Resolved::Float(_)) => {
                Err(de::Error::custom("expected a whole number, found a fraction or one that is too large"))
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
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == OR_TEXT {
            return self.deserialize_or_text(fields, visitor);
        }
        match &self.0.kind {
            Kind::Scalar(scalar) if !self.0.is_nothing() => match key_without_space(&scalar.text, fields) {
                Some(key) => Err(colon_without_space(key)),
                None => self.mismatch(&visitor),
            },
            Kind::Sequence(_) => self.mismatch(&visitor),
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

fn colon_without_space(key: &str) -> Error {
    de::Error::custom(format_args!("the colon after `{key}` has to be followed by a space"))
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
