//! What an ECR repository is set to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The settings of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub mutability: Mutability,
    /// Wildcard patterns of the tags to which the mode does not apply.
    pub exclude: Vec<String>,
    /// `AES256`, `KMS` or `KMS_DSSE`; empty is `AES256`.
    pub encryption: String,
    pub kms_key: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub lifecycle_policy: Option<String>,
    pub policy: Option<String>,
    pub scan_on_push: bool,
}

/// Whether tags can be moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mutability {
    #[default]
    Mutable,
    Immutable,
    ImmutableWithExclusion,
    MutableWithExclusion,
}

impl Mutability {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Mutable, "MUTABLE"),
        (Self::Immutable, "IMMUTABLE"),
        (Self::ImmutableWithExclusion, "IMMUTABLE_WITH_EXCLUSION"),
        (Self::MutableWithExclusion, "MUTABLE_WITH_EXCLUSION"),
    ];

    fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(mode, _)| *mode)
    }

    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(mode, _)| *mode == self).unwrap().1
    }
}

impl Settings {
    /// Settings with this mode and these exclusions.
    pub fn mutability(mutability: Mutability, exclude: &[&str]) -> Self {
        let exclude = exclude.iter().map(ToString::to_string).collect();
        Self { mutability, exclude, ..Self::default() }
    }

    /// Whether a tag that exists cannot be pushed again.
    pub fn is_immutable(&self, tag: &str) -> bool {
        let is_excluded = self.exclude.iter().any(|pattern| is_match(pattern, tag));
        match self.mutability {
            Mutability::Mutable => false,
            Mutability::Immutable => true,
            Mutability::ImmutableWithExclusion => !is_excluded,
            Mutability::MutableWithExclusion => is_excluded,
        }
    }

    /// The type of encryption and the key.
    pub fn key(&self) -> (&str, Option<&str>) {
        let encryption = if self.encryption.is_empty() { "AES256" } else { &self.encryption };
        (encryption, self.kms_key.as_deref())
    }

    /// Reads mutability from a request. An error is the message of an `InvalidParameterException`.
    pub fn read_mutability(&mut self, input: &Value) -> Result<(), String> {
        if let Some(name) = input["imageTagMutability"].as_str() {
            self.mutability = Mutability::of(name).ok_or_else(|| format!("no such mutability: {name}"))?;
        }
        let mut exclude = Vec::new();
        for filter in input["imageTagMutabilityExclusionFilters"].as_array().into_iter().flatten() {
            let text = filter["filter"].as_str().unwrap_or_default();
            let is_good = |b: u8| b.is_ascii_alphanumeric() || b"._*-".contains(&b);
            if filter["filterType"] != "WILDCARD"
                || !(1..=128).contains(&text.len())
                || !text.bytes().all(is_good)
            {
                return Err(format!("bad exclusion filter: {filter}"));
            }
            exclude.push(text.to_owned());
        }
        let takes_filters =
            matches!(self.mutability, Mutability::ImmutableWithExclusion | Mutability::MutableWithExclusion);
        if takes_filters != (1..=5).contains(&exclude.len()) || exclude.len() > 5 {
            return Err(format!("{} exclusion filters with {}", exclude.len(), self.mutability.name()));
        }
        self.exclude = exclude;
        Ok(())
    }

    /// Reads all that `CreateRepository` takes.
    pub fn read(input: &Value) -> Result<Self, String> {
        let mut settings = Self::default();
        settings.read_mutability(input)?;
        settings.read_tags(input);
        settings.scan_on_push = input["imageScanningConfiguration"]["scanOnPush"] == true;
        let encryption = &input["encryptionConfiguration"];
        encryption["encryptionType"].as_str().unwrap_or("AES256").clone_into(&mut settings.encryption);
        settings.kms_key = encryption["kmsKey"].as_str().map(str::to_owned);
        if settings.kms_key.is_some() && settings.encryption == "AES256" {
            return Err("a KMS key needs the encryption type KMS or KMS_DSSE".to_owned());
        }
        Ok(settings)
    }

    /// Adds the resource tags of a request.
    pub fn read_tags(&mut self, input: &Value) {
        for tag in input["tags"].as_array().into_iter().flatten() {
            let text = |key: &str| tag[key].as_str().unwrap_or_default().to_owned();
            self.tags.insert(text("Key"), text("Value"));
        }
    }

    /// The members that describe these settings in an answer.
    pub fn write(&self, output: &mut Value) {
        output["imageTagMutability"] = json!(self.mutability.name());
        if !self.exclude.is_empty() {
            let filter = |text: &String| json!({"filterType": "WILDCARD", "filter": text});
            output["imageTagMutabilityExclusionFilters"] = self.exclude.iter().map(filter).collect();
        }
        let (encryption, key) = self.key();
        output["encryptionConfiguration"] = json!({"encryptionType": encryption});
        if let Some(key) = key {
            output["encryptionConfiguration"]["kmsKey"] = json!(key);
        }
    }
}

/// Whether a tag matches a pattern in which `*` stands for any text.
fn is_match(pattern: &str, tag: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == tag,
        Some((start, rest)) => tag.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len()).any(|skipped| tail.get(skipped..).is_some_and(|tail| is_match(rest, tail)))
        }),
    }
}
