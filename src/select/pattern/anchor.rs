//! Whether `match` finds other versions than the one that it spells, for want of an anchor.

use std::fmt;

use regex::bytes::Regex;
use regex_syntax::ast;

use crate::oci::Tag;
use crate::select::pattern::compile::{compile, escape};
use crate::select::pattern::sample::sample;
use crate::select::rule::Rule;
use crate::select::selection::Selection;

/// So many tags are named.
const NAMED: usize = 3;

/// A `match` with a number at an edge that has no anchor, so that it is found within longer numbers: `1.2.3` within
/// `11.2.3`. `Display` says what it also matches, and what to write.
///
/// Such a pattern may be meant so. One that begins or ends with anything else than a digit, such as `-jdk$`, is.
#[derive(Clone, Debug)]
pub struct Unanchored {
    /// Tags that it matches, and would not with its anchors.
    examples: Vec<String>,
    /// The pattern with both anchors.
    anchored: String,
    /// The pattern with an end at which no number goes on, where it has its beginning.
    bounded: Option<String>,
    whole: Regex,
}

/// A rule whose `match` is not anchored, in the light of a list of tags.
#[derive(Clone, Debug)]
pub struct Note {
    rule: usize,
    pattern: String,
    what: Unanchored,
    /// The tags that the rule selects for want of an anchor.
    pub selected: Vec<Tag>,
}

impl Unanchored {
    /// `None` where the rule has its anchors, needs none, or names what it wants.
    pub fn find(rule: &Rule) -> Option<Self> {
        let pattern = rule.pattern()?;
        let sample = sample(pattern)?;
        let whole = compile(&format!(r"\A(?:{pattern})\z")).ok()?;
        // What is found for want of this anchor alone.
        let finds = |framed: String, text: &String| {
            let is_framed = || compile(&framed).is_ok_and(|framed| framed.is_match(text.as_bytes()));
            text.parse::<Tag>().is_ok() && rule.finds(text) && !whole.is_match(text.as_bytes()) && is_framed()
        };
        let (begun, ended) = (format!(r"\A(?:{pattern})"), format!(r"(?:{pattern})\z"));
        let has_digit = |edge: Option<char>| edge.is_some_and(|edge| edge.is_ascii_digit());
        let before = has_digit(sample.chars().next()).then(|| format!("1{sample}"));
        let before = before.filter(|text| finds(ended, text));
        let after = has_digit(sample.chars().last()).then(|| format!("{sample}1"));
        let after = after.filter(|text| finds(begun.clone(), text));
        let below = after.as_ref().map(|_| format!("{sample}.1")).filter(|text| finds(begun, text));
        let is_begun = pattern.starts_with('^') && before.is_none();
        let bounded = below
            .as_ref()
            .filter(|_| is_begun && !has_ways(pattern))
            .map(|_| format!(r"^{}\b", body(pattern)));
        let mut examples: Vec<_> = [before, after, below].into_iter().flatten().collect();
        examples.dedup();
        (!examples.is_empty()).then(|| Self { examples, anchored: anchored(pattern), bounded, whole })
    }
}

impl Selection {
    /// What there is to know of rules whose `match` is not anchored. `rules` are those that made the selection.
    pub fn notes(&self, rules: &[Rule]) -> Vec<Note> {
        let note = |(index, rule): (usize, &Rule)| {
            let (pattern, what) = (rule.pattern()?.to_owned(), Unanchored::find(rule)?);
            let selected = self.selected().filter(|verdict| verdict.selected_by().any(|rule| rule == index));
            let strays = selected
                .map(|verdict| &verdict.tag)
                .filter(|tag| !what.whole.is_match(tag.as_str().as_bytes()));
            let selected = strays.cloned().collect();
            Some(Note { rule: index, pattern, what, selected })
        };
        rules.iter().enumerate().filter_map(note).collect()
    }
}

impl fmt::Display for Unanchored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { examples, anchored, bounded, .. } = self;
        write!(
            f,
            "not anchored: it also matches `{}`; `{anchored}` matches none of these",
            examples.join("`, `")
        )?;
        match (bounded, examples.last()) {
            (Some(bounded), Some(below)) => write!(f, ", `{bounded}` only `{below}`"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, pattern, what, selected } = self;
        write!(f, "tags[{rule}] (match {pattern}) is {what}")?;
        let named: Vec<_> = selected.iter().take(NAMED).map(Tag::as_str).collect();
        if !named.is_empty() {
            write!(f, "; selected by that: {}", named.join(", "))?;
        }
        if selected.len() > NAMED {
            write!(f, " and {} more", selected.len() - NAMED)?;
        }
        Ok(())
    }
}

/// The pattern with both anchors. One that is the name of a tag means its dots.
fn anchored(pattern: &str) -> String {
    let body = body(pattern);
    if has_ways(pattern) { format!("^({body})$") } else { format!("^{body}$") }
}

/// The pattern without the anchors that it has.
fn body(pattern: &str) -> String {
    let body = pattern.strip_prefix('^').unwrap_or(pattern);
    let unended = body
        .strip_suffix('$')
        .filter(|rest| rest.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 0);
    let body = unended.unwrap_or(body);
    if body.parse::<Tag>().is_ok() { escape(body) } else { body.to_owned() }
}

/// Whether it is several patterns with `|` between them.
fn has_ways(pattern: &str) -> bool {
    matches!(ast::parse::Parser::new().parse(pattern), Ok(ast::Ast::Alternation(_)))
}
