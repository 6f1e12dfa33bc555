//! Contenders, run in turns: whatever else the machine does then troubles all of them alike.

use crate::child::{Took, median};
use crate::contender::Contender;
use crate::report::Report;

/// What each contender took, round by round.
pub(crate) struct Runs(Vec<(Contender, Vec<Took>)>);

/// How often everybody has a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    /// First, so many that do not count.
    pub(crate) warm_up: usize,
    pub(crate) counted: usize,
}

impl Rounds {
    pub(crate) const ONE: Self = Self { warm_up: 0, counted: 1 };
}

/// Runs each contender once a round. A peer that fails is left out from then on, and the report says so.
pub(crate) async fn in_turns(
    report: &mut Report,
    contenders: &[Contender],
    rounds: Rounds,
    mut run: impl AsyncFnMut(Contender) -> Result<Took, String>,
) -> Result<Runs, String> {
    let mut runs = Runs(contenders.iter().map(|contender| (*contender, Vec::new())).collect());
    for round in 0..rounds.warm_up + rounds.counted {
        let mut failed = Vec::new();
        for (contender, took) in &mut runs.0 {
            match run(*contender).await {
                Ok(one) if round >= rounds.warm_up => took.push(one),
                Ok(_) => {}
                Err(error) if Contender::PEERS.contains(contender) => {
                    report.not_run(error);
                    failed.push(*contender);
                }
                Err(error) => return Err(error),
            }
        }
        runs.0.retain(|(contender, _)| !failed.contains(contender));
    }
    Ok(runs)
}

impl Runs {
    pub(crate) fn contenders(&self) -> impl Iterator<Item = Contender> {
        self.0.iter().map(|(contender, _)| *contender)
    }

    /// The median of a figure; not a number where the contender did not run.
    pub(crate) fn median(&self, contender: Contender, figure: fn(&Took) -> f64) -> f64 {
        median(self.of(contender).iter().map(figure))
    }

    /// The largest of a figure.
    pub(crate) fn max(&self, contender: Contender, figure: fn(&Took) -> f64) -> f64 {
        self.of(contender).iter().map(figure).fold(f64::NAN, f64::max)
    }

    /// The median of how one compares with another in the same round.
    pub(crate) fn ratio(&self, one: Contender, other: Contender, figure: fn(&Took) -> f64) -> f64 {
        let pairs = self.of(one).iter().zip(self.of(other));
        median(pairs.map(|(one, other)| figure(one) / figure(other)))
    }

    fn of(&self, contender: Contender) -> &[Took] {
        self.0.iter().find(|(other, _)| *other == contender).map_or(&[], |(_, took)| took)
    }
}
