//! `${NAME}` and `${NAME:-default}` in values.
//!
//! - `${NAME:-default}` gives the default when the variable is unset or empty, as in a shell. The default reaches to
//!   the next `}`.
//! - `$${NAME}` gives a literal `${NAME}`.
//! - Any other `$` stays as it is: regular expressions end in one (`^21$`), and `$` before a repetition (`a${2}`) or
//!   a space is no variable. A `${` with a letter or `_` behind it can only be meant as a variable (as a regular
//!   expression it would be wrong), so one that is not finished is a fault rather than part of a password.
//!
//! What a variable holds is put in as it is: it is not searched for variables and not read as YAML.

use std::ffi::OsString;

/// Why a text's variables cannot be filled in. Never holds what a variable holds.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum VariableError {
    #[error("the environment variable `{0}` is not set: set it, or give a default as in `${{{0}:-default}}`")]
    Unset(String),
    #[error("the environment variable `{0}` is set but is not UTF-8")]
    NotUtf8(String),
    #[error(
        "a `${{` that is not finished: write `${{NAME}}` or `${{NAME:-default}}` (the default without `}}` and `${{`), \
         or `$${{` for the two characters themselves"
    )]
    Unfinished,
}

/// A text with its variables filled in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) text: String,
    /// The names of variables that gave nothing.
    pub(super) empty: Vec<String>,
}

/// The text with its variables filled in; none when it holds nothing to replace.
pub(super) fn replace(
    text: &str,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<Replaced>, VariableError> {
    let mut replaced = String::new();
    let mut empty = Vec::new();
    let mut rest = text;
    let mut is_changed = false;
    while let Some((before, inside)) = rest.split_once("${") {
        rest = inside;
        if !inside.starts_with(starts_name) {
            replaced.extend([before, "${"]);
            continue;
        }
        is_changed = true;
        if let Some(before) = before.strip_suffix('$') {
            replaced.extend([before, "${"]);
            continue;
        }
        let (name, value, after) = value(inside, env)?;
        replaced.extend([before, &value]);
        if value.is_empty() {
            empty.push(name.to_owned());
        }
        rest = after;
    }
    replaced.push_str(rest);
    Ok(is_changed.then_some(Replaced { text: replaced, empty }))
}

fn starts_name(letter: char) -> bool {
    letter.is_ascii_alphabetic() || letter == '_'
}

/// The name that `inside` starts with, the value of this variable, and what follows its `}`.
fn value<'a>(
    inside: &'a str,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<(&'a str, String, &'a str), VariableError> {
    let (expression, after) = inside.split_once('}').ok_or(VariableError::Unfinished)?;
    let is_part_of_name = |letter: char| starts_name(letter) || letter.is_ascii_digit();
    let (name, default) = match expression.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (expression, None),
    };
    if !name.chars().all(is_part_of_name) || default.is_some_and(|default| default.contains("${")) {
        return Err(VariableError::Unfinished);
    }
    let value = env(name).map(OsString::into_string).transpose();
    let value = value.map_err(|_| VariableError::NotUtf8(name.to_owned()))?;
    let value = match (value, default) {
        (None, None) => return Err(VariableError::Unset(name.to_owned())),
        (Some(value), None) => value,
        (Some(value), Some(_)) if !value.is_empty() => value,
        (_, Some(default)) => default.to_owned(),
    };
    Ok((name, value, after))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn filled_in(text: &str) -> Result<Option<String>, VariableError> {
        Ok(replaced(text)?.map(|replaced| replaced.text))
    }

    fn replaced(text: &str) -> Result<Option<Replaced>, VariableError> {
        let env = |name: &str| match name {
            "NAME" => Some("value".into()),
            "_2" => Some("${NAME}".into()),
            "EMPTY" => Some(OsString::new()),
            "BYTES" => Some(OsStr::from_bytes(b"hunter2\xff").to_owned()),
            _ => None,
        };
        replace(text, &env)
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(filled_in(text), Ok(Some(expected.to_owned())));
    }

    #[test]
    fn variables_are_filled_in_once() {
        check("${NAME}", "value");
        check("a ${NAME}${NAME} b", "a valuevalue b");
        check("${_2}", "${NAME}");
        check("${EMPTY}", "");
    }

    #[test]
    fn a_default_stands_for_what_is_unset_or_empty() {
        check("${UNSET:-a:-b: {c}", "a:-b: {c");
        check("${EMPTY:-x}", "x");
        check("${NAME:-x}", "value");
        check("${UNSET:-}", "");
    }

    #[test]
    fn variables_that_give_nothing_are_named() {
        let empty = replaced("${EMPTY}/${NAME}/${UNSET:-}").unwrap().unwrap().empty;
        assert_eq!(empty, ["EMPTY", "UNSET"]);
    }

    #[test]
    fn regular_expressions_stay_as_they_are() {
        for text in ["^21$", "a{2}$", "a${2}", "^(a|b$)$", "$", "$$", "cost $5", "${}", "${ NAME }", "$NAME"]
        {
            assert_eq!(filled_in(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_second_dollar_keeps_a_variable_from_being_one() {
        check("$${NAME}", "${NAME}");
        check("$${NAME", "${NAME");
        check("a$$${NAME} ${NAME}", "a$${NAME} value");
    }

    #[test]
    fn a_variable_that_is_not_text_is_not_unset() {
        let error = filled_in("${BYTES:-x}").unwrap_err().to_string();
        assert_eq!(error, "the environment variable `BYTES` is set but is not UTF-8");
    }

    #[test]
    fn what_cannot_be_filled_in_is_a_fault() {
        assert_eq!(filled_in("${UNSET}"), Err(VariableError::Unset("UNSET".to_owned())));
        for text in ["${NAME", "${NAME-x}", "${NAME:?x}", "${NA ME}", "${A:-${NAME}}", "${NAME:-x"] {
            assert_eq!(filled_in(text), Err(VariableError::Unfinished), "{text}");
        }
    }
}
