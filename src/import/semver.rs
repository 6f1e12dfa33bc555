//! Requirements on versions in the words of other tools.
//!
//! They know versions of three numbers; a part after a hyphen is a pre-release there, whatever it means. Here `range` looks
//! at the three numbers, and the pattern beside it says which forms of tags are meant.

use crate::import::draft::{Pattern, Rule};
use crate::select::escape;

/// Up to three numbers, of which the tools add what is missing.
pub(super) const NUMBERS: &str = r"v?[0-9]+(\.[0-9]+){0,2}";
/// Exactly three.
pub(super) const THREE_NUMBERS: &str = r"v?[0-9]+\.[0-9]+\.[0-9]+";
/// What a version has behind its numbers.
const SUFFIX: &str = "(-.*)?";

/// When a tool takes versions with a part after a hyphen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffixes {
    /// Where each bound has such a part (Masterminds' semver).
    WhereNamed,
    /// Always.
    Always,
}

/// One bound: `>=1.2`.
struct Bound {
    operator: &'static str,
    /// Numbers, of which some may be missing or `*`.
    numbers: String,
    suffix: Option<String>,
}

/// Rules for the versions in a requirement, one for each of its alternatives (`||`). None where it cannot be read.
pub(super) fn rules(text: &str, numbers: &str, suffixes: Suffixes) -> Option<Vec<Rule>> {
    text.split("||").map(|text| rule(text, numbers, suffixes)).collect()
}

fn rule(text: &str, numbers: &str, suffixes: Suffixes) -> Option<Rule> {
    let bounds = bounds(text)?;
    if let [Bound { operator: "=", numbers, suffix: Some(suffix) }] = &bounds[..] {
        let exact = escape(&format!("{numbers}-{suffix}"));
        return Some(Rule::matching(format!("^v?{exact}$")));
    }
    let prereleases = match suffixes {
        Suffixes::Always => true,
        Suffixes::WhereNamed => bounds.iter().all(|bound| bound.suffix.is_some()),
    };
    let (excepted, bounds): (Vec<_>, Vec<_>) = bounds.iter().partition(|bound| bound.operator == "!=");
    let excepted: Vec<String> = excepted.into_iter().map(Bound::as_pattern).collect();
    let range: Vec<String> = bounds.iter().filter_map(|bound| bound.as_range()).collect();
    let suffix = if prereleases { SUFFIX } else { "" };
    let pattern = Pattern {
        regex: format!("^{numbers}{suffix}$"),
        except: (!excepted.is_empty()).then(|| excepted.join("|")),
        range: (!range.is_empty()).then(|| range.join(", ")),
        prereleases,
        ..Pattern::default()
    };
    let mut rule = Rule::of(pattern);
    if bounds.iter().any(|bound| bound.suffix.as_ref().is_some_and(|suffix| suffix != "0")) {
        rule.notes.push(
            "`range` compares the numbers alone: look at what is after the hyphen at its ends".to_owned(),
        );
    }
    Some(rule)
}

/// The bounds that all have to hold.
fn bounds(text: &str) -> Option<Vec<Bound>> {
    if let Some((low, high)) = text.split_once(" - ") {
        return Some(vec![
            Bound::parse(&format!(">={}", low.trim()))?,
            Bound::parse(&format!("<={}", high.trim()))?,
        ]);
    }
    // An operator may stand apart from its version.
    let mut words: Vec<String> = Vec::new();
    for word in text.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
        match words.last_mut().filter(|last| last.ends_with(['<', '>', '=', '~', '^', '!'])) {
            Some(operator) => operator.push_str(word),
            None => words.push(word.to_owned()),
        }
    }
    let bounds: Option<Vec<_>> = words.iter().map(|word| Bound::parse(word)).collect();
    bounds.filter(|bounds| !bounds.is_empty())
}

