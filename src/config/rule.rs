//! Rules: which tags a mirror takes.

use semver::{Comparator, Op, VersionReq};

use crate::config::raw;
use crate::select;
use crate::yaml::{Document, Path};

/// Reads the rules of one mirror.
///
/// A rule that selects nothing is a failure, unless it or its mirror, by `mirror_at_least: 0`, says otherwise.
pub(super) fn rules(
    raw: Option<Vec<raw::Rule>>,
    mirror_at_least: Option<u64>,
    path: &Path,
    document: &mut Document,
) -> Vec<select::Rule> {
    let hint = "say which tags to mirror: under `tags:` an item such as `- match: ^21$`";
    let Some(raw) = document.required(raw, path, hint) else { return Vec::new() };
    if raw.is_empty() {
        document.report(path, format!("empty: {hint}"));
    }
    let with_default = |raw: raw::Rule| raw::Rule {
        at_least: raw.at_least.or(mirror_at_least.filter(|&count| count == 0)),
        ..raw
    };
    let rules = raw.into_iter().map(with_default).enumerate();
    rules.filter_map(|(index, raw)| rule(raw, &path.index(index), document)).collect()
}

fn rule(raw: raw::Rule, path: &Path, document: &mut Document) -> Option<select::Rule> {
    let newest_path = path.key("newest");
    let has_newest = raw.newest.is_some() || document.is_removed(&newest_path);
    let newest = document.count(raw.newest, &newest_path);
    let (per, is_list) = match raw.per {
        None => (Vec::new(), false),
        Some(raw::OneOrMore::One(group)) => (vec![group], false),
        Some(raw::OneOrMore::More(groups)) => (groups, true),
    };
    if !per.is_empty() && !has_newest {
        document.report(&path.key("per"), "has no meaning without `newest`: say how many of each to keep");
    }
    let revisions_path = path.key("revisions");
    if raw.revisions.is_some() && !has_newest {
        document.report(&revisions_path, "has no meaning without `newest`: say how many versions to keep");
    }
    let revisions = document.count(raw.revisions, &revisions_path);
    let range = raw.range.and_then(|text| range(&text, &path.key("range"), document));
    let hint = "write a regular expression over the tag, such as `match: ^21$`";
    let match_path = path.key("match");
    let pattern = document.required(raw.r#match, &match_path, hint)?;
    // An empty one would match every tag, and is most likely an empty variable.
    let pattern = document.text(Some(pattern), &match_path)?;
    let spec = select::Spec {
        pattern,
        except: raw.except,
        newest,
        revisions,
        per,
        range,
        prereleases: raw.prereleases.unwrap_or(false),
        immutable: raw.immutable.unwrap_or(false),
        at_least: raw.at_least.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
    };
    let report = |error: select::RuleError| match &error {
        select::RuleError::Per { index, .. } if is_list => {
            document.report(&path.key("per").index(*index), error.to_string());
        }
        _ => document.report(&path.key(error.field()), error.to_string()),
    };
    select::Rule::new(spec).map_err(|errors| errors.into_iter().for_each(report)).ok()
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
