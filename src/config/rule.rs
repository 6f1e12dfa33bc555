//! Rules: which tags a mirror takes.

use semver::{Comparator, Op, VersionReq};

use crate::config::raw;
use crate::oci::{Digest, Tag};
use crate::select;
use crate::yaml::{Document, Path};

/// Reads the rules of one mirror, each with its place.
///
/// A rule that selects nothing is a failure, unless it or its mirror, by `mirror_at_least: 0`, says otherwise.
pub(super) fn rules(
    raw: Option<Vec<(Path, raw::Rule)>>,
    mirror_at_least: Option<u64>,
    path: &Path,
    document: &mut Document,
) -> Vec<select::Rule> {
    let hint = "say which tags to mirror: under `tags:` an item such as `- match: ^21$`";
    let Some(raw) = document.required(raw, path, hint) else { return Vec::new() };
    if raw.is_empty() {
        document.report(path, format!("empty: {hint}"));
    }
    let rule = |(path, raw): (Path, raw::Rule)| {
        let is_named = |key| document.is_removed(&path.key(key));
        if raw.tag.is_some() || raw.digest.is_some() || is_named("tag") || is_named("digest") {
            return named(raw, &path, document);
        }
        let at_least = raw.at_least.or(mirror_at_least.filter(|&count| count == 0));
        matching(raw::Rule { at_least, ..raw }, &path, document)
    };
    raw.into_iter().filter_map(rule).collect()
}

