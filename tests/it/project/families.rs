//! The newest tags of strangers' repositories: `tests/field/tags` says what a person who knows the project would keep.
#![expect(clippy::print_stdout, reason = "the figures are what these tests are run for")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use tagferry::config::Config;
use tagferry::import::{Draft, suggest, write};
use tagferry::oci::Tag;
use tagferry::select::{Rule, Selection, Spec, Verdict, select};

/// Some tags of a repository, and which of them are the newest. The format is in `tests/field/tags/README.md`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    name: String,
    seen: String,
    r#match: Option<String>,
    tags: String,
    #[serde(default)]
    newest_1: String,
    #[serde(default)]
    newest_3: String,
    why: String,
}

/// Families that are read otherwise than by those who know them, and the rule that says how. `docs/versions.md` has
/// them, too.
fn misses() -> Vec<(&'static str, Spec)> {
    let matching = |pattern: &str| Spec { pattern: pattern.to_owned(), ..Spec::default() };
    vec![
        // One tag with `dev` beside its version: a flavour as likely as a pre-release.
        ("osixia/openldap", Spec { except: Some("-dev$".to_owned()), ..matching(".") }),
        // Lines that are patched beside one another.
        (
            "oracle/middleware-weblogic-cpu",
            Spec { per: vec!["line".to_owned()], ..matching(r"^(?<line>[0-9]+\.[0-9]+)\.") },
        ),
        // An alpha that is spelled as OpenSSL spells a fix.
        ("docker.io/rapidsai/base", Spec { except: Some("^[0-9.]+a-".to_owned()), ..matching(".") }),
        // Ubuntu's release behind the name of a channel.
        ("docker.io/cimg/base", matching("^[0-9]")),
        // A word that announces the commit, in one of two spellings.
        ("docker.io/supabase/studio", matching("^(?<version>[0-9.]+)-")),
        // Two counters, where there was one before.
        ("lscr.io/linuxserver/wireguard", matching("^1.*-r[0-9]+-ls")),
        // The base as a bare number behind a count.
        (
            "public.ecr.aws/eks-distro-build-tooling/eks-distro-minimal-base",
            matching(r"^(?<version>[0-9-]+)\.(?<variant>[0-9]+)$"),
        ),
        // A number in front that names hardware.
        (
            "ghcr.io/huggingface/text-embeddings-inference",
            matching(r"^((?<variant>[a-z0-9-]+)-)?(?<version>[0-9]+\.[0-9.]+)$"),
        ),
        // Two versions, each glued to a name.
        ("docker.io/timescale/timescaledb-ha-16", matching(r"^pg16\.[0-9]+-ts(?<version>[0-9.]+)$")),
    ]
}

/// The same of those in `aside`, which nothing was made to fit. One more that is lost, or won, shows.
fn misses_aside() -> Vec<(&'static str, Spec)> {
    let matching = |pattern: &str| Spec { pattern: pattern.to_owned(), ..Spec::default() };
    vec![
        // A number in the name of a flavour.
        (
            "docker.io/hasura/graphql-engine",
            matching(r"^v(?<version>[0-9.]+?)(?<variant>\.cli-migrations-v[0-9]+)?$"),
        ),
        // A flavour that is called as a pre-release.
        ("nvcr.io/nvidia/distroless/cc", matching(r"^v(?<version>[0-9.]+)(?<variant>-dev)?$")),
        // A second version behind the first, which moves on with it.
        ("nvcr.io/nvidia/l4t-pytorch", matching(r"^r(?<version>[0-9.]+)-pth(?<revision>[0-9.]+)-py3$")),
        (
            "registry.k8s.io/build-image/go-runner",
            matching(r"^v(?<version>[0-9.]+)-go(?<revision>[0-9.]+)-(?<variant>[a-z]+)\.[0-9]+$"),
        ),
    ]
}

/// The families of the files in a folder, none where there is no folder.
fn families(folder: &str) -> Vec<Family> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field/tags").join(folder);
    let mut families = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).unwrap();
            let read = serde_yaml::from_str::<Vec<Family>>(&text);
            families.extend(read.unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        }
    }
    families
}

impl Family {
    fn tags(&self) -> Vec<Tag> {
        self.tags.split_whitespace().map(|tag| tag.parse().unwrap()).collect()
    }

    /// What the newest so many versions are.
    fn newest(&self, count: usize) -> BTreeSet<&str> {
        let newest = if count == 1 { &self.newest_1 } else { &self.newest_3 };
        newest.split_whitespace().collect()
    }

