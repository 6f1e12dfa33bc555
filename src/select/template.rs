//! Names in the target, made of tags: `{line}-newest`.

use std::fmt;

use crate::oci::Tag;

/// What stands for the tag itself.
const TAG: &str = "tag";
/// Longer tags are refused (OCI distribution specification).
const NAME_MAX_BYTES: usize = 128;

/// A name in the target with places for parts of the tag.
#[derive(Clone, Debug)]
pub(super) struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Tag,
    /// A group of `match`, by its index.
    Group(usize),
}

/// What is wrong with a template.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum TemplateError {
    /// A brace without its other half.
    #[error("a `{{` without its `}}`, or the other way round: write `{{tag}}` or a named group of `match`")]
    Brace,
    /// Nothing of this name.
    #[error("`{{{0}}}` is neither `{{tag}}` nor a named group of `match`")]
    Unknown(String),
    /// `{tag}` where there is none.
    #[error(
        "there is no tag where an image is named by its digest alone: add `tag`, or write a name without `{{tag}}`"
    )]
    NoTag,
    /// Whatever the tag is, this is none.
    #[error(
        "can never be a tag: at most 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`"
    )]
    NoName,
}

/// Why a tag can have no such name in the target.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameFault {
    /// A group took no part in the match.
    #[error("`as: {template}` has no name for {tag}: a group of `match` in it matched nothing there")]
    Empty {
        /// `as`.
        template: String,
        /// The source's tag.
        tag: Tag,
    },
    /// It makes no tag.
    #[error(
        "`as: {template}` makes `{name}` of {tag}, which is no tag: at most 128 letters, digits, `_`, `.` and `-`, \
             not starting with `.` or `-`"
    )]
    NoTag {
        /// `as`.
        template: String,
        /// What came of it.
        name: String,
        /// The source's tag.
        tag: Tag,
    },
}

impl Template {
    /// Reads a template; `find` gives the index of a group, `has_tag` says whether there is a tag to be named.
    pub(super) fn parse(
        text: &str,
        find: impl Fn(&str) -> Option<usize>,
        has_tag: bool,
    ) -> Result<Self, TemplateError> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (group, after) = after.split_once('}').ok_or(TemplateError::Brace)?;
            parts.extend(literal(before)?);
            parts.push(match find(group) {
                _ if group == TAG && has_tag => Part::Tag,
                _ if group == TAG => return Err(TemplateError::NoTag),
                Some(index) => Part::Group(index),
                None => return Err(TemplateError::Unknown(group.to_owned())),
            });
            rest = after;
        }
        parts.extend(literal(rest)?);
        let template = Self { text: text.to_owned(), parts };
        // With one letter for each part it has to be a name.
        let sample = template.render("a", |_| "a");
        if sample.parse::<Tag>().is_err() || sample.len() > NAME_MAX_BYTES {
            return Err(TemplateError::NoName);
        }
        Ok(template)
    }

    /// Whether it may give a name: false only where it never does.
    pub(super) fn may_give(&self, name: &str) -> bool {
        let fits = |part: Option<&Part>, fits: fn(&str, &str) -> bool| match part {
            Some(Part::Text(text)) => fits(name, text),
            Some(Part::Tag | Part::Group(_)) | None => true,
        };
        fits(self.parts.first(), |name, text| name.starts_with(text))
            && fits(self.parts.last(), |name, text| name.ends_with(text))
    }

    /// Whether any group is part of it.
    pub(super) fn has_groups(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Group(_)))
    }

    /// The name without a tag; [`Template::parse`] made sure that it is one.
    pub(super) fn fixed(&self) -> Option<Tag> {
        self.render("", |_| "").parse().ok()
    }

    /// The name of a tag, of which `group` gives the groups.
    pub(super) fn name<'a>(
        &self,
        tag: &'a Tag,
        group: impl Fn(usize) -> Option<&'a str>,
    ) -> Result<Tag, NameFault> {
        let is_empty =
            |part: &Part| matches!(part, Part::Group(index) if group(*index).is_none_or(str::is_empty));
        if self.parts.iter().any(is_empty) {
            return Err(NameFault::Empty { template: self.text.clone(), tag: tag.clone() });
        }
        let name = self.render(tag.as_str(), |index| group(index).unwrap_or_default());
        name.parse().map_err(|_| NameFault::NoTag { template: self.text.clone(), name, tag: tag.clone() })
    }

    fn render<'a>(&self, tag: &'a str, group: impl Fn(usize) -> &'a str) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Tag => tag.to_owned(),
            Part::Group(index) => group(*index).to_owned(),
        };
        self.parts.iter().map(text).collect()
    }
}

fn literal(text: &str) -> Result<Option<Part>, TemplateError> {
    if text.contains('}') {
        return Err(TemplateError::Brace);
    }
    Ok((!text.is_empty()).then(|| Part::Text(text.to_owned())))
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Template, TemplateError> {
        Template::parse(text, |group| (group == "line").then_some(1), true)
    }

    #[track_caller]
    fn check(template: &str, tag: &str, line: Option<&str>, expected: Result<&str, &str>) {
        let name = parse(template).unwrap().name(&tag.parse().unwrap(), |_| line);
        match (name, expected) {
            (Ok(name), Ok(expected)) => assert_eq!(name.as_str(), expected),
            (Err(fault), Err(words)) => assert!(fault.to_string().contains(words), "{fault}"),
            (name, expected) => panic!("{name:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_name_is_made_of_the_tag_and_its_groups() {
        check("{tag}", "21.0.7", None, Ok("21.0.7"));
        check("enterprise-{tag}", "19.3", None, Ok("enterprise-19.3"));
        check("{line}-newest", "21.0.7", Some("21"), Ok("21-newest"));
        check("{line}.{line}_{tag}", "x", Some("1"), Ok("1.1_x"));
        check("stable", "21.0.7", None, Ok("stable"));
    }

    #[test]
    fn what_is_no_name_fails_for_the_tag_alone() {
        check("{line}-newest", "21.0.7", None, Err("matched nothing"));
        check("{line}-newest", "21.0.7", Some(""), Err("matched nothing"));
        check("{tag}-mirror", &"x".repeat(125), None, Err("which is no tag"));
        check("{line}x", "x", Some("."), Err("`.x`"));
    }

    #[test]
    fn what_can_never_be_a_name_is_refused_at_once() {
        for (text, expected) in [
            ("{tag", TemplateError::Brace),
            ("tag}", TemplateError::Brace),
            ("{version}", TemplateError::Unknown("version".to_owned())),
            ("", TemplateError::NoName),
            ("-{tag}", TemplateError::NoName),
            ("a b", TemplateError::NoName),
            ("a/{tag}", TemplateError::NoName),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected, "{text}");
        }
        let without_tag = |text| Template::parse(text, |_| None, false);
        assert_eq!(without_tag("{tag}").unwrap_err(), TemplateError::NoTag);
        assert_eq!(without_tag("pinned").unwrap().fixed().unwrap().as_str(), "pinned");
    }
}
