//! The type of what is secret. Whatever has it is never shown, whichever key it stands under.

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// A text that is never shown. `yaml` knows it by its mark in the schema.
#[derive(JsonSchema)]
#[schemars(inline, extend("writeOnly" = true))]
pub(super) struct Secret(#[schemars(with = "String")] pub(super) SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}
