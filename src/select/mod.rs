//! Which tags of a repository a mirror's rules choose, and why.
//!
//! Pure: a list of tags and a list of rules in, one verdict for every tag out. It asks no registry, so it knows
//! nothing of digests: that `21` and `21.0.7` are the same image today is not visible here.
//!
//! # How a tag is read
//!
//! Upstream tags follow no standard, and those of Oracle least of all. A tag is split into words at `-`, `_` and
//! `.`. The first word that starts with a digit (after an optional `v`) starts the version:
//!
//! | part | examples | how it compares |
//! |---|---|---|
//! | numbers | `21.0.7`, `8u491`, `20240501` | one by one, as numbers however long; a longer row with an equal start is newer |
//! | pre-release | `-ea`, `rc1`, `-M1`, `-alpha.2` | below the release of the same numbers |
//! | revision | `-r12`, `_9`, `-754.1655117782`, `CU14`, `16-3.4` | part by part; without one is older |
//! | build date | `-241204`, `_260704`, `-250424.0943` | after all that; without a date is newer than any date |
//! | commits | `-5-g1a2b3c4` | last, by their count; the commit itself has no order |
//! | variant | `-oraclelinux9`, `java11-`, `-dev-8` | never: it is what remains, and tells apart what is not compared |
//!
//! Known words say what their numbers are (`reading/known.rs`); of all others the list of tags tells (`reading/convention.rs`), and a
//! rule may say it by groups of `match`. `docs/versions.md` tells users all of it.
//!
//! Choices that are not obvious:
//! - A tag without a date is one that upstream rebuilds in place (`14.1.2.0-generic-jdk17-ol8`), so its image is at
//!   least as new as that of every dated tag of the same numbers. It also bears the name that people pull.
//! - A tag that is only a date (`20240501`, `2024-05-01`, `jammy-20240427`) has the date as its numbers and ranks
//!   below every tag with real numbers: dated snapshots next to releases are nightly builds.
//! - A digit inside a word (`java17`, `ol8`, `x86_64`) starts no version, unless the tag has no other number.
//! - Names of digests and commits (`sha256-….sig`, `sha-1a2b3c4`, 40 hexadecimal digits) have no version.

mod decision;
mod family;
mod key;
mod newest;
mod pattern;
mod pick;
mod reading;
mod reason;
mod rule;
mod selection;
mod shortfall;
mod template;
mod version;
mod warning;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(test)]
mod tests;

pub use decision::Decision;
pub use family::{Families, Family, Kind, examples, families};
pub use pattern::{Note, PatternError, Unanchored, compile, escape};
pub use pick::{Pick, Wish};
pub use reason::{Group, Reason};
pub use rule::{Rule, RuleError, Spec};
pub use selection::{Selection, Verdict, select};
pub use shortfall::{Choice, Shortfall, nearest_to};
pub use template::{NameFault, TemplateError};
pub use version::Version;
pub use warning::Warning;
