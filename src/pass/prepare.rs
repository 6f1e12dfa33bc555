//! The first half of a pass: list, select, observe, plan. Writes nothing.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::event::{EventKind, MirrorSummary, TagSummary, Warning};
use crate::oci::{Platform, Reference, Tag};
use crate::pass::{Error, Names, Pass, TooFew};
use crate::plan;
use crate::plan::{Action, Step, Wanted};
use crate::select;
use crate::select::{Pick, Rule, Selection};
use crate::source;
use crate::source::Source;
use crate::target::Held;

/// The most tags that one warning names.
const TAGS_NAMED_MAX: usize = 5;

/// What is known of the selected tags after observing and planning.
#[derive(Default)]
pub(super) struct Planned {
    /// All tags of the source, as far as they were read: cosign's are looked up among them.
    pub(super) listed: Vec<Tag>,
    pub(super) steps: Vec<Step>,
    /// What the target has of the selected tags.
    pub(super) held: Held,
    /// Tags that cannot be planned.
    pub(super) failed: Vec<TagSummary>,
}

/// What the sources list.
struct Listed {
    /// The tags of all that could be read, each once.
    tags: Vec<Tag>,
    origins: Origins,
    /// Why one after the first could not be read. What it has might be substituted by what those after it have.
    failed: Option<source::Error>,
    /// What their lists leave out.
    left_out: Vec<Warning>,
}

/// Which source a tag comes from: the first that lists it.
#[derive(Default)]
pub(super) struct Origins {
    /// Of tags that do not come from the first source.
    others: HashMap<Tag, usize>,
    /// How many of the sources may be asked; all where none.
    usable: Option<usize>,
}

impl Origins {
    /// The place of the source that lists a tag.
    pub(super) fn of(&self, tag: &Tag) -> usize {
        self.others.get(tag).copied().unwrap_or(0)
    }

    /// How many of so many sources may be asked for a tag by its name.
    pub(super) fn usable(&self, all: usize) -> usize {
        self.usable.unwrap_or(all)
    }
}

