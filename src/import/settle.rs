//! From what was found to how it is written: what can be one mirror is one, and what all have in common is said once.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::import::draft::{Mirror, Settings};

/// A mirror, and what is to be written of it besides the rules.
pub(super) struct Settled {
    /// Only where the name that it would have by itself is another's too.
    pub(super) name: Option<String>,
    /// Without targets where they are those of `defaults`, and without settings that are.
    pub(super) mirror: Mirror,
}

/// What is said for every mirror.
#[derive(Default)]
pub(super) struct Defaults {
    pub(super) target: Option<String>,
    pub(super) settings: Settings,
}

/// Decides how mirrors are written.
pub(super) fn settle(mirrors: Vec<Mirror>) -> (Defaults, Vec<Settled>) {
    let mut mirrors = several_targets(several_rules(mirrors));
    let names = names(&mirrors);
    let defaults = defaults(&mut mirrors);
    let settled = mirrors.into_iter().zip(names).map(|(mirror, name)| Settled { name, mirror });
    (defaults, settled.collect())
}

/// Makes one mirror of those between the same repositories.
fn several_rules(mirrors: Vec<Mirror>) -> Vec<Mirror> {
    merge(mirrors, |into, from| {
        if into.targets != from.targets || !into.settings.fits(&from.settings) {
            return Some(from);
        }
        into.settings.at_least = into.settings.at_least.or(from.settings.at_least);
        for rule in from.rules {
            if !into.rules.contains(&rule) {
                into.rules.push(rule);
            }
        }
        into.notes.extend(from.notes);
        into.remarks.extend(from.remarks);
        None
    })
}

/// Makes one mirror of those that copy the same to several targets.
fn several_targets(mirrors: Vec<Mirror>) -> Vec<Mirror> {
    merge(mirrors, |into, from| {
        if into.rules != from.rules || into.settings != from.settings {
            return Some(from);
        }
        into.targets.extend(from.targets);
        into.notes.extend(from.notes);
        into.remarks.extend(from.remarks);
        None
    })
}

/// Offers each mirror to those before it that have its source, until one takes it, and does not give it back.
fn merge(mirrors: Vec<Mirror>, mut take: impl FnMut(&mut Mirror, Mirror) -> Option<Mirror>) -> Vec<Mirror> {
    let mut merged: Vec<Mirror> = Vec::with_capacity(mirrors.len());
    let mut of_source: HashMap<String, Vec<usize>> = HashMap::new();
    for mirror in mirrors {
        let except = mirror.except.as_deref().unwrap_or_default();
        let earlier = of_source.entry(format!("{} {except}", mirror.source)).or_default();
        let offer = |mirror: Option<Mirror>, &index: &usize| take(&mut merged[index], mirror?);
        if let Some(mirror) = earlier.iter().fold(Some(mirror), offer) {
            earlier.push(merged.len());
            merged.push(mirror);
        }
    }
    merged
}

impl Settings {
    /// Whether two mirrors can be one.
    fn fits(&self, other: &Self) -> bool {
        let one = Self { at_least: None, ..self.clone() };
        let other_one = Self { at_least: None, ..other.clone() };
        let is_same = self.at_least == other.at_least || self.at_least.is_none() || other.at_least.is_none();
        one == other_one && is_same
    }
}

/// Names for mirrors whose own would be another's.
fn names(mirrors: &[Mirror]) -> Vec<Option<String>> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let mut of_source: BTreeMap<String, usize> = BTreeMap::new();
    for mirror in mirrors.iter().filter(|mirror| !mirror.source.is_all()) {
        *count.entry(mirror.source.own_name()).or_default() += 1;
        *of_source.entry(mirror.source.to_string()).or_default() += 1;
    }
    let mut taken: HashSet<String> = HashSet::new();
    let named = mirrors.iter().map(|mirror| {
        let own = mirror.source.own_name();
        if mirror.source.is_all() || count.get(own) == Some(&1) {
            return None;
        }
        // Mirrors of one source are told apart by where they go.
        let source = Some(mirror.source.to_string()).filter(|source| of_source.get(source) == Some(&1));
        let wishes = std::iter::once(own.to_owned()).chain(source).chain(mirror.targets.iter().cloned());
        let numbered = (2..).map(|number| format!("{own}-{number}"));
        let name =
            wishes.chain(numbered).find(|name| !taken.contains(name) && name.chars().count() <= 128)?;
        taken.insert(name.clone());
        (name != own).then_some(name)
    });
    named.collect()
}

/// Takes out of the mirrors what all of them have in common.
fn defaults(mirrors: &mut [Mirror]) -> Defaults {
    if mirrors.len() < 2 {
        return Defaults::default();
    }
    let first = mirrors[0].settings.clone();
    let is_common =
        |is_same: &dyn Fn(&Settings) -> bool| mirrors.iter().all(|mirror| is_same(&mirror.settings));
    let mut settings = Settings::default();
    if is_common(&|settings| settings.platforms == first.platforms) {
        settings.platforms = first.platforms;
    }
    settings.referrers = is_common(&|settings| settings.referrers);
    if is_common(&|settings| settings.schedule == first.schedule) {
        settings.schedule = first.schedule;
    }
    // For tags by name alone it has no meaning.
    let is_name = |mirror: &Mirror| mirror.settings.at_least.is_none();
    let least = mirrors.iter().find_map(|mirror| mirror.settings.at_least);
    let with_least = mirrors.iter().filter(|mirror| !is_name(mirror)).count();
    if with_least > 1 && mirrors.iter().all(|mirror| is_name(mirror) || mirror.settings.at_least == least) {
        settings.at_least = least.filter(|least| *least == 0);
    }
    for mirror in &mut *mirrors {
        let own = &mut mirror.settings;
        if settings.platforms == own.platforms {
            own.platforms.clear();
        }
        own.referrers &= !settings.referrers;
        if settings.schedule == own.schedule {
            own.schedule = None;
        }
        if settings.at_least == own.at_least {
            own.at_least = None;
        }
    }
    Defaults { target: target(mirrors), settings }
}

/// Takes the target out of the mirrors that it would be written for most often.
fn target(mirrors: &mut [Mirror]) -> Option<String> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for mirror in &*mirrors {
        for template in templates(mirror) {
            *count.entry(template).or_default() += 1;
        }
    }
    // What holds for a few is no default. Of equals the whole path: it keeps apart what has one last name.
    let is_usual = |count: usize| count > 1 && count * 2 >= mirrors.len();
    let usual = count.into_iter().filter(|(_, count)| is_usual(*count));
    let (template, _) = usual.max_by_key(|(template, count)| (*count, template.ends_with("{path}")))?;
    for mirror in mirrors {
        if templates(mirror).contains(&template) {
            mirror.targets.clear();
        }
    }
    Some(template)
}

/// How `defaults` could say the target of a mirror.
fn templates(mirror: &Mirror) -> Vec<String> {
    let [target] = &mirror.targets[..] else { return Vec::new() };
    let source = &mirror.source;
    if source.is_all() {
        return vec![target.clone()];
    }
    let whole = format!("{}/{}", source.host.replace(':', "-"), source.path);
    let ways = [(source.path.as_str(), "{path}"), (source.name(), "{name}"), (&whole, "{host}/{path}")];
    let ways = ways.into_iter().filter(|(text, _)| !text.is_empty() && !text.starts_with('/'));
    let template = |(text, word): (&str, &str)| {
        let prefix = target.strip_suffix(text).filter(|prefix| prefix.ends_with(['/', '#']))?;
        Some(format!("{prefix}{word}"))
    };
    ways.filter_map(template).collect()
}
