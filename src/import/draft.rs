//! What a configuration is to say, before it is decided how to write it down.

use std::collections::BTreeMap;

use crate::import::image::Repository;
use crate::oci::Host;

/// A configuration in the making.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Remarks about the whole file, one a line.
    pub notes: Vec<String>,
    /// The mirrors, in the order in which they were met.
    pub mirrors: Vec<Mirror>,
    /// Settings, by host.
    pub registries: BTreeMap<String, Registry>,
}

/// One source, its rules and where it goes.
#[derive(Clone, Debug, Default)]
pub struct Mirror {
    /// Remarks before it.
    pub notes: Vec<String>,
    /// Where images come from.
    pub source: Repository,
    /// Which repositories are left out, where the source is all under a path.
    pub except: Option<String>,
    /// Where they go.
    pub targets: Vec<String>,
    /// Which tags.
    pub rules: Vec<Rule>,
    /// Remarks after the rules.
    pub remarks: Vec<String>,
    /// How.
    pub settings: Settings,
}

/// What a mirror may have in common with all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Only these platforms; all where there are none.
    pub platforms: Vec<String>,
    /// Signatures and the like too.
    pub referrers: bool,
    /// How many tags there have to be, where it is not one.
    pub at_least: Option<u64>,
    /// A cron expression.
    pub schedule: Option<String>,
}

/// One way of choosing tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Remarks before it.
    pub notes: Vec<String>,
    /// Whether it stands there as a comment alone.
    pub is_comment: bool,
    /// Which tags.
    pub choice: Choice,
    /// Their names in the target, where they are others.
    pub names: Vec<String>,
    /// A remark on its first line.
    pub remark: String,
}

/// Which tags a rule chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// By name, or by digest, or what has to have both.
    Named {
        /// The tag.
        tag: Option<String>,
        /// The digest.
        digest: Option<String>,
    },
    /// By a pattern.
    Matching(Box<Pattern>),
}

/// A pattern with what else a tag has to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// A regular expression.
    pub regex: String,
    /// Another one, for what is left out.
    pub except: Option<String>,
    /// A requirement on the version.
    pub range: Option<String>,
    /// Whether it takes pre-releases.
    pub prereleases: bool,
    /// How many versions, with a remark on the same line.
    pub newest: Option<(u64, String)>,
    /// Whether of each version only the last build counts.
    pub last_revision: bool,
}

/// Settings of a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// Remarks before it.
    pub notes: Vec<String>,
    /// The login.
    pub login: Option<Login>,
    /// Requests at a time.
    pub concurrent: Option<u64>,
    /// Requests a second.
    pub per_second: Option<u64>,
    /// HTTP without TLS.
    pub plain_http: bool,
    /// Repositories of ECR are made where they are missing.
    pub creates_repositories: bool,
}

/// Who we are at a registry. The password itself is never here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub username: String,
    /// Where the password is.
    pub password: Password,
}

/// Where a password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// In an environment variable of this name.
    Variable(String),
    /// In a file.
    File(String),
}

impl Default for Choice {
    fn default() -> Self {
        Self::Named { tag: None, digest: None }
    }
}

impl Rule {
    /// A tag by its name.
    pub fn tag(tag: impl Into<String>) -> Self {
        let choice = Choice::Named { tag: Some(tag.into()), digest: None };
        Self { choice, ..Self::default() }
    }

    /// A manifest by its digest.
    pub fn digest(digest: impl Into<String>) -> Self {
        let choice = Choice::Named { tag: None, digest: Some(digest.into()) };
        Self { choice, ..Self::default() }
    }

    /// All tags that a regular expression matches.
    pub fn matching(pattern: impl Into<String>) -> Self {
        Self::of(Pattern { regex: pattern.into(), ..Pattern::default() })
    }

    /// All tags.
    pub fn all() -> Self {
        Self::matching(".")
    }

    /// A pattern with its conditions.
    pub fn of(pattern: Pattern) -> Self {
        Self { choice: Choice::Matching(Box::new(pattern)), ..Self::default() }
    }

    /// The name of the tag, where that is all there is to say.
    pub(super) fn plain_tag(&self) -> Option<&str> {
        match &self.choice {
            Choice::Named { tag: Some(tag), digest: None } if self.is_bare() => Some(tag),
            _ => None,
        }
    }

    /// Whether it is about tags by name or digest.
    pub(super) fn is_name(&self) -> bool {
        matches!(self.choice, Choice::Named { .. })
    }

    /// Whether there is nothing to say but the choice.
    pub(super) fn is_bare(&self) -> bool {
        self.notes.is_empty() && self.names.is_empty() && self.remark.is_empty() && !self.is_comment
    }
}

/// Says that a name is meant to be there, where the other tool takes it for a pattern that need not match.
pub(super) const NAMES_FAIL: &str = "A tag by its name fails here where it is not there: where that is right, write it as `match` with `at_least: 0`";

impl Draft {
    /// Adds all that another one says.
    pub fn extend(&mut self, other: Self) {
        for note in other.notes {
            self.note(note);
        }
        self.mirrors.extend(other.mirrors);
        for (host, registry) in other.registries {
            self.registries.entry(host).or_default().extend(registry);
        }
    }

    /// Adds a remark once.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The settings of a host.
    pub(super) fn registry(&mut self, host: &str) -> &mut Registry {
        self.registries.entry(Host::canonical(host).to_owned()).or_default()
    }
}

impl Registry {
    fn extend(&mut self, other: Self) {
        self.notes.extend(other.notes);
        self.login = self.login.take().or(other.login);
        self.concurrent = self.concurrent.or(other.concurrent);
        self.per_second = self.per_second.or(other.per_second);
        self.plain_http |= other.plain_http;
        self.creates_repositories |= other.creates_repositories;
    }

    /// Sets a login whose password was written down as text, which a variable named for the host takes the place of.
    pub(super) fn log_in(&mut self, host: &str, username: impl Into<String>, password: Option<Password>) {
        let password = password.unwrap_or_else(|| {
            let name = variable(host, "PASSWORD");
            self.notes.push(format!("the password is not copied: put it into {name}"));
            Password::Variable(name)
        });
        self.login = Some(Login { username: username.into(), password });
    }
}

/// The name of an environment variable for something of a host: `GHCR_IO_PASSWORD`.
pub(super) fn variable(host: &str, what: &str) -> String {
    let host: String =
        host.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    // A name of a variable starts with a letter.
    let prefix = if host.starts_with(|c: char| c.is_ascii_digit()) { "REGISTRY_" } else { "" };
    format!("{prefix}{host}_{what}")
}
