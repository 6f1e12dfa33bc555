//! What failed, as a value: it is compared and stored as one. Its parts become one text only where they are shown.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};

use crate::text;

/// Why something failed, for a person who has to act.
///
/// Its text is [`fmt::Display`]. Two faults are equal where a person would be told the same, and the same fault at another
/// time where [`Fault::kind`] is equal.
#[derive(Clone, Debug, Eq, Serialize)]
pub struct Fault {
    /// The side on which it happened, where it was one of the two.
    pub side: Option<Side>,
    /// What was being done, such as `read manifest`.
    pub operation: &'static str,
    /// What went wrong, as a word for programs: the registry's own code or status, AWS' code, or one of ours.
    pub code: Cow<'static, str>,
    /// What failed and what the other side said. Details may have lines of their own.
    pub what: String,
    /// What to do about it, where that is known. It may have several lines.
    pub hint: Option<String>,
    /// By this id, AWS or the registry finds the request in its own logs.
    pub request_id: Option<String>,
    /// Whether it may pass by itself, so that trying again is worth it.
    #[serde(skip)]
    pub is_transient: bool,
}

/// One of the two sides of a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where images come from.
    Source,
    /// Where they go.
    Target,
}

/// What is the same each time a fault occurs: not the addresses, digests, times, counts and request ids in its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    side: Option<Side>,
    operation: &'static str,
    code: Cow<'static, str>,
}

impl Fault {
    /// An error that ended an operation, told with all its causes.
    pub fn new(operation: &'static str, code: impl Into<Cow<'static, str>>, error: &dyn Error) -> Self {
        let what = text::chain(error);
        Self {
            side: None,
            operation,
            code: code.into(),
            what,
            hint: None,
            request_id: None,
            is_transient: false,
        }
    }

    /// The same, which may pass by itself or not.
    #[must_use]
    pub fn transient(self, is_transient: bool) -> Self {
        Self { is_transient, ..self }
    }

    /// The same on this side; `request_id` is that of the request that failed, where it has one.
    #[must_use]
    pub fn at(self, side: Side, request_id: Option<&str>) -> Self {
        Self { side: Some(side), request_id: request_id.map(str::to_owned), ..self }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_hint(self, hint: Option<&str>) -> Self {
        Self { hint: hint.map(str::to_owned), ..self }
    }

    /// What failed, without the details that may stand in lines below it.
    pub fn headline(&self) -> &str {
        self.what.lines().next().unwrap_or_default()
    }

    /// Equal where the same fails again.
    pub fn kind(&self) -> Kind {
        Kind { side: self.side, operation: self.operation, code: self.code.clone() }
    }

    /// For documents in which an error is its text.
    pub fn as_text<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    /// The same where there may be none.
    pub fn as_text_or_none<S: Serializer>(fault: &Option<Self>, serializer: S) -> Result<S::Ok, S::Error> {
        fault.as_ref().map(Self::to_string).serialize(serializer)
    }
}

impl Fault {
    /// All but the id of the request: each has its own.
    fn told(&self) -> impl Eq + Hash + use<'_> {
        (self.side, self.operation, &self.code, &self.what, &self.hint)
    }
}

impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        self.told() == other.told()
    }
}

impl Hash for Fault {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.told().hash(state);
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::with_hint(&self.what, self.hint.as_deref()))
    }
}

impl Side {
    /// Its name, as logs have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// Faults for tests, of the text that is shown.
#[cfg(test)]
pub(crate) fn sample(text: &str) -> Fault {
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Sample(String);
    let code = text.split(' ').next().unwrap_or_default().to_owned();
    let (what, hint) = text.split_once("\nhint: ").map_or((text, None), |(what, hint)| (what, Some(hint)));
    Fault::new("test", code, &Sample(what.to_owned())).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_shown_as_its_error_was_and_its_hint_is_apart() {
        let text = "503 try later\nhint: wait\n  or do not";
        let fault = sample(text);
        assert_eq!(
            (fault.what.as_str(), fault.hint.as_deref()),
            ("503 try later", Some("wait\n  or do not"))
        );
        assert_eq!(fault.to_string(), text);
    }

    #[test]
    fn what_the_other_side_says_is_no_hint() {
        #[derive(Debug, thiserror::Error)]
        #[error("it says\nhint: pay me")]
        struct Lying;
        let fault = Fault::new("test", "x", &Lying);
        assert_eq!((fault.headline(), fault.hint.as_deref()), ("it says", None));
    }

    #[test]
    fn the_same_fault_at_another_time_is_of_one_kind_and_not_equal() {
        let one = sample("503 try later (AWS request id 7f3a-1)").at(Side::Target, Some("7f3a-1"));
        let other = sample("503 try later (AWS request id 0b2c-9)").at(Side::Target, Some("0b2c-9"));
        assert_eq!(one.kind(), other.kind());
        assert_ne!(one, other);
        assert_eq!(one, one.clone().at(Side::Target, Some("0b2c-9")));
        assert_ne!(one.kind(), sample("500 broken").at(Side::Target, None).kind());
        assert_ne!(one.kind(), sample("503 try later").at(Side::Source, None).kind());
    }

    #[test]
    fn the_document_of_a_fault() {
        let fault = sample("503 try later\nhint: wait").at(Side::Target, Some("7f3a-1"));
        insta::assert_json_snapshot!(fault, @r#"
        {
          "side": "target",
          "operation": "test",
          "code": "503",
          "what": "503 try later",
          "hint": "wait",
          "request_id": "7f3a-1"
        }
        "#);
    }
}
