//! Files that use one another in a circle have to be read together, so a circle is small.
//!
//! A file uses what its `use` lines name. A `mod.rs` that passes a name on is not where that name is from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::project::arch::sources;

/// The largest circle: the files of one mechanism.
const FILES_MAX: usize = 3;

/// Whether it is passed on, the path, and the names of a group.
static USE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^ *(pub(?:\([^)]*\))? )?use ([\w:]+)(?:\{([^}]*)\})?;").unwrap());

/// Texts by the place of their file: `registry/client`, and `registry` for its `mod.rs`.
type Files = BTreeMap<String, String>;

fn files() -> Files {
    let is_test = |place: &str| place.split('/').any(|part| ["tests", "testing", "fuzzing"].contains(&part));
    let files = sources().into_iter().map(|(_, place, text)| {
        let place = place.with_extension("").display().to_string();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        (place.trim_end_matches("/mod").to_owned(), code.to_owned())
    });
    files.filter(|(place, _)| !is_test(place)).collect()
}

/// What a file uses, as paths from the root of the program, and whether it passes it on.
fn uses(place: &str, text: &str) -> Vec<(String, bool)> {
    let this = place.replace('/', "::");
    let mut uses = Vec::new();
    for found in USE.captures_iter(text) {
        let base = match found[2].strip_prefix("crate::") {
            Some(path) => path.to_owned(),
            // Other crates are taken for something in this file, which is no harm.
            None => format!("{this}::{}", found[2].trim_start_matches("self::")),
        };
        let group = found.get(3).map_or("", |group| group.as_str());
        let names = group.split(',').filter_map(|name| name.split_whitespace().next());
        let is_passed_on = found.get(1).is_some();
        uses.extend(names.map(|name| (format!("{base}{name}"), is_passed_on)));
        if group.is_empty() {
            uses.push((base, is_passed_on));
        }
    }
    uses
}

/// The file that a path leads to.
fn file(files: &Files, path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split("::").collect();
    let depth = (1..=parts.len()).rev().find(|&depth| files.contains_key(&parts[..depth].join("/")))?;
    let place = parts[..depth].join("/");
    let is_meant = |(path, is_passed_on): &(String, bool)| {
        *is_passed_on && parts.get(depth).is_some_and(|name| path.ends_with(&format!("::{name}")))
    };
    let passed_on = uses(&place, &files[&place]).into_iter().find(is_meant);
    passed_on.and_then(|(path, _)| file(files, &path)).or(Some(place))
}

/// All files that a file leads to.
fn reachable<'a>(arrows: &'a BTreeMap<String, BTreeSet<String>>, from: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        open.extend(arrows[file].iter().map(String::as_str).filter(|next| reached.insert(*next)));
    }
    reached
}

#[test]
fn circles_of_files_are_small() {
    let files = files();
    let arrows_of = |(place, text): (&String, &String)| {
        let used = uses(place, text).into_iter().filter_map(|(path, _)| file(&files, &path));
        (place.clone(), used.filter(|used| used != place).collect::<BTreeSet<_>>())
    };
    let arrows: BTreeMap<_, _> = files.iter().map(arrows_of).collect();
    assert!(arrows["registry/client"].contains("registry/transport/wire"), "no arrows are found");
    let reached: BTreeMap<_, _> = arrows.keys().map(|place| (&**place, reachable(&arrows, place))).collect();
    for (place, all) in &reached {
        let circle: Vec<_> = all.iter().filter(|other| reached[**other].contains(place)).collect();
        assert!(circle.len() <= FILES_MAX, "a circle with {place}: {circle:?}");
    }
}
