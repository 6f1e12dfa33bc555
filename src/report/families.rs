//! What kinds of tags a repository has, as a table.

use std::io;
use std::io::Write;

use crate::report::table::{Look, Table};
use crate::select::{Families, Family, examples};

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

#[cfg(test)]
mod tests {
    use crate::oci::Tag;
    use crate::report::samples::text;
    use crate::select;

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
}
