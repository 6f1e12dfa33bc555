//! Mirrors as they are written, on their way to what they become.

use crate::config::raw;
use crate::config::schedule::Schedule;
use crate::yaml::Path;

/// Ends a source that stands for all repositories under it.
pub(super) const MARK: &str = "/*";

/// What goes for mirrors that do not say otherwise.
pub(super) struct Common<'a> {
    pub(super) defaults: &'a raw::Defaults,
    pub(super) schedule: Option<&'a Schedule>,
}

/// A mirror as it is written: a mapping, or one or more texts that name images of one repository.
pub(super) struct Written {
    pub(super) mirror: raw::Mirror,
    pub(super) path: Path,
    /// The items of `tags`, each with its place.
    pub(super) tags: Option<Vec<(Path, raw::Rule)>>,
    pub(super) form: Form,
}

/// How a mirror came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Mapping,
    /// Texts, which can have no name of their own.
    Images,
}

impl Written {
    /// Whether it stands for all repositories under a path.
    pub(super) fn is_discovery(&self) -> bool {
        let source = self.mirror.source.as_ref().and_then(raw::OneOrMore::only);
        source.is_some_and(|text| text.ends_with(MARK))
    }
}