impl Bound {
    fn parse(text: &str) -> Option<Self> {
        let version = text.trim_start_matches(['<', '>', '=', '~', '^', '!']);
        let operator = match &text[..text.len() - version.len()] {
            "" | "=" | "==" => "=",
            ">" => ">",
            "<" => "<",
            ">=" | "=>" => ">=",
            "<=" | "=<" => "<=",
            "~" | "~>" => "~",
            "^" => "^",
            "!=" | "!" => "!=",
            _ => return None,
        };
        let version = version.strip_prefix('v').unwrap_or(version);
        let version = version.split_once('+').map_or(version, |(version, _)| version);
        let (numbers, suffix) = match version.split_once('-') {
            Some((numbers, suffix)) => (numbers, Some(suffix.to_owned())),
            None => (version, None),
        };
        let numbers = numbers.replace(['x', 'X'], "*");
        let is_number = |part: &str| part == "*" || part.parse::<u64>().is_ok();
        let is_right = numbers.split('.').count() <= 3 && numbers.split('.').all(is_number);
        is_right.then_some(Self { operator, numbers, suffix })
    }

    /// As `range` has it; none where every version is meant.
    fn as_range(&self) -> Option<String> {
        let Self { operator, numbers, suffix } = self;
        // Of `1.*.*` the crate wants the first wildcard alone.
        let numbers = numbers.find(".*").map_or(numbers.as_str(), |end| &numbers[..end]);
        if numbers == "*" {
            return None;
        }
        let operator = match (*operator, suffix) {
            // The version without the suffix is above the bound.
            (">", Some(_)) => ">=",
            ("<=", Some(_)) => "<",
            (operator, _) => operator,
        };
        Some(format!("{operator}{numbers}"))
    }

    /// As a pattern over whole tags.
    fn as_pattern(&self) -> String {
        let numbers = self.numbers.trim_end_matches(".*").replace('.', "\\.");
        match (&self.suffix, self.numbers.split('.').count()) {
            (Some(suffix), _) => format!("^v?{numbers}-{}$", suffix.replace('.', "\\.")),
            (None, 3) if !self.numbers.contains('*') => format!("^v?{numbers}$"),
            (None, _) => format!(r"^v?{numbers}(\.|$)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::import::draft::Choice;

    use super::*;

    /// The rules as `pattern [!except] [range] [+pre]`.
    fn shown(text: &str, suffixes: Suffixes) -> Option<Vec<String>> {
        let shown = |rule: Rule| {
            let Choice::Matching(pattern) = rule.choice else { panic!("a name") };
            let parts = [
                Some(pattern.regex.replace(NUMBERS, "N")),
                pattern.except.map(|except| format!("!{except}")),
                pattern.range.map(|range| format!("[{range}]")),
                pattern.prereleases.then(|| "+pre".to_owned()),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        rules(text, NUMBERS, suffixes).map(|rules| rules.into_iter().map(shown).collect())
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(shown(text, Suffixes::WhereNamed).unwrap(), expected, "{text}");
    }

    #[test]
    fn requirements_are_read_in_the_words_of_each_tool() {
        check(">= 1.31.0", &["^N$ [>=1.31.0]"]);
        check(">= v1.15 < 1.24", &["^N$ [>=1.15, <1.24]"]);
        check("3.12 - 3.13", &["^N$ [>=3.12, <=3.13]"]);
        check("= 3.7", &["^N$ [=3.7]"]);
        check("1.2.x || ^2", &["^N$ [=1.2]", "^N$ [^2]"]);
        check("~>1.2, !=1.2.3", &[r"^N$ !^v?1\.2\.3$ [~1.2]"]);
        check("*", &["^N$"]);
    }

    #[test]
    fn a_bound_with_a_suffix_takes_versions_that_have_one() {
        check(">= v3.5.4-0", &["^N(-.*)?$ [>=3.5.4] +pre"]);
        check("> 2.0.0-rc.1", &["^N(-.*)?$ [>=2.0.0] +pre"]);
        check(">=1.0.0-0 <2", &["^N$ [>=1.0.0, <2]"]);
        check("=1.2.3-rc.1", &[r"^v?1\.2\.3-rc\.1$"]);
        assert_eq!(shown(">=1 <2", Suffixes::Always).unwrap(), ["^N(-.*)?$ [>=1, <2] +pre"]);
    }

    #[test]
    fn what_cannot_be_read_is_none() {
        for text in ["", ">=", "latest", ">=1.2.3.4", "1 || "] {
            assert!(shown(text, Suffixes::Always).is_none(), "{text}");
        }
    }
}