/// Reads a rule that names a tag, a digest or both.
fn named(raw: raw::Rule, path: &Path, document: &mut Document) -> Option<select::Rule> {
    let by_match = [
        ("match", raw.r#match.is_some()),
        ("except", raw.except.is_some()),
        ("newest", raw.newest.is_some()),
        ("revisions", raw.revisions.is_some()),
        ("per", raw.per.is_some()),
        ("range", raw.range.is_some()),
        ("prereleases", raw.prereleases.is_some()),
        ("at_least", raw.at_least.is_some()),
    ];
    let by_match: Vec<_> = by_match.into_iter().filter(|(_, is_set)| *is_set).collect();
    for (key, _) in &by_match {
        let what = "has no meaning beside `tag` or `digest`, which name one image: write an item of its own";
        document.report_shown(&path.key(key), what);
    }
    let (tag, pinned) = match raw.tag.as_deref().map(|text| (text, text.split_once('@'))) {
        Some((_, Some((tag, digest)))) => (Some(tag.to_owned()), Some(digest.to_owned())),
        _ => (raw.tag, None),
    };
    if pinned.is_some() && raw.digest.is_some() {
        document.report(&path.key("digest"), "`tag` has a digest already");
    }
    let has_tag = tag.is_some();
    let tag = tag.and_then(|text| self::tag(&text, &path.key("tag"), document));
    let digest_path = path.key(if pinned.is_some() { "tag" } else { "digest" });
    let digest = pinned.or(raw.digest);
    let has_digest = digest.is_some();
    let digest = digest.and_then(|text| document.parsed::<Digest>(&text, &digest_path));
    if tag.is_some() != has_tag || digest.is_some() != has_digest || !by_match.is_empty() {
        return None;
    }
    let (names, is_list) = texts(raw.r#as);
    let immutable = raw.immutable.unwrap_or(false);
    let spec = select::Spec { tag, digest, names, immutable, ..select::Spec::default() };
    checked(spec, [false, is_list], path, document)
}

/// Reads a tag by its name. A pattern is most likely one whose key was forgotten.
fn tag(text: &str, path: &Path, document: &mut Document) -> Option<Tag> {
    let result = text.parse::<Tag>();
    if result.is_err() && text.contains(['^', '$', '*', '[', '(', '\\', '|', '+', '?']) {
        document.report(path, format!("`{text}` is not a tag: if it is a pattern, write `match: {text}`"));
        return None;
    }
    result.map_err(|error| document.report(path, error.to_string())).ok()
}

fn texts(raw: Option<raw::OneOrMore>) -> (Vec<String>, bool) {
    match raw {
        None => (Vec::new(), false),
        Some(raw::OneOrMore::One(text)) => (vec![text], false),
        Some(raw::OneOrMore::More(texts)) => (texts, true),
    }
}

/// Makes a rule. `is_list` says of `per` and `as` whether they were written as lists.
fn checked(
    spec: select::Spec,
    is_list: [bool; 2],
    path: &Path,
    document: &mut Document,
) -> Option<select::Rule> {
    let report = |error: select::RuleError| {
        let path = path.key(error.field());
        let path = match &error {
            select::RuleError::Per { index, .. } if is_list[0] => path.index(*index),
            select::RuleError::As { index, .. } if is_list[1] => path.index(*index),
            _ => path,
        };
        document.report(&path, error.to_string());
    };
    select::Rule::new(spec).map_err(|errors| errors.into_iter().for_each(report)).ok()
}

/// Reads a rule that chooses by a pattern.
fn matching(raw: raw::Rule, path: &Path, document: &mut Document) -> Option<select::Rule> {
    let newest_path = path.key("newest");
    let has_newest = raw.newest.is_some() || document.is_removed(&newest_path);
    let newest = document.count(raw.newest, &newest_path);
    let (per, is_list) = texts(raw.per);
    let (names, are_several) = texts(raw.r#as);
    if !per.is_empty() && !has_newest {
        document.report(&path.key("per"), "has no meaning without `newest`: say how many of each to keep");
    }
    let revisions_path = path.key("revisions");
    if raw.revisions.is_some() && !has_newest {
        document.report(&revisions_path, "has no meaning without `newest`: say how many versions to keep");
    }
    let revisions = document.count(raw.revisions, &revisions_path);
    let range = raw.range.and_then(|text| range(&text, &path.key("range"), document));
    let hint =
        "write a regular expression over the tag, such as `match: ^21$`, or a tag by its name: `tag: \"21\"`";
    let match_path = path.key("match");
    let pattern = document.required(raw.r#match, &match_path, hint)?;
    // An empty one would match every tag, and is most likely an empty variable.
    let pattern = document.text(Some(pattern), &match_path)?;
    let spec = select::Spec {
        pattern,
        names,
        except: raw.except,
        newest,
        revisions,
        per,
        range,
        prereleases: raw.prereleases.unwrap_or(false),
        immutable: raw.immutable.unwrap_or(false),
        at_least: raw.at_least.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
        ..select::Spec::default()
    };
    checked(spec, [is_list, are_several], path, document)
}

fn range(text: &str, path: &Path, document: &mut Document) -> Option<VersionReq> {
    let range = text.parse::<VersionReq>();
    let what = |error| format!("not a semver requirement such as `>=21, <26`: {error}");
    let range = range.map_err(|error| document.report(path, what(error))).ok()?;
    if is_empty(&range) {
        document.report(path, "no version is in this range: its bounds contradict one another");
        return None;
    }
    Some(range)
}

/// Whether `>` and `<` leave nothing between them. Other contradictions are not looked for.
fn is_empty(range: &VersionReq) -> bool {
    let bound = |bound: &Comparator| (bound.major, bound.minor.unwrap_or(0), bound.patch.unwrap_or(0));
    let bounds = |ops: [Op; 2]| range.comparators.iter().filter(move |bound| ops.contains(&bound.op));
    let lowest = bounds([Op::Greater, Op::GreaterEq]).map(bound).max();
    // `<=21` takes every 21.x, so that only `<` is sharp without its last numbers.
    let highest = bounds([Op::Less, Op::LessEq])
        .map(|upper| match (upper.op, upper.minor, upper.patch) {
            (Op::LessEq, None, _) => (upper.major.saturating_add(1), 0, 0),
            (Op::LessEq, Some(minor), None) => (upper.major, minor.saturating_add(1), 0),
            (Op::LessEq, Some(minor), Some(patch)) => (upper.major, minor, patch.saturating_add(1)),
            _ => bound(upper),
        })
        .min();
    lowest.zip(highest).is_some_and(|(lowest, highest)| lowest >= highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bounds_that_exclude_one_another_are_empty() {
        for (range, expected) in [
            (">=22, <21", true),
            (">=22, <22", true),
            (">21.0.3, <=21.0.2", true),
            (">=21, <22", false),
            (">=21, <=21", false),
            (">=21.0.3, <=21.0.3", false),
            ("<=21.0, >=21.0.9", false),
            ("^21", false),
            (">=21", false),
        ] {
            assert_eq!(is_empty(&range.parse().unwrap()), expected, "{range}");
        }
    }
}
