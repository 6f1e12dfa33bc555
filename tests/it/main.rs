//! The integration tests: one binary, for one link. Each module is a part of the program that is tested
//! from outside, against the registries of `tests/fake`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; helpers are not `#[test]` functions")]

#[path = "../fake/mod.rs"]
mod fake;
#[path = "../field/quirks/mod.rs"]
mod quirks;

mod arch;
mod cancel;
mod chaos;
mod cli;
mod deploy;
mod docs;
mod ecr;
mod events;
mod fake_checks;
mod families;
mod faults;
mod graphs;
mod kill;
mod lasting;
mod layouts;
mod limits;
mod login;
mod logs;
mod metrics;
mod notices;
mod page;
mod pass;
mod plain;
mod policies;
mod ranges;
mod retry;
mod security;
mod serve;
mod signals;
mod source;
mod sync;
#[cfg(feature = "otel")]
mod traces;
mod world;
