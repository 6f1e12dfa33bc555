//! What a reload says of repositories that were discovered: which came, and which are gone.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use tracing::{info, warn};

use crate::config::{Config, Endpoint, Mirror};
use crate::notice::Notifier;
use crate::text::listed;

/// The most that are named in a line of the log.
const NAMED_MAX: usize = 20;

/// Repositories by what discovered them.
type Discovered<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Tells which repositories came and which went.
pub(super) fn tell(before: &Config, now: &Config, notifier: &Notifier) {
    for (source, new) in beyond(before, now) {
        info!(source, repositories = new.len(), "New in {source}: {}", listed(&new, NAMED_MAX));
        notifier.discovered(source, &new, Timestamp::now());
    }
    for (source, gone) in beyond(now, before) {
        warn!(source, repositories = gone.len(), "Gone from {source}: {}", listed(&gone, NAMED_MAX));
    }
}

/// Those of `after` that are not in `before`, by their names.
fn beyond<'a>(before: &Config, after: &'a Config) -> Discovered<'a> {
    let known: HashSet<&Endpoint> = before.mirrors.iter().map(|mirror| &mirror.source).collect();
    let mut new = Discovered::new();
    for Mirror { name, source, discovered_by, first_target, .. } in &after.mirrors {
        if let (Some(by), None) = (discovered_by, first_target)
            && !known.contains(source)
        {
            new.entry(by).or_default().push(name);
        }
    }
    new
}
