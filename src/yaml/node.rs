//! The values of a document as they were written, and where.

use crate::yaml::place::{Path, Position, Segment};

/// A value, and where it starts. Without `Debug`: it may be a password.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) position: Position,
}

#[derive(Clone)]
pub(super) enum Kind {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Was faulty and is reported. Reads as nothing, whatever is wanted, so that reading goes on.
    Removed,
}

#[derive(Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Written without quotes, and not touched by variables: may stand for nothing, a number or a truth value.
    pub(super) is_plain: bool,
    /// Holds what the environment gave, which is never to be shown.
    pub(super) has_variables: bool,
    /// The variables in it that gave nothing, by name.
    pub(super) empty_variables: Vec<String>,
}

/// A key and its value.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_position: Position,
    pub(super) value: Node,
}

impl Node {
    /// The node at `path`, or the last one on the way to it.
    pub(super) fn deepest(&self, path: &Path) -> &Self {
        let mut node = self;
        for segment in path.segments() {
            let child = match (&node.kind, segment) {
                (Kind::Sequence(items), Segment::Index(index)) => items.get(*index),
                (Kind::Mapping(entries), Segment::Key(key)) => {
                    entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.value)
                }
                _ => None,
            };
            match child {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    /// The node at `path`.
    pub(super) fn at_mut(&mut self, path: &Path) -> Option<&mut Self> {
        path.segments().iter().try_fold(self, |node, segment| match (&mut node.kind, segment) {
            (Kind::Sequence(items), Segment::Index(index)) => items.get_mut(*index),
            (Kind::Mapping(entries), Segment::Key(key)) => {
                entries.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.value)
            }
            _ => None,
        })
    }

    /// Whether nothing was written: an empty value, `~` or `null`.
    pub(super) fn is_nothing(&self) -> bool {
        match &self.kind {
            Kind::Scalar(scalar) => {
                scalar.is_plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Kind::Removed => true,
            Kind::Sequence(_) | Kind::Mapping(_) => false,
        }
    }

    /// What the node and all in it cost, in nodes and bytes.
    pub(super) fn weight(&self) -> usize {
        match &self.kind {
            Kind::Scalar(scalar) => 1 + scalar.text.len(),
            Kind::Sequence(items) => 1 + items.iter().map(Self::weight).sum::<usize>(),
            Kind::Mapping(entries) => {
                1 + entries.iter().map(|entry| entry.key.len() + entry.value.weight()).sum::<usize>()
            }
            Kind::Removed => 1,
        }
    }

    /// How many lists and mappings are in one another, this one included.
    pub(super) fn depth(&self) -> usize {
        match &self.kind {
            Kind::Scalar(_) | Kind::Removed => 0,
            Kind::Sequence(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Kind::Mapping(entries) => 1 + entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0),
        }
    }
}