impl Pass<'_> {
    /// Reads the list of each source, up to the first that cannot be read.
    async fn list(&self) -> Result<Listed, Error> {
        let sources = &self.copier.sources;
        let tags = match sources.first().tags().await {
            // A registry may list a repository without tags, and know nothing of it (distribution/distribution#4324).
            Err(error) if self.mirror.discovered_by.is_some() && error.is_not_found() => Vec::new(),
            tags => tags.map_err(Error::Tags)?,
        };
        let left_out = not_listed(sources.first()).await.into_iter().collect();
        let mut listed = Listed { tags, origins: Origins::default(), failed: None, left_out };
        let mut known: HashSet<Tag> = HashSet::new();
        if !sources.others().is_empty() {
            known.extend(listed.tags.iter().cloned());
        }
        for (source, place) in sources.others().iter().zip(1..) {
            match source.tags().await {
                Ok(tags) => {
                    listed.left_out.extend(not_listed(source).await);
                    for tag in tags {
                        if known.insert(tag.clone()) {
                            listed.origins.others.insert(tag.clone(), place);
                            listed.tags.push(tag);
                        }
                    }
                }
                Err(error) => {
                    listed.origins.usable = Some(place);
                    listed.failed = Some(error);
                    break;
                }
            }
        }
        Ok(listed)
    }

    /// The tags among which the rules choose: those that are named, where nobody needs the list.
    async fn listed(&self, needs_list: bool) -> Result<Listed, Error> {
        if needs_list {
            return self.list().await;
        }
        let tags = self.mirror.rules.iter().filter_map(Rule::tag).cloned().collect();
        Ok(Listed { tags, origins: Origins::default(), failed: None, left_out: Vec::new() })
    }

    /// Looks at what other mirrors into this target want under the names that are to be set, where nothing is known of
    /// them yet: nothing has moved then. One that fails or does not answer in time holds up nothing, and is not asked again.
    async fn look_ahead(&self, names: &Names, steps: &[Step]) {
        let copied = steps.iter().filter(|step| step.action == Action::Copy).map(|step| &step.tag);
        let copied: HashSet<&Reference> = copied.collect();
        let may_want = |rival: &&Pass<'_>| {
            let may_name = |name: &Tag| rival.mirror.rules.iter().any(|rule| rule.may_name(name));
            copied.iter().filter_map(|name| name.tag()).any(may_name) && !names.know(&rival.mirror.name)
        };
        let looks = self.rivals.iter().filter(may_want).map(|rival| async {
            // What goes wrong is for its own pass to tell.
            let claimed = timeout(self.patience, rival.claim(names, &copied)).await;
            if !matches!(claimed, Ok(Ok(()))) {
                rival.settle(names, &mut []);
            }
        });
        join_all(looks).await;
    }

    /// Notes for what this mirror wants these names. Emits no event.
    async fn claim(&self, names: &Names, wanted: &HashSet<&Reference>) -> Result<(), Error> {
        let rules = &self.mirror.rules;
        let Listed { tags, origins, .. } = self.listed(rules.iter().any(Rule::needs_list)).await?;
        let mut picks = select::select(&tags, rules).picks(rules);
        picks.retain(|pick| pick.name.as_ref().is_ok_and(|name| wanted.contains(name)));
        let answers = self.ask_source(&picks, &Held::default(), &origins).await?;
        let mut steps = plan::plan(&answers.wanted, |_| None, |_| false);
        self.settle(names, &mut steps);
        Ok(())
    }

    fn settle(&self, names: &Names, steps: &mut [Step]) {
        let source = self.mirror.source.to_string();
        names.settle((&self.mirror.name, &source), steps, self.only().is_none());
    }

    /// Observes, selects and plans.
    pub(super) async fn prepare(&self, summary: &mut MirrorSummary) -> Result<Planned, Error> {
        if let Some(why) = &self.mirror.undiscovered {
            return Err(Error::Undiscovered(why.clone()));
        }
        let rules = &self.mirror.rules;
        let needs_list = self.mirror.referrers || rules.iter().any(Rule::needs_list);
        let Listed { tags, origins, failed, left_out } = self.listed(needs_list).await?;
        let selection = summary.selection.insert(select::select(&tags, rules));
        let mut picks = selection.picks(rules);
        if let Some(tag) = self.only() {
            picks.retain(|pick| pick.wish.tag() == Some(tag));
            if picks.is_empty() {
                return Err(not_selected(tag, selection, &tags));
            }
        }
        summary.selected = picks.len() as u64;
        let newest_first = selection.newest_first();
        let (listed, selected) = (tags.len(), picks.len());
        self.emit(EventKind::TagsSelected { listed, selected, newest_first: &newest_first });
        summary.warnings = left_out;
        summary.warnings.extend(selection.warnings.iter().map(Warning::from));
        let too_few = if self.only().is_some() { None } else { self.too_few(selection, listed) };
        if let Some(too_few) = too_few {
            // What was selected is right all the same, and is copied.
            summary.error = Some(Error::TooFew(too_few).fault());
        }
        if let Some(cause) = failed {
            summary.error = Some(Error::Tags(cause).fault());
        }
        if picks.is_empty() {
            return Ok(Planned::default());
        }
        let held = self.copier.held(&names(&picks)).await.map_err(Error::Target)?;
        let mut answers = self.ask_source(&picks, &held, &origins).await?;
        self.tell_absent(&mut answers, needs_list.then_some(&tags)).await;
        summary.warnings.extend(answers.missing.iter().map(|(platform, tags)| not_offered(platform, tags)));
        summary.warnings.append(&mut answers.moved);
        let differs = |Wanted { name, root, .. }: &Wanted| {
            root.as_ref().zip(held.digest(name)).is_some_and(|(root, held)| root.digest() != held)
        };
        let target = &self.copier.target;
        let mutability = if answers.wanted.iter().any(differs) {
            Some(target.mutability().await.map_err(Error::Target)?)
        } else {
            None
        };
        let is_immutable =
            |tag: &Tag| mutability.as_ref().is_some_and(|mutability| mutability.forbids_moving(tag));
        let mut steps = plan::plan(&answers.wanted, |name| held.digest(name), is_immutable);
        if let Some(names) = self.names {
            self.look_ahead(names, &steps).await;
            self.settle(names, &mut steps);
        }
        Ok(Planned { listed: tags, steps, held, failed: answers.failed })
    }

    /// The source's tag, where the pass is about that alone.
    fn only(&self) -> Option<&Tag> {
        self.copier.events.pass.tag.as_ref()
    }

    /// What is selected too little of. A tag that is named and not there fails by itself.
    fn too_few(&self, selection: &Selection, listed: usize) -> Option<TooFew> {
        let rules = &self.mirror.rules;
        let by_digest = rules.iter().filter(|rule| rule.only_digest().is_some()).count();
        let selected = selection.selected().count() + by_digest;
        let mut shortfalls = selection.shortfalls(rules);
        shortfalls.retain(|shortfall| !shortfall.is_named());
        let mirror = Some(self.mirror.at_least).filter(|at_least| selected < *at_least);
        let is_enough = mirror.is_none() && shortfalls.is_empty();
        (!is_enough).then_some(TooFew { mirror, selected, listed, rules: shortfalls })
    }
}

/// What is in a source and not in its list. That the list can be read is known already.
async fn not_listed(source: &Source) -> Option<Warning> {
    let message = source.left_out().await.ok()??;
    Some(Warning { code: "left_out", rule: None, message })
}

/// Why a tag that was asked for is left out.
fn not_selected(tag: &Tag, selection: &Selection, listed: &[Tag]) -> Error {
    let verdict = selection.verdicts.iter().find(|verdict| verdict.tag == *tag);
    let why = verdict.map_or_else(
        || {
            let nearest = select::nearest_to(tag, &listed.iter().collect::<Vec<_>>());
            let nearest: Vec<_> = nearest.iter().map(Tag::as_str).collect();
            let nearest = if nearest.is_empty() {
                String::new()
            } else {
                format!("; the nearest: {}", nearest.join(", "))
            };
            format!("no rule names it, and the source does not list it{nearest}")
        },
        |verdict| verdict.reason.to_string(),
    );
    Error::NotSelected { tag: tag.clone(), why }
}

/// The names that the picks are to have in the target.
fn names(picks: &[Pick]) -> Vec<Reference> {
    let mut names: Vec<_> = picks.iter().filter_map(|pick| pick.name.as_ref().ok()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A wanted platform that these tags are copied without.
fn not_offered(platform: &Platform, tags: &[String]) -> Warning {
    let named: Vec<&str> = tags.iter().take(TAGS_NAMED_MAX).map(String::as_str).collect();
    let more = match tags.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "{platform} is not offered for {}{more}: what is offered of `platforms` is copied",
        named.join(", ")
    );
    Warning { code: "platform_not_offered", rule: None, message }
}