    fn rule(&self) -> Spec {
        Spec { pattern: self.r#match.clone().unwrap_or_else(|| ".".to_owned()), ..Spec::default() }
    }

    /// What a rule with `newest` makes of it.
    fn select(&self, rule: Spec, newest: usize) -> Selection {
        let rule = Rule::new(Spec { newest: newest.try_into().ok(), ..rule }).unwrap();
        select(&self.tags(), &[rule])
    }

    fn is_right(&self, rule: &Spec) -> bool {
        [1, 3].into_iter().all(|newest| {
            let selection = self.select(rule.clone(), newest);
            let selected: BTreeSet<_> = selection.selected().map(|verdict| verdict.tag.as_str()).collect();
            let wanted = self.newest(newest);
            if selected != wanted {
                let more: Vec<_> = selected.difference(&wanted).collect();
                let fewer: Vec<_> = wanted.difference(&selected).collect();
                println!("{}, newest {newest}: kept {more:?}, left out {fewer:?}", self.name);
            }
            selected == wanted
        })
    }
}

/// The names of the families that are read otherwise. Says how many are right.
fn wrong(families: &[Family]) -> Vec<&str> {
    let wrong: Vec<_> = families
        .iter()
        .filter(|family| !family.is_right(&family.rule()))
        .map(|family| &*family.name)
        .collect();
    let tags: usize = families.iter().map(|family| family.tags().len()).sum();
    println!("{} of {} families with {tags} tags are right", families.len() - wrong.len(), families.len());
    wrong
}

/// At most so many of a hundred families may be read otherwise than by those who know them.
#[track_caller]
fn assert_few(wrong: &[&str], families: &[Family], percent: usize) {
    assert!(
        wrong.len() * 100 <= families.len() * percent,
        "{} of {}: {wrong:?}",
        wrong.len(),
        families.len()
    );
}

#[test]
fn the_newest_are_right_for_98_of_100_families() {
    let families = families("");
    let wrong = wrong(&families);
    assert_few(&wrong, &families, 2);
    assert_eq!(wrong.into_iter().collect::<BTreeSet<_>>(), known());
}

/// The names of [`misses`].
fn known() -> BTreeSet<&'static str> {
    misses().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn of_the_families_that_were_set_aside_all_but_these_are_right() {
    let families = families("aside");
    let wrong = wrong(&families);
    let known: BTreeSet<_> = misses_aside().into_iter().map(|(name, _)| name).collect();
    assert_eq!(wrong.into_iter().collect::<BTreeSet<_>>(), known);
}

#[test]
fn what_is_read_otherwise_can_be_said_by_hand() {
    let families: Vec<_> = ["", "aside"].into_iter().flat_map(families).collect();
    for (name, rule) in misses().into_iter().chain(misses_aside()) {
        let family = families.iter().find(|family| family.name == name).unwrap();
        assert!(family.is_right(&rule), "{name}");
    }
}

#[test]
fn families_are_whole() {
    let families: Vec<_> = ["", "aside"].into_iter().flat_map(families).collect();
    let mut names = BTreeSet::new();
    for family in &families {
        let Family { name, seen, why, .. } = family;
        assert!(names.insert(name), "{name} is there twice");
        assert!(!seen.is_empty() && !why.is_empty(), "{name}");
        let tags = family.tags();
        let tags: BTreeSet<_> = tags.iter().map(Tag::as_str).collect();
        let (one, three) = (family.newest(1), family.newest(3));
        assert!(one.is_subset(&three) && three.is_subset(&tags), "{name}");
    }
    let tags: usize = families.iter().map(|family| family.tags().len()).sum();
    assert!(families.len() >= 500 && tags >= 4000, "{} families with {tags} tags", families.len());
}

#[test]
fn what_keeps_too_much_is_doubted_and_what_is_right_is_not() {
    for family in families("") {
        let selection = family.select(family.rule(), 1);
        let more = selection.selected().count().saturating_sub(family.newest(1).len());
        let is_told = more == 0 || !selection.warnings.is_empty() || known().contains(&*family.name);
        assert!(is_told, "{} keeps {more} too many", family.name);
        if family.is_right(&family.rule()) {
            assert!(selection.warnings.is_empty(), "{}: {}", family.name, selection.warnings[0]);
        }
    }
}

#[test]
fn suggested_rules_select_what_is_said_beside_them() {
    let mut rules = 0;
    for family in families("") {
        let (mut draft, mut yaml) = (Draft::default(), Vec::new());
        suggest(&mut draft, "registry.test/a/b", "a/b", &family.tags());
        write(&mut yaml, draft).unwrap();
        let text = String::from_utf8(yaml).unwrap();
        // Rules that stand there as comments hold as well.
        let text = text.replace("      # - match:", "      - match:").replace("      #   ", "        ");
        let config = Config::parse("suggested.yaml", &text, &|_| None)
            .unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        let said = text.lines().filter_map(|line| line.split_once("# now ")).map(|(_, tags)| tags);
        let counting: Vec<_> =
            config.mirrors[0].rules.iter().filter(|rule| rule.to_string().contains("newest")).collect();
        assert_eq!(counting.len(), said.clone().count(), "{text}");
        for (rule, said) in counting.into_iter().zip(said) {
            let selection = select(&family.tags(), std::slice::from_ref(rule));
            let selected: Vec<_> = selection.selected().map(|verdict| verdict.tag.as_str()).collect();
            assert_eq!(selected.join(", "), said, "{}", family.name);
            assert!(!said.is_empty(), "{}: {rule}", family.name);
            rules += 1;
        }
    }
    assert!(rules > 500, "{rules}");
}

/// How a tag is read: version, revision, variant.
fn reading(verdict: &Verdict) -> Option<(String, &str, &str)> {
    let version = verdict.version.as_ref()?;
    Some((version.to_string(), version.revision(), &verdict.variant))
}

#[test]
fn one_tag_more_or_less_turns_no_reading_around_that_does_not_say_so() {
    let (mut readings, mut turned) = (0, 0);
    for family in families("") {
        let tags = family.tags();
        let rules = [Rule::new(family.rule()).unwrap()];
        let whole = select(&tags, &rules);
        for missing in &tags {
            let rest: Vec<_> = tags.iter().filter(|tag| *tag != missing).cloned().collect();
            let rest = select(&rest, &rules);
            for verdict in &rest.verdicts {
                let before = whole.verdicts.iter().find(|before| before.tag == verdict.tag).unwrap();
                readings += 1;
                if reading(before) != reading(verdict) {
                    turned += 1;
                    let says_so = !before.decisions.is_empty() || !verdict.decisions.is_empty();
                    assert!(says_so, "{}: {} without {missing}", family.name, verdict.tag);
                }
            }
        }
    }
    println!("{turned} of {readings} readings turn with one tag more or less");
    assert!(turned * 100 < readings, "{turned} of {readings}");
}
