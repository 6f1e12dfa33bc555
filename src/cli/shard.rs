//! Which part of the mirrors this process is for, where several share them.

use clap::Args;
use tracing::info;

use crate::app::Options;
use crate::cli::config::variable;
use crate::cli::exit::{ExitCode, ExitError};
use crate::config::{Config, Shard};

const COUNT: &str = "TAGFERRY_SHARDS";
const KUBERNETES_INDEX: &str = "JOB_COMPLETION_INDEX";
const BATCH_INDEX: &str = "AWS_BATCH_JOB_ARRAY_INDEX";
const BATCH_COUNT: &str = "AWS_BATCH_JOB_ARRAY_SIZE";

/// Which part of the mirrors this process is for.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Sharding {
    /// Only the mirrors of shard I of N, counted from 0
    ///
    /// Each mirror is in one shard, by a hash of its name, so N processes with one configuration do all of the work.
    /// Without it, a Kubernetes Indexed Job gives I in `JOB_COMPLETION_INDEX`, and N is `TAGFERRY_SHARDS`, which its
    /// manifest sets; an AWS Batch array job gives both.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
}

impl Sharding {
    /// What there is for a process of its shard.
    pub(super) fn options(&self) -> Result<Options, ExitError> {
        Ok(Options { shard: self.shard()?, ..Options::default() })
    }

    fn shard(&self) -> Result<Option<Shard>, ExitError> {
        let given = self.shard.map_or_else(|| of_environment(&variable), |shard| Ok(Some(shard)));
        given.map_err(|error| ExitError::new(ExitCode::Usage, error))
    }

    /// Leaves out the mirrors of other shards.
    pub(super) fn keep(&self, config: &mut Config) -> Result<(), ExitError> {
        let Some(shard) = self.shard()? else { return Ok(()) };
        let all = config.mirrors.len();
        let heartbeats = config.keep_shard(shard);
        let (left, plural) = (config.mirrors.len(), if all == 1 { "" } else { "s" });
        info!(%shard, mirrors = left, "Shard {shard}: {left} of {all} mirror{plural}");
        if heartbeats > 0 {
            info!(
                "Shard {shard}: {heartbeats} of the heartbeats are about mirrors of other shards too, and not sent from here"
            );
        }
        Ok(())
    }
}

fn of_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Shard>, String> {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    let (index, count) = match (variable(COUNT), variable(BATCH_COUNT)) {
        (Some(_), _) if variable(KUBERNETES_INDEX).is_some() => (KUBERNETES_INDEX, COUNT),
        (_, Some(_)) => (BATCH_INDEX, BATCH_COUNT),
        (Some(_), None) => {
            return Err(format!(
                "{COUNT} is set and {KUBERNETES_INDEX} is not: run this as an Indexed Job, or say `--shard I/N`"
            ));
        }
        (None, None) => return Ok(None),
    };
    let [i, n] = [index, count].map(|name| variable(name).unwrap_or_default());
    let shard = format!("{i}/{n}").parse();
    shard.map(Some).map_err(|error| format!("{index}={i}, {count}={n}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Result<Option<&str>, &str>) {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let shard = of_environment(&variable).map(|shard| shard.map(|shard| shard.to_string()));
        assert_eq!(shard.as_ref().map(Option::as_deref).map_err(String::as_str), expected);
    }

    #[test]
    fn job_engines_say_which_shard() {
        check(&[], Ok(None));
        check(&[(KUBERNETES_INDEX, "2"), (COUNT, "4")], Ok(Some("2/4")));
        check(&[(BATCH_INDEX, "3"), (BATCH_COUNT, "16")], Ok(Some("3/16")));
        // An Indexed Job that is not about shards.
        check(&[(KUBERNETES_INDEX, "2")], Ok(None));
        check(&[(KUBERNETES_INDEX, "2"), (COUNT, "")], Ok(None));
    }

    #[test]
    fn half_of_it_is_a_mistake() {
        check(
            &[(COUNT, "4")],
            Err(
                "TAGFERRY_SHARDS is set and JOB_COMPLETION_INDEX is not: run this as an Indexed Job, or say `--shard I/N`",
            ),
        );
        check(
            &[(KUBERNETES_INDEX, "4"), (COUNT, "4")],
            Err(
                "JOB_COMPLETION_INDEX=4, TAGFERRY_SHARDS=4: there is no shard 4 of 4: they are counted from 0, so the last is 3",
            ),
        );
        check(
            &[(BATCH_COUNT, "16")],
            Err(
                "AWS_BATCH_JOB_ARRAY_INDEX=, AWS_BATCH_JOB_ARRAY_SIZE=16: expected `I/N`, such as `0/4` for the first of four",
            ),
        );
    }
}
