//! Passes, made of the two sides of a mirror and of what passes share.

use std::sync::Arc;

use crate::app::App;
use crate::config::{Config, Mirror};
use crate::copy::{Copier, Inflight, Looks, Progress, Shared, Siblings};
use crate::event::{Emitter, Pair, PassId};
use crate::oci::Tag;
use crate::pass::{Deadline, Memory, Names, Pass};
use crate::slots::Slot;
use crate::source::Sources;
use crate::target::Target;

/// Where more mirrors than this share a target, those beyond are not looked at ahead of what moves.
const RIVALS_MAX: usize = 32;

/// The two ends of a mirror, and what its passes tell one another as long as this configuration counts.
pub(super) struct Sides {
    pub(super) sources: Sources,
    pub(super) target: Target,
    pub(super) memory: Memory,
    /// How the pass into the first target gets on, where there are several.
    pub(super) progress: Option<Arc<Progress>>,
    /// What the mirrors into this target selected last, where there are several, and which these are.
    pub(super) names: Option<(Arc<Names>, Arc<[usize]>)>,
}

impl App {
    /// The pass of this number over a mirror and target, which is this retry of one before, or 0; the slot has to be held
    /// for it. None where there is no such mirror, or it has another target.
    pub fn pass(&self, _: &Slot<'_>, pair: &Pair, number: u64, retry: usize) -> Option<Pass<'_>> {
        let mut sides = self.config.mirrors.iter().zip(&self.sides);
        let is_meant =
            |mirror: &Mirror| mirror.name == pair.mirror && mirror.target.to_string() == pair.target;
        let (mirror, sides) = sides.find(|(mirror, _)| is_meant(mirror))?;
        Some(self.pass_of(mirror, sides, (number, retry), self.shared()))
    }

    /// The same over one tag of the source alone.
    pub fn part(&self, slot: &Slot<'_>, pair: &Pair, number: u64, tag: Tag) -> Option<Pass<'_>> {
        let mut pass = self.pass(slot, pair, number, 0)?;
        let id = PassId { tag: Some(tag), ..(*pass.copier.events.pass).clone() };
        pass.copier.events.pass = Arc::new(id);
        Some(pass)
    }

    pub(super) fn pass_of<'a>(
        &'a self,
        mirror: &'a Mirror,
        sides: &'a Sides,
        number: (u64, usize),
        shared: Arc<Shared>,
    ) -> Pass<'a> {
        let others = sides.names.iter().flat_map(|(_, others)| others.iter().take(RIVALS_MAX + 1));
        let others = others.map(|&index| (&self.config.mirrors[index], &self.sides[index]));
        let rivals = others
            .filter(|(other, _)| other.name != mirror.name)
            .map(|(other, sides)| self.pass_alone(other, sides, number, Arc::clone(&shared)))
            .collect();
        Pass { rivals, ..self.pass_alone(mirror, sides, number, shared) }
    }

    /// The same which looks at no other mirror.
    fn pass_alone<'a>(
        &self,
        mirror: &'a Mirror,
        Sides { sources, target, memory, progress, names }: &'a Sides,
        (number, retry): (u64, usize),
        shared: Arc<Shared>,
    ) -> Pass<'a> {
        let is_first = mirror.first_target.is_none();
        let pair = Pair::new(&mirror.name, &mirror.target);
        let tag = mirror.only.clone();
        let pass = Arc::new(PassId { pair, generation: self.generation, number, retry, tag });
        let Config { concurrency, timeouts, .. } = &self.config;
        let of_pass = timeouts.pass.map(|pass| Deadline::after(pass, "timeouts.pass"));
        let copier = Copier {
            sources: sources.clone(),
            target: target.clone(),
            events: Emitter { pass, observer: Arc::clone(&self.observer) },
            shared,
            deadline: [of_pass, self.options.deadline]
                .into_iter()
                .flatten()
                .min_by_key(|deadline| deadline.at),
            progress: progress.clone().filter(|_| is_first),
        };
        Pass {
            mirror,
            copier,
            memory,
            names: names.as_ref().map(|(names, _)| &**names),
            rivals: Vec::new(),
            first: progress.as_deref().filter(|_| !is_first),
            concurrent_tags: concurrency.tags,
            patience: timeouts.stall,
        }
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        self.shared.join(|blob_slots| Shared {
            inflight: Inflight::default(),
            looks: Looks::new(self.sides.iter().map(|sides| &sides.target)),
            siblings: Siblings::new(self.sides.iter().map(|sides| sides.target.clone()).collect()),
            blob_slots,
            retry: self.options.retry,
        })
    }
}
