//! What may be written in two ways: a mapping or a text that stands for it, one text or a list of them.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};

use crate::yaml::{OR_TEXT, Path};

/// A mapping that may be written as a text, which stands for one of its keys.
pub(in crate::config) trait OrText: DeserializeOwned + Default + JsonSchema {
    /// What is expected, for messages.
    const EXPECTED: &'static str;
    /// Keys after which people forget the space.
    const KEYS: &'static [&'static str];
    /// What a text stands for.
    fn of_text(text: &str) -> Self;
}

/// What may be written as a text, too.
pub(in crate::config) struct TextOr<T>(pub(in crate::config) T);

impl<'de, T: OrText> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: OrText> de::Visitor<'de> for Visitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
                Ok(T::of_text(text))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(entries))
            }
        }

        deserializer.deserialize_struct(OR_TEXT, T::KEYS, Visitor(PhantomData)).map(Self)
    }
}

impl<T: OrText> JsonSchema for TextOr<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("TextOr{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mapping = generator.subschema_for::<T>();
        // A number is a text here, as nobody puts `1.10` into quotes.
        schemars::json_schema!({"anyOf": [{"type": ["string", "number"]}, mapping]})
    }
}

/// A text, or a list of texts.
#[derive(Clone, Debug)]
pub(in crate::config) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    /// The text, where there is one alone.
    pub(in crate::config) fn only(&self) -> Option<&str> {
        match self {
            Self::One(text) => Some(text),
            Self::More(texts) => match &texts[..] {
                [text] => Some(text),
                _ => None,
            },
        }
    }

    /// The texts, each with its place.
    pub(in crate::config) fn placed(self, path: &Path) -> Vec<(Path, String)> {
        match self {
            Self::One(text) => vec![(path.clone(), text)],
            Self::More(texts) => {
                texts.into_iter().enumerate().map(|(index, text)| (path.index(index), text)).collect()
            }
        }
    }
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(OneOrMore::One(text.to_owned()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = items.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMore::More(texts))
            }
        }

        deserializer.deserialize_struct(OR_TEXT, &[], Visitor)
    }
}

impl JsonSchema for OneOrMore {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OneOrMore".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": ["string", "number", "array"], "items": {"type": ["string", "number"]}})
    }
}
