//! Why a layout has not what was asked for, or what of it is left out, told to whoever knows what is in it.

use std::fmt;

use crate::oci::{LayoutName, Tag};
use crate::text::excerpt;

/// The most names that a message repeats.
const NAMES_SHOWN_MAX: usize = 10;

/// Why a layout has not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Unclear {
    /// There are several repositories, and none was named.
    #[error("holds several repositories: {0}")]
    Several(Names),
    /// There is no repository of that name.
    #[error("holds no images of `{name}`; it holds {held}")]
    NotThere {
        /// What was asked for.
        name: LayoutName,
        /// What there is.
        held: Names,
    },
    /// There are images, and no name or tag for any of them.
    #[error("holds {0} images without a tag")]
    Unnamed(usize),
    /// A tag stands for several images.
    #[error("has several images under tag {tag}: {digests}")]
    Ambiguous {
        /// The tag.
        tag: Tag,
        /// Which images.
        digests: Names,
        /// What to do about it.
        hint: String,
    },
    /// A tag's entry points at nothing that can be read.
    #[error("has an entry for tag {tag} without a usable digest and size: {why}")]
    Unreadable {
        /// The tag.
        tag: Tag,
        /// What is missing or wrong.
        why: String,
    },
}

impl Unclear {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Several(_) => Some("name one, as in `oci:DIR#NAME`"),
            Self::Unnamed(_) => Some(
                "give them one in the annotation `org.opencontainers.image.ref.name`, for example with `skopeo copy \
                 oci:DIR oci:DIR:TAG`",
            ),
            Self::Ambiguous { hint, .. } => Some(hint),
            Self::NotThere { .. } | Self::Unreadable { .. } => None,
        }
    }
}

/// Images of a layout that have a name, and are not among those that are read.
#[derive(Debug)]
pub(super) struct LeftOut {
    /// Names that are no tags.
    misnamed: Names,
    /// Repositories beside images that have a tag alone.
    others: Names,
}

impl LeftOut {
    /// None where there is nothing of the kind.
    pub(super) fn of(misnamed: Vec<String>, others: Vec<String>) -> Option<Self> {
        let is_any = !misnamed.is_empty() || !others.is_empty();
        is_any.then_some(Self { misnamed: Names(misnamed), others: Names(others) })
    }
}

/// What the index holds, and what to do.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.misnamed.0.is_empty() {
            write!(
                f,
                "has images whose names are no tags, and which are left out: {}; a tag has letters, digits, `_`, `.` and \
                 `-` alone",
                self.misnamed
            )?;
        }
        if !self.others.0.is_empty() {
            let and = if self.misnamed.0.is_empty() { "" } else { "; it also " };
            write!(
                f,
                "{and}has images of repositories beside those that have a tag alone, and leaves them out: {}; name one, as \
                 in `oci:DIR#NAME`",
                self.others
            )?;
        }
        Ok(())
    }
}

/// Names for people, the first few of them.
#[derive(Debug)]
pub struct Names(pub(super) Vec<String>);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.0.iter().take(NAMES_SHOWN_MAX).map(|name| excerpt(name)).collect();
        let more = self.0.len().saturating_sub(NAMES_SHOWN_MAX);
        match (shown.is_empty(), more) {
            (true, _) => f.write_str("none with a name"),
            (false, 0) => f.write_str(&shown.join(", ")),
            (false, more) => write!(f, "{} and {more} more", shown.join(", ")),
        }
    }
}
