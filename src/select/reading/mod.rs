//! How a tag is read: its words, what they mean, and what only the whole list can tell.

pub(in crate::select) mod convention;
pub(in crate::select) mod known;
pub(in crate::select) mod parse;
pub(in crate::select) mod place;
mod places;
mod prefix;
mod suffix;
pub(in crate::select) mod word;
