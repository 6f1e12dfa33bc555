//! What was discovered: a mirror for each repository that is meant, and one that fails where something is in the way of any.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::config::discovery::Discovery;
use crate::config::mirror::{Endpoint, Mirror, Mirrors};
use crate::oci::Repository;
use crate::yaml::Document;

/// More than these are most likely not meant: each is looked at in every run, and its target may be created.
const REPOSITORIES_MAX: usize = 500;
/// The most reasons that one failure tells; it counts the others.
const REASONS_MAX: usize = 20;

/// What registries list, by what was to be discovered: [`Discovery::source`].
pub type Found = BTreeMap<String, Listed>;

/// What a registry lists of what was to be discovered.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// Repositories under the path.
    repositories: Vec<Repository>,
    /// How many the registry lists in all.
    all: usize,
    /// Why these are not known, or not known to be all.
    fault: Option<String>,
}

impl FromIterator<Repository> for Listed {
    fn from_iter<T: IntoIterator<Item = Repository>>(repositories: T) -> Self {
        let repositories: Vec<_> = repositories.into_iter().collect();
        Self { all: repositories.len(), repositories, fault: None }
    }
}

impl Discovery {
    /// What is to be discovered, of all that a registry lists, or with why that is not known.
    pub fn listed(&self, all: &Result<Vec<Repository>, String>) -> Listed {
        match all {
            Ok(all) => {
                let under = all.iter().filter(|path| path.as_str().starts_with(self.prefix()));
                Listed { all: all.len(), ..under.cloned().collect() }
            }
            Err(why) => Listed {
                fault: Some(format!("cannot discover the repositories of {}: {why}", self.source)),
                ..Listed::default()
            },
        }
    }

    /// What is listed now, where this was known before: those of before stay where it cannot be read, or lists nothing any more,
    /// which is more often a fault than meant.
    pub fn keep(&self, before: &Listed, now: Listed) -> Listed {
        let (kept, source) = (before.repositories.len(), &self.source);
        if kept == 0 || !now.repositories.is_empty() || now.fault.is_none() && self.example.at_least == 0 {
            return now;
        }
        let fault = now.fault.unwrap_or_else(|| {
            format!(
                "{source} has no repositories any more, of {kept} before; if that is right, set `at_least: 0` or remove this mirror"
            )
        });
        let fault = format!("{fault}\nThe repositories of before stay mirrors ({kept})");
        Listed { repositories: before.repositories.clone(), all: now.all, fault: Some(fault) }
    }

    /// The mirrors of those repositories that are meant, by their paths, and what is wrong with others.
    fn mirrors(&self, listed: &Listed, document: &mut Document) -> (Vec<Mirrors>, Vec<String>) {
        let mut faults: Vec<String> = listed.fault.iter().cloned().collect();
        let mut mirrors = Vec::new();
        let meant = self.meant(listed).unwrap_or_else(|fault| {
            faults.push(fault);
            Vec::new()
        });
        for path in meant {
            let (read, wrong) = document.apart(|document| self.mirror(path, document));
            mirrors.extend(read.filter(|_| wrong.is_empty()));
            faults.extend(wrong.into_iter().map(|what| format!("{path}: {what}")));
        }
        (mirrors, faults)
    }

    /// Those of the repositories that are meant, by their paths.
    fn meant<'a>(&self, listed: &'a Listed) -> Result<Vec<&'a str>, String> {
        let source = &self.source;
        let mut meant: Vec<&str> = listed.repositories.iter().map(Repository::as_str).collect();
        let under = meant.len();
        meant.retain(|path| !self.except.as_ref().is_some_and(|except| except.is_match(path.as_bytes())));
        meant.sort_unstable();
        meant.dedup();
        let count = meant.len();
        if count > REPOSITORIES_MAX {
            return Err(format!(
                "{source} has {count} repositories, the limit is {REPOSITORIES_MAX}: exclude some with `except`, or use a longer path"
            ));
        }
        if count == 0 && self.example.at_least > 0 && listed.fault.is_none() {
            return Err(match under {
                0 => format!(
                    "the registry lists no repository under {source} ({} in all); if that is expected, set `at_least: 0`",
                    listed.all
                ),
                _ => format!(
                    "`except` leaves out all repositories under {source} ({under}); if that is expected, set `at_least: 0`"
                ),
            });
        }
        Ok(meant)
    }

    /// The mirror that fails in each pass, because of what is wrong with repositories.
    fn failed(&self, faults: &[String]) -> Mirror {
        let mut why: Vec<&str> = faults.iter().take(REASONS_MAX).map(String::as_str).collect();
        let more = faults.len() - why.len();
        let more = format!("and {more} more");
        why.extend((faults.len() > REASONS_MAX).then_some(&*more));
        let pattern =
            |text: String, example: &Endpoint| Endpoint::Pattern { text, example: Box::new(example.clone()) };
        Mirror {
            name: self.source.clone(),
            shard: self.source.clone(),
            source: pattern(self.source.clone(), &self.example.source),
            target: pattern(self.targets.join(", "), &self.example.target),
            undiscovered: Some(why.join("\n")),
            ..self.example.clone()
        }
    }
}

/// The mirrors of all that was discovered, and those that fail. A repository is no mirror where it is the target of another one,
/// which would copy it again under a longer name in every run, or where it is in doubt what its name or target holds.
pub(super) fn discovered(
    discoveries: &[Discovery],
    found: &Found,
    by_hand: &[Mirror],
    document: &mut Document,
) -> (Vec<Mirrors>, Vec<Mirror>) {
    let nothing = Listed::default();
    let mut all: Vec<_> = discoveries
        .iter()
        .map(|discovery| {
            let listed = found.get(&discovery.source).unwrap_or(&nothing);
            let (mirrors, faults) = discovery.mirrors(listed, document);
            (discovery, mirrors, faults)
        })
        .collect();
    let mut targets: HashSet<Endpoint> = by_hand.iter().map(|mirror| mirror.target.place()).collect();
    targets.extend(all.iter().flat_map(|(_, mirrors, _)| mirrors.iter().flat_map(Mirrors::targets)));
    let mut fillers: HashMap<Endpoint, usize> = HashMap::new();
    for (_, mirrors, _) in &mut all {
        mirrors.retain(|mirrors| !targets.contains(&mirrors.first.source));
        mirrors.iter().flat_map(Mirrors::targets).for_each(|target| *fillers.entry(target).or_default() += 1);
    }
    let mut names: HashSet<String> = by_hand.iter().map(|mirror| mirror.name.clone()).collect();
    let (mut good, mut failed) = (Vec::new(), Vec::<Mirror>::new());
    for (discovery, mirrors, mut faults) in all {
        for mirrors in mirrors {
            let name = &mirrors.name;
            if let Some(target) = mirrors.targets().find(|target| fillers[target] > 1) {
                faults.push(format!(
                    "{name}: another discovered repository has the same target, {target}: write `{{path}}` in the target, or leave \
                     one of them out with `except`"
                ));
            } else if names.insert(name.clone()) {
                good.push(mirrors);
            } else {
                faults
                    .push(format!("{name}: a mirror before has this name: leave it out here with `except`"));
            }
        }
        if !faults.is_empty() {
            failed.push(discovery.failed(&faults));
        }
    }
    // Those that are written alike fail alike.
    let mut known = HashSet::new();
    failed.retain(|mirror| known.insert((mirror.name.clone(), mirror.target.clone())));
    (good, failed)
}
