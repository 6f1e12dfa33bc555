//! What kinds of tags a repository has, as a table and as a configuration to paste.

use std::io;
use std::io::Write;
use std::num::NonZeroUsize;

use crate::oci::Tag;
use crate::report::table::{Look, Table};
use crate::select;
use crate::select::{Families, Family, Rule, Spec};

/// The most tags that are shown as examples of a kind.
const EXAMPLES: usize = 3;
/// The most families that get a rule in force; the rules of some more stand beside as comments.
const RULES: usize = 3;
const COMMENTED_RULES: usize = 12;
/// What a suggested rule keeps.
const NEWEST: usize = 3;
/// Stands where people write their own.
const EXAMPLE_TARGET: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

/// Writes a row for each variant, and what the other tags are.
pub fn families(
    out: &mut dyn Write,
    Families { families, others, decisions }: &Families,
    look: Look,
) -> io::Result<()> {
    let mut table = Table::new(look, ["VARIANT", "VERSIONS", "NEWEST", "READ AS", "OLDEST"]).align_right(1);
    for family in families {
        let (version, tag) = &family.newest;
        let read = match version.revision() {
            "" => version.to_string(),
            revision => format!("{version}, revision {revision}"),
        };
        let variant = if family.variant.is_empty() { "(none)" } else { &family.variant };
        table.row([variant.to_owned(), counts(family), tag.to_string(), read, family.oldest.1.to_string()]);
    }
    table.write(out)?;
    for (kind, tags) in others {
        writeln!(out, "without a version: {kind}: {} ({})", tags.len(), examples(tags))?;
    }
    decisions.iter().try_for_each(|decision| writeln!(out, "read by the list: {decision}"))
}

/// `12`, or `12 + 3 pre-releases`.
fn counts(family: &Family) -> String {
    match (family.versions, family.prereleases) {
        (versions, 0) => versions.to_string(),
        (versions, 1) => format!("{versions} + 1 pre-release"),
        (versions, prereleases) => format!("{versions} + {prereleases} pre-releases"),
    }
}

