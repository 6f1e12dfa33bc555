//! Configurations from what others have written down: the files of other tools, a list of images, the tags of a repository.
//!
//! Each file of `format` reads that of one tool into a [`Draft`]; `suggestion` makes one of a
//! repository's tags. `settle` decides how a draft is written briefly, `write` writes it. What has no equal here becomes a
//! comment that says what to do; passwords never get further than the file that reads them.
//!
//! Nothing here does I/O, checks what it has written, or knows what a mirror costs: that is for `check` and `plan`.

mod draft;
mod fields;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod image;
mod patterns;
mod semver;
mod settle;
mod suggestion;
#[cfg(test)]
mod tests;
mod times;
mod to;
mod tree;
mod write;

use std::fmt;
use std::str::FromStr;

use crate::import::fields::Fields;
use crate::import::format::{dregsy, image_syncer, list, ocync, regsync, skopeo};
use crate::import::to::EXAMPLE_REGISTRY;
use crate::import::tree::Node;
use crate::text::excerpt;

pub use draft::Draft;
pub use suggestion::suggest;
pub use to::To;
pub use write::write;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// regclient's regsync.
    Regsync,
    /// `skopeo sync --src yaml`.
    Skopeo,
    /// dregsy.
    Dregsy,
    /// image-syncer: its rules, its logins, or both.
    ImageSyncer,
    /// ocync.
    Ocync,
    /// Image references, one a line.
    List,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Regsync, Self::Skopeo, Self::Dregsy, Self::ImageSyncer, Self::Ocync, Self::List];

    /// As people name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regsync => "regsync",
            Self::Skopeo => "skopeo",
            Self::Dregsy => "dregsy",
            Self::ImageSyncer => "image-syncer",
            Self::Ocync => "ocync",
            Self::List => "list",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Reads a file. `kind` is what it is said to be, `to` where its images go if it does not say so.
///
/// The error says what is wrong and where, in one line, and repeats keys alone.
pub fn import(text: &str, kind: Option<Kind>, to: &To) -> Result<(Kind, Draft), String> {
    read(text, kind, to).map_err(|what| excerpt(&what))
}

fn read(text: &str, kind: Option<Kind>, to: &To) -> Result<(Kind, Draft), String> {
    let kind = kind.or_else(|| list::is_list(text).then_some(Kind::List));
    let entries = match kind {
        Some(Kind::List) => Vec::new(),
        _ => tree::read(text)?.into_map().ok_or("neither a list of images nor a mapping of any tool")?,
    };
    let kind = kind.map_or_else(|| recognise(&entries), Ok)?;
    let file = Fields::new("", entries);
    let mut draft = match kind {
        Kind::Regsync => regsync::read(file)?,
        Kind::Skopeo => skopeo::read(file, to)?,
        Kind::Dregsy => dregsy::read(file)?,
        Kind::ImageSyncer => image_syncer::read(file)?,
        Kind::Ocync => ocync::read(file)?,
        Kind::List => list::read(text, to)?,
    };
    let takes_example =
        to.0.is_none() && matches!(kind, Kind::List | Kind::Skopeo) && !draft.mirrors.is_empty();
    if takes_example {
        draft.note(format!("{EXAMPLE_REGISTRY} is an example: put your own there, or give it by `--to`"));
    }
    Ok((kind, draft))
}

/// Which tool's file has these keys.
fn recognise(entries: &[(String, Node)]) -> Result<Kind, String> {
    let has = |key: &str| entries.iter().any(|(known, _)| known == key);
    let each = |is_right: &dyn Fn(&Node) -> bool| {
        !entries.is_empty() && entries.iter().all(|(_, node)| is_right(node))
    };
    let has_only = |node: &Node, keys: &[&str]| {
        node.as_map().is_some_and(|entries| entries.iter().all(|(key, _)| keys.contains(&key.as_str())))
    };
    if has("mirrors") {
        Err("is a configuration of tagferry already: `tagferry check` says whether it is right".to_owned())
    } else if has("sync") {
        Ok(Kind::Regsync)
    } else if has("tasks") {
        Ok(Kind::Dregsy)
    } else if has("mappings") {
        Ok(Kind::Ocync)
    } else if has("images")
        || has("auth")
        || each(&|node| node.as_map().is_none() || has_only(node, &image_syncer::KEYS))
    {
        Ok(Kind::ImageSyncer)
    } else if each(&|node| has_only(node, &skopeo::KEYS)) {
        Ok(Kind::Skopeo)
    } else {
        Err("cannot tell which tool this is for: say so by `--from`".to_owned())
    }
}
