//! What a scalar is when nobody says what is wanted.

use crate::yaml::node::Scalar;

/// What a plain scalar is when nobody says what is wanted (YAML's core schema, but digits that start with 0 stay
/// a text: they are account numbers, not octal ones).
pub(super) enum Resolved<'a> {
    Nothing,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

impl Scalar {
    pub(super) fn resolve(&self) -> Resolved<'_> {
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
        let unsigned = text.parse().map(Resolved::Unsigned);
        let signed = unsigned.or_else(|_| text.parse().map(Resolved::Signed));
        signed.or_else(|_| text.parse().map(Resolved::Float)).unwrap_or(Resolved::Text(text))
    }
}