fn examples(tags: &[Tag]) -> String {
    let names: Vec<_> = tags.iter().take(EXAMPLES).map(Tag::as_str).collect();
    let more = if tags.len() > EXAMPLES { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

/// Writes a mirror of a repository with these tags, as an item of `mirrors`. Its comments say what its rules select.
pub fn suggestion(out: &mut dyn Write, source: &str, path: &str, tags: &[Tag]) -> io::Result<()> {
    let found = select::families(tags);
    writeln!(out, "  # {} tags; `tagferry tags {source} --families` shows how they are read", tags.len())?;
    writeln!(out, "  - source: {}", quoted(source)?)?;
    writeln!(out, "    target: {}", quoted(&format!("{EXAMPLE_TARGET}/{path}"))?)?;
    writeln!(out, "    tags:")?;
    let offered: Vec<_> = found.families.iter().filter(|family| family.versions > 0).collect();
    for (index, family) in offered.iter().take(RULES + COMMENTED_RULES).enumerate() {
        write_rule(out, family, tags, if index < RULES { "" } else { "# " })?;
    }
    if let Some(more) = offered.len().checked_sub(RULES + COMMENTED_RULES).filter(|more| *more > 0) {
        writeln!(out, "      # {more} more variants")?;
    }
    if offered.is_empty() {
        let name =
            tags.iter().map(Tag::as_str).min_by_key(|tag| (*tag != "latest", *tag)).unwrap_or("latest");
        let pattern = quoted(&format!("^{}$", select::escape(name)))?;
        writeln!(out, "      - match: {pattern}   # no tag has a version: name those that you want")?;
    }
    for (kind, tags) in &found.others {
        writeln!(out, "      # left out: {kind}: {} ({})", tags.len(), examples(tags))?;
    }
    Ok(())
}

/// Writes a rule for a family, or the comment that becomes one without its `prefix`.
fn write_rule(out: &mut dyn Write, family: &Family, tags: &[Tag], prefix: &str) -> io::Result<()> {
    let variant = if family.variant.is_empty() { "without a variant" } else { &family.variant };
    let (newest, oldest) = (&family.newest.1, &family.oldest.1);
    writeln!(out, "      # {variant}: {} from {oldest} to {newest}", versions(family.versions))?;
    let has_revisions = !family.newest.0.revision().is_empty();
    let spec = Spec {
        pattern: family.pattern.clone(),
        newest: NonZeroUsize::new(NEWEST),
        revisions: NonZeroUsize::new(1).filter(|_| has_revisions),
        ..Spec::default()
    };
    let Ok(rule) = Rule::new(spec) else { return Ok(()) };
    let selection = select::select(tags, &[rule]);
    let selected: Vec<_> = selection.selected().map(|verdict| verdict.tag.as_str()).collect();
    writeln!(out, "      {prefix}- match: {}", quoted(&family.pattern)?)?;
    writeln!(out, "      {prefix}  newest: {NEWEST}   # now {}", selected.join(", "))?;
    if has_revisions {
        writeln!(out, "      {prefix}  revisions: 1   # of each version the last build")?;
    }
    Ok(())
}

fn versions(count: usize) -> String {
    format!("{count} version{}", if count == 1 { "" } else { "s" })
}

/// A text as a value in YAML, in one line.
fn quoted(text: &str) -> io::Result<String> {
    let yaml = serde_yaml::to_string(text).map_err(io::Error::other)?;
    Ok(yaml.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use crate::report::samples::text;

    use super::*;

    const TAGS: &str = "21.0.11-oraclelinux9 21.0.10-oraclelinux9 25.0.3-oraclelinux9 25 25.0.2 25.0.3 21.0.11 26-ea \
                        8u491-b08 8u491-b10 8.6-754 8.5-753 latest main-1a2b3c4 pr-123 \
                        sha256-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.sig";

    fn tags() -> Vec<Tag> {
        TAGS.split_whitespace().map(|tag| tag.parse().unwrap()).collect()
    }

    #[test]
    fn each_variant_is_a_row_and_the_other_tags_are_named_for_what_they_are() {
        insta::assert_snapshot!(text(|out| families(out, &select::families(&tags()), Look::Plain)), @r"
        VARIANT                VERSIONS  NEWEST               READ AS  OLDEST
        (none)        8 + 1 pre-release  25.0.3               25.0.3   8.5-753
        oraclelinux9                  3  25.0.3-oraclelinux9  25.0.3   21.0.10-oraclelinux9
        without a version: names that move: 1 (latest)
        without a version: commits: 1 (main-1a2b3c4)
        without a version: proposed changes: 1 (pr-123)
        without a version: digests, signatures and attestations: 1 (sha256-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.sig)
        read by the list: `-N` behind the version (`8.5-753`) counts rebuilds: it is too large to be part of a name
        ");
    }

    #[test]
    fn a_suggestion_has_a_rule_for_each_variant() {
        insta::assert_snapshot!(text(|out| suggestion(out, "quay.io/a/b", "a/b", &tags())), @r"
        # 16 tags; `tagferry tags quay.io/a/b --families` shows how they are read
        - source: quay.io/a/b
          target: 123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b
          tags:
            # without a variant: 8 versions from 8.5-753 to 25.0.3
            - match: ^[0-9]+\.[0-9]+\.[0-9]+$
              newest: 3   # now 25.0.3, 25.0.2, 21.0.11
            # oraclelinux9: 3 versions from 21.0.10-oraclelinux9 to 25.0.3-oraclelinux9
            - match: ^[0-9]+\.[0-9]+\.[0-9]+-oraclelinux9$
              newest: 3   # now 25.0.3-oraclelinux9, 21.0.11-oraclelinux9, 21.0.10-oraclelinux9
            # left out: names that move: 1 (latest)
            # left out: commits: 1 (main-1a2b3c4)
            # left out: proposed changes: 1 (pr-123)
            # left out: digests, signatures and attestations: 1 (sha256-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.sig)
        ");
    }

    #[test]
    fn a_repository_without_versions_is_mirrored_by_name() {
        let tags = ["stable", "latest", "edge"].map(|tag| tag.parse().unwrap());
        insta::assert_snapshot!(text(|out| suggestion(out, "quay.io/a/b", "a/b", &tags)), @r"
        # 3 tags; `tagferry tags quay.io/a/b --families` shows how they are read
        - source: quay.io/a/b
          target: 123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b
          tags:
            - match: ^latest$   # no tag has a version: name those that you want
            # left out: names that move: 3 (edge, latest, stable)
        ");
    }
}
