//! `tagferry tags`.

use std::num::NonZeroUsize;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use semver::VersionReq;
use tracing::warn;

use crate::app::{App, Options};
use crate::cli::config;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::{Global, Silent};
use crate::cli::terminal::Terminal;
use crate::config::{Config, Endpoint};
use crate::oci::{Name, NameError, Tag};
use crate::report;
use crate::select;
use crate::select::{Rule, Selection, Spec};

const EXAMPLES: &str = r"Examples:
  $ tagferry tags container-registry.oracle.com/java/jdk --families
  $ tagferry tags quay.io/keycloak/keycloak --match '^26\.[0-9.]+$' --newest 3
  $ tagferry tags node --match '^(?<line>22|24)\.' --newest 1 --per line
  $ tagferry tags quay.io/keycloak/keycloak --range '>=26, <27' --explain
  $ tagferry tags nginx --output json | jq -r '.tags[]'";

/// List the tags of a repository, filtered and ordered as a rule would
///
/// One tag a line, the newest version first within each variant, tags without a version last. The options mean what the
/// keys of the same names mean in a rule, so a rule can be tried here before it is written down.
///
/// Needs no configuration. Where there is one, its settings of the registry are used: credentials, limits, certificates.
/// Otherwise the login is that of AWS for Amazon ECR, or that of Docker's config.json, or none.
///
/// The exit code is 1, and standard error says so, where --match, --newest or --range leave no tag. A repository without
/// tags is an empty list and no failure where none of them is given.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Tags {
    /// `HOST[:PORT]/PATH` without a tag; a path alone is one of Docker Hub; `oci:DIR[#NAME]` is a directory
    #[arg(value_name = "REPOSITORY", value_parser = repository)]
    repository: Endpoint,
    /// A regular expression over the whole tag, anchored only where you anchor it [default: every tag]
    #[arg(long = "match", value_name = "RE")]
    pattern: Option<String>,
    /// How many versions to keep per variant, and per value of --per
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    newest: Option<NonZeroUsize>,
    /// How many builds of each version (rebuilds, dates, commits) count for --newest
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true, requires = "newest")]
    revisions: Option<NonZeroUsize>,
    /// A named group of --match whose values are counted apart; may be given several times
    #[arg(long, value_name = "GROUP", requires = "newest")]
    per: Vec<String>,
    /// A semver requirement on the first three numbers of the version, such as '>=21, <26'
    #[arg(long, value_name = "REQ")]
    range: Option<VersionReq>,
    /// Also pre-releases, which --newest and --range leave out otherwise
    #[arg(long)]
    prereleases: bool,
    /// Show every tag: its version, its variant, and why it is kept or left out
    #[arg(long)]
    explain: bool,
    /// Show what kinds of tags there are instead: each variant with its versions, and how its newest tag is read
    #[arg(long, conflicts_with_all = ["pattern", "newest", "range", "prereleases", "explain"])]
    families: bool,
    /// How the tags are written to standard output
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// One tag a line
    Text,
    /// The Registry API's own shape: {"name": ..., "tags": [...]}
    Json,
}

/// A repository as an argument names it.
pub(super) fn repository(text: &str) -> Result<Endpoint, String> {
    if let Some(layout) = Endpoint::layout(text) {
        return layout;
    }
    if is_registry(text) {
        return Err("names a registry and no repository in it: write HOST:PORT/PATH".to_owned());
    }
    text.parse::<Name>().map(Endpoint::Registry).map_err(|error: NameError| error.to_string())
}

/// Whether it is a registry with a port. As a name without a host it would be a tag of a repository at Docker Hub.
pub(super) fn is_registry(text: &str) -> bool {
    let host_and_port = text.split_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    host_and_port.is_some_and(|(host, _)| host == "localhost" || host.contains('.') && !host.contains('/'))
}

fn count(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "expected a whole number of 1 or more")
}

impl Tags {
    pub(in crate::cli) async fn run(
        self,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, ExitError> {
        let rule = self.rule()?;
        let config = config::load_if_any(global.config.as_deref())?;
        // Making every kind of client is a large future; it need not be in those around it.
        let tags = Box::pin(read(config, std::slice::from_ref(&self.repository))).await?.remove(0);
        if self.families {
            report::families(&mut terminal.out, &select::families(&tags), terminal.look)?;
            return Ok(ExitCode::Success);
        }
        let rules = [rule];
        let selection = select::select(&tags, &rules);
        self.write(&selection, &rules, terminal)?;
        for warning in &selection.warnings {
            warn!(code = warning.code(), "{}: {warning}", self.repository);
        }
        if self.has_filter() && selection.selected().next().is_none() {
            let text = format!(
                "none of the {} tags of {} is selected; `--explain` says why",
                tags.len(),
                self.repository
            );
            return Err(ExitError::new(ExitCode::Incomplete, text));
        }
        Ok(ExitCode::Success)
    }

    fn has_filter(&self) -> bool {
        self.pattern.is_some() || self.newest.is_some() || self.range.is_some()
    }

    /// The options as a rule.
    fn rule(&self) -> Result<Rule, ExitError> {
        let tables = [("--explain", self.explain), ("--families", self.families)];
        if let Some((option, _)) =
            tables.into_iter().find(|(_, is_set)| *is_set && self.output == Output::Json)
        {
            let text = format!("{option} is a table for people: leave out `--output json`");
            return Err(ExitError::new(ExitCode::Usage, text));
        }
        let spec = Spec {
            pattern: self.pattern.clone().unwrap_or_default(),
            newest: self.newest,
            revisions: self.revisions,
            per: self.per.clone(),
            range: self.range.clone(),
            prereleases: self.prereleases,
            ..Spec::default()
        };
        Rule::new(spec).map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(|error| format!("--{}: {error}", error.field())).collect();
            ExitError::new(ExitCode::Usage, errors.join("\nerror: "))
        })
    }

    fn write(
        &self,
        selection: &Selection,
        rules: &[Rule],
        Terminal { out, look, .. }: &mut Terminal,
    ) -> Result<(), ExitError> {
        if self.explain {
            return Ok(report::explain(out, selection, &selection.notes(rules), *look)?);
        }
        let tags: Vec<_> = selection.selected().map(|verdict| &verdict.tag).collect();
        match self.output {
            Output::Json => report::tag_list(out, &self.repository.path(), &tags)?,
            Output::Text => {
                for tag in tags {
                    writeln!(out, "{tag}")?;
                }
            }
        }
        Ok(())
    }
}

/// All tags of each of these repositories, or why those of the first that cannot be read are not known.
pub(super) async fn read(mut config: Config, repositories: &[Endpoint]) -> Result<Vec<Vec<Tag>>, ExitError> {
    // Only the settings of registries matter here: what mirrors need may not be to be had on this machine.
    config.mirrors.clear();
    let not_started = |error| ExitError::of(ExitCode::NotStarted, &error);
    let mut app = App::new(config, Options::default(), Arc::new(Silent)).await.map_err(not_started)?;
    let mut all = Vec::with_capacity(repositories.len());
    for name in repositories {
        let repository = app.source(name).await.map_err(not_started)?;
        let tags = repository.tags().await.map_err(|error| {
            let text = format!("cannot read the tags of {name}: {}", error.told());
            ExitError::new(ExitCode::Incomplete, text)
        });
        if let Some(left_out) = repository.left_out().await.ok().flatten() {
            warn!(code = "left_out", "{name}: {left_out}");
        }
        all.push(tags?);
    }
    Ok(all)
}
