//! Warnings, and errors in full, below the tables: hints have several lines, and a cell has one.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::io::Write;

use crate::event::{Fault, MirrorSummary, TagSummary};
use crate::oci::Reference;

/// The most tags that are named with one error; the others are counted.
const NAMED_TAGS_MAX: usize = 3;

/// Writes every warning and every error of the mirrors, each once however many tags failed with it.
pub(super) fn write<'a>(
    out: &mut dyn Write,
    mirrors: impl Iterator<Item = &'a MirrorSummary> + Clone,
) -> io::Result<()> {
    for mirror in mirrors.clone() {
        for warning in &mirror.warnings {
            writeln!(out, "warning: {}: {warning}", mirror.name)?;
        }
    }
    for mirror in mirrors {
        if let Some(error) = &mirror.error {
            writeln!(out, "error: {}: {error}", mirror.name)?;
        }
        for Group { error, tags } in groups(&mirror.tags) {
            // What failed for all of them was told as the mirror's error.
            if mirror.error.as_ref() != Some(error) {
                writeln!(out, "error: {}{}: {error}", mirror.name, Tags(&tags))?;
            }
        }
    }
    Ok(())
}

struct Group<'a> {
    error: &'a Fault,
    tags: Vec<&'a Reference>,
}

/// The tags by their errors, in the order of the first of each.
fn groups(tags: &[TagSummary]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places = HashMap::new();
    for TagSummary { tag, error, .. } in tags {
        let Some(error) = error else { continue };
        let place = *places.entry(error).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.tags.push(tag),
            None => groups.push(Group { error, tags: vec![tag] }),
        }
    }
    groups
}

/// `:21.0.7`, or ` (21.0.7, 21.0.6 and 12 more)` for more than one tag.
struct Tags<'a>(&'a [&'a Reference]);

impl fmt::Display for Tags<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [tag] = self.0 {
            return write!(f, ":{tag}");
        }
        let (named, others) = self.0.split_at(self.0.len().min(NAMED_TAGS_MAX));
        let named: Vec<_> = named.iter().map(ToString::to_string).collect();
        write!(f, " ({}", named.join(", "))?;
        if !others.is_empty() {
            write!(f, " and {} more", others.len())?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Warning;
    use crate::event::fault;
    use crate::report::samples;

    use super::*;

    #[test]
    fn warnings_come_first() {
        let mut mirror = samples::mirror("java/jdk");
        mirror.error = Some(fault::sample("connection refused"));
        let warning = |rule| Warning { code: "lonely_variants", rule, message: "keeps much".to_owned() };
        mirror.warnings = vec![warning(Some("tags[1]".to_owned())), warning(None)];
        let mut out = Vec::new();
        write(&mut out, [&mirror].into_iter()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @"
        warning: java/jdk: tags[1]: keeps much
        warning: java/jdk: keeps much
        error: java/jdk: connection refused
        ");
    }

    #[test]
    fn an_error_of_many_tags_is_told_once_and_its_hint_stays_whole() {
        let mut mirror = samples::mirror("java/jdk");
        let denied =
            "source: cannot read the manifest: GET https://a.example/v2/x: 403 Forbidden\nhint: log in";
        mirror.error = Some(fault::sample(denied));
        mirror.tags = vec![samples::failed("21", denied)];
        mirror.tags.extend(["20", "19", "18", "17"].map(|tag| samples::failed(tag, "not started")));
        mirror.tags.push(samples::failed("16", "conflict"));
        let mut out = Vec::new();
        write(&mut out, [&mirror].into_iter()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @"
        error: java/jdk: source: cannot read the manifest: GET https://a.example/v2/x: 403 Forbidden
        hint: log in
        error: java/jdk (20, 19, 18 and 1 more): not started
        error: java/jdk:16: conflict
        ");
    }
}
