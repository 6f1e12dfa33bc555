//! Patterns of other tools as regular expressions that mean the same here.

use regex::Regex;

use crate::import::draft::{Choice, Rule};
use crate::select::escape;

/// A regular expression that other tools match against the whole text.
///
/// They put the anchors around it as it is: `a|b` is `^a|b$`.
pub(super) fn whole(pattern: &str) -> String {
    if pattern.contains('|') {
        return format!("^{pattern}$");
    }
    let start = pattern.strip_prefix('^').unwrap_or(pattern);
    let whole = start.strip_suffix('$').filter(|rest| !rest.ends_with('\\')).unwrap_or(start);
    let (from, whole) = match whole.strip_prefix(".*") {
        Some(rest) if !rest.starts_with('?') => ("", rest),
        _ => ("^", whole),
    };
    match whole.strip_suffix(".*") {
        Some(rest) if !rest.ends_with('\\') => format!("{from}{rest}"),
        _ => format!("{from}{whole}$"),
    }
}

/// The same as one that is not empty: what matches everything matches each letter.
pub(super) fn whole_tag(pattern: &str) -> String {
    match whole(pattern).as_str() {
        "" | "^" | "$" => ".".to_owned(),
        whole => whole.to_owned(),
    }
}

/// The one text that a regular expression means, where people write a name as one: `1.6.10`, `2\.7\.0`.
pub(super) fn name(pattern: &str) -> Option<String> {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let name = pattern.strip_suffix('$').unwrap_or(pattern).replace("\\.", ".");
    is_name(&name).then_some(name)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// One regular expression for several.
pub(super) fn any_of(patterns: &[String]) -> Option<String> {
    (!patterns.is_empty()).then(|| patterns.join("|"))
}

/// A rule for what a regular expression over whole tags allows: a tag by its name, where it is one.
pub(super) fn rule(pattern: &str) -> Rule {
    name(pattern).map_or_else(|| Rule::matching(whole_tag(pattern)), Rule::tag)
}

/// Whether a name is among what a regular expression leaves out. One that cannot be read leaves out nothing; `check`
/// tells of it.
pub(super) fn is_excepted(name: &str, except: Option<&str>) -> bool {
    except.and_then(|except| Regex::new(except).ok()).is_some_and(|except| except.is_match(name))
}

/// The repository that a regular expression means alone.
pub(super) fn path(pattern: &str) -> Option<String> {
    let path = pattern.strip_prefix('^').unwrap_or(pattern);
    let path = path.strip_suffix('$').unwrap_or(path).replace("\\.", ".");
    path.split('/').all(is_name).then_some(path)
}

/// The path below which a regular expression takes everything: `team` of `team/.*`, nothing of `.*`.
pub(super) fn below(pattern: &str) -> Option<String> {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let pattern = pattern.strip_suffix('$').unwrap_or(pattern);
    let path = pattern.strip_suffix(".*").or_else(|| pattern.strip_suffix(".+"))?;
    if path.is_empty() {
        return Some(String::new());
    }
    let path = path.strip_suffix('/')?.replace("\\.", ".");
    path.split('/').all(is_name).then_some(path)
}

/// The same rules without tags by their names: what is found need not have them.
pub(super) fn without_names(rules: Vec<Rule>) -> Vec<Rule> {
    let pattern = |rule: Rule| match &rule.choice {
        Choice::Named { tag: Some(tag), digest: None } => {
            Rule { choice: Rule::matching(format!("^{}$", escape(tag))).choice, ..rule }
        }
        _ => rule,
    };
    rules.into_iter().map(pattern).collect()
}

/// A shell's pattern as a regular expression over whole tags: `*`, `?`, `[…]` and `{a,b}`.
pub(super) fn glob(glob: &str) -> String {
    let mut pattern = String::new();
    let (mut groups, mut is_class) = (0, false);
    for letter in glob.chars() {
        match letter {
            ']' if is_class => {
                is_class = false;
                pattern.push(']');
            }
            '!' if pattern.ends_with('[') && is_class => pattern.push('^'),
            letter if is_class => pattern.push(letter),
            '[' => {
                is_class = true;
                pattern.push('[');
            }
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            '{' => {
                groups += 1;
                pattern.push_str("(?:");
            }
            '}' if groups > 0 => {
                groups -= 1;
                pattern.push(')');
            }
            ',' if groups > 0 => pattern.push('|'),
            letter if letter.is_ascii_punctuation() && !"-_/".contains(letter) => {
                pattern.extend(['\\', letter]);
            }
            letter => pattern.push(letter),
        }
    }
    // The alternatives are in groups, so the anchors are for all of them.
    if pattern.contains('|') { format!("^{pattern}$") } else { whole_tag(&pattern) }
}

/// Whether a shell's pattern is a name.
pub(super) fn is_literal(glob: &str) -> bool {
    is_name(glob)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_over_whole_tags_get_the_anchors_that_they_need() {
        let cases = [
            (r"v\d+", r"^v\d+$"),
            ("^v1$", "^v1$"),
            ("v0.*", "^v0"),
            (".*-rc", "-rc$"),
            (".*", "."),
            (".*-rc.*", "-rc"),
            ("a|b", "^a|b$"),
            (r"v1\.*", r"^v1\.*$"),
            (r"cost\$", r"^cost\$$"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(whole_tag(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_people_write_for_one_tag_is_its_name() {
        assert_eq!(name(r"2\.7\.0"), Some("2.7.0".to_owned()));
        assert_eq!(name("^latest$"), Some("latest".to_owned()));
        assert_eq!(name("1.6.10"), Some("1.6.10".to_owned()));
        for pattern in ["", "v.*", "[0-9]", "a|b", r"v\d"] {
            assert_eq!(name(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn globs_become_regular_expressions() {
        let cases = [
            ("*", "."),
            ("v*", "^v"),
            ("*-alpine", "-alpine$"),
            ("1.?", r"^1\..$"),
            ("v[0-9]*.[!a]", r"^v[0-9].*\.[^a]$"),
            ("{a,b}-*", "^(?:a|b)-.*$"),
            ("v1.2.3", r"^v1\.2\.3$"),
        ];
        for (text, expected) in cases {
            assert_eq!(glob(text), expected, "{text}");
        }
    }
}
