//! A mirror for a repository, by what kinds of tags it has.

use std::num::NonZeroUsize;

use crate::import::draft::{Draft, Mirror, Pattern, Rule};
use crate::import::image::Repository;
use crate::import::to::EXAMPLE_REGISTRY;
use crate::oci::Tag;
use crate::select;
use crate::select::{Family, Spec, examples};

/// The most families that get a rule in force; the rules of some more stand beside as comments.
const RULES: usize = 3;
const COMMENTED_RULES: usize = 12;
/// What a suggested rule keeps.
const NEWEST: u64 = 3;

/// Adds a mirror of a repository with these tags. Its comments say what its rules select.
pub fn suggest(draft: &mut Draft, source: &str, path: &str, tags: &[Tag]) {
    let found = select::families(tags);
    let offered: Vec<_> = found.families.iter().filter(|family| family.versions > 0).collect();
    let mut rules: Vec<Rule> = offered
        .iter()
        .take(RULES + COMMENTED_RULES)
        .enumerate()
        .map(|(index, family)| Rule { is_comment: index >= RULES, ..rule(family, tags) })
        .collect();
    if rules.is_empty() {
        let name =
            tags.iter().map(Tag::as_str).min_by_key(|tag| (*tag != "latest", *tag)).unwrap_or("latest");
        let remark = "no tag has a version: name those that you want".to_owned();
        rules.push(Rule { remark, ..Rule::tag(name) });
    }
    let more = offered.len().saturating_sub(RULES + COMMENTED_RULES);
    let more = (more > 0).then(|| format!("{more} more variants"));
    let left_out = found
        .others
        .iter()
        .map(|(kind, tags)| format!("left out: {kind}: {} ({})", tags.len(), examples(tags)));
    draft.note(format!("{EXAMPLE_REGISTRY} is an example: put your own there"));
    // A directory is a source as it is written.
    let source_repository = Repository::parse(source);
    let source_repository =
        source_repository.unwrap_or(Repository { host: source.to_owned(), path: String::new() });
    draft.mirrors.push(Mirror {
        notes: vec![format!(
            "{} tags; `tagferry tags {source} --families` shows how they are read",
            tags.len()
        )],
        source: source_repository,
        targets: vec![format!("{EXAMPLE_REGISTRY}/{path}")],
        rules,
        remarks: more.into_iter().chain(left_out).collect(),
        ..Mirror::default()
    });
}

/// A rule for a family, and what it selects now.
fn rule(family: &Family, tags: &[Tag]) -> Rule {
    let variant = if family.variant.is_empty() { "without a variant" } else { &family.variant };
    let (newest, oldest) = (&family.newest.1, &family.oldest.1);
    let has_revisions = !family.newest.0.revision().is_empty();
    let spec = Spec {
        pattern: family.pattern.clone(),
        newest: usize::try_from(NEWEST).ok().and_then(NonZeroUsize::new),
        revisions: NonZeroUsize::new(1).filter(|_| has_revisions),
        ..Spec::default()
    };
    let selected = select::Rule::new(spec).map_or_else(
        |_| Vec::new(),
        |rule| {
            let selection = select::select(tags, &[rule]);
            selection.selected().map(|verdict| verdict.tag.as_str().to_owned()).collect()
        },
    );
    let pattern = Pattern {
        regex: family.pattern.clone(),
        newest: Some((NEWEST, format!("now {}", selected.join(", ")))),
        last_revision: has_revisions,
        ..Pattern::default()
    };
    let versions =
        if family.versions == 1 { "1 version".to_owned() } else { format!("{} versions", family.versions) };
    Rule { notes: vec![format!("{variant}: {versions} from {oldest} to {newest}")], ..Rule::of(pattern) }
}

#[cfg(test)]
mod tests {
    use crate::import;

    use super::*;

    const TAGS: &str = "21.0.11-oraclelinux9 21.0.10-oraclelinux9 25.0.3-oraclelinux9 25 25.0.2 25.0.3 21.0.11 26-ea \
                        8u491-b08 8u491-b10 8.6-754 8.5-753 latest main-1a2b3c4 pr-123 \
                        sha256-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.sig";

    fn tags(names: &str) -> Vec<Tag> {
        names.split_whitespace().map(|name| name.parse().unwrap()).collect()
    }

    /// What is suggested for these repositories.
    fn suggested(repositories: &[(&str, &str)]) -> String {
        let mut draft = Draft::default();
        for (source, names) in repositories {
            suggest(&mut draft, source, source.split_once('/').unwrap().1, &tags(names));
        }
        let mut out = Vec::new();
        import::write(&mut out, draft).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_suggestion_has_a_rule_for_each_variant() {
        insta::assert_snapshot!(suggested(&[("quay.io/a/b", TAGS)]), @r"
    # 123456789012.dkr.ecr.us-east-1.amazonaws.com is an example: put your own there
    mirrors:
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
        insta::assert_snapshot!(suggested(&[("quay.io/a/b", "stable latest edge")]), @"
    # 123456789012.dkr.ecr.us-east-1.amazonaws.com is an example: put your own there
    mirrors:
      # 3 tags; `tagferry tags quay.io/a/b --families` shows how they are read
      - source: quay.io/a/b
        target: 123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b
        tags:
          - latest   # no tag has a version: name those that you want
          # left out: names that move: 3 (edge, latest, stable)
    ");
    }

    #[test]
    fn several_repositories_have_one_target_and_names_where_they_need_them() {
        let repositories =
            [("quay.io/a/b", "1.0 1.1"), ("ghcr.io/a/b", "1.0 1.2"), ("ghcr.io/a/c", "latest edge")];
        insta::assert_snapshot!(suggested(&repositories), @r"
    # 123456789012.dkr.ecr.us-east-1.amazonaws.com is an example: put your own there
    defaults:
      target: 123456789012.dkr.ecr.us-east-1.amazonaws.com/{path}
    mirrors:
      # 2 tags; `tagferry tags quay.io/a/b --families` shows how they are read
      - source: quay.io/a/b
        tags:
          # without a variant: 2 versions from 1.0 to 1.1
          - match: ^[0-9]+\.[0-9]+$
            newest: 3   # now 1.1, 1.0
      # 2 tags; `tagferry tags ghcr.io/a/b --families` shows how they are read
      - source: ghcr.io/a/b
        name: ghcr.io/a/b
        tags:
          # without a variant: 2 versions from 1.0 to 1.2
          - match: ^[0-9]+\.[0-9]+$
            newest: 3   # now 1.2, 1.0
      # 2 tags; `tagferry tags ghcr.io/a/c --families` shows how they are read
      - source: ghcr.io/a/c
        tags:
          - latest   # no tag has a version: name those that you want
          # left out: names that move: 2 (edge, latest)
    ");
    }
}
