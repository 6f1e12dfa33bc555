//! The integration tests: one binary, for one link. Each module is a part of the program that is tested
//! from outside, against the registries of `tests/fake`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; helpers are not `#[test]` functions")]

#[path = "../fake/mod.rs"]
mod fake;
#[path = "../field/jobs/mod.rs"]
mod jobs;
#[path = "../field/quirks/mod.rs"]
mod quirks;

mod chaos;
mod discovery;
mod ecr;
mod events;
mod fake_checks;
mod faults;
mod graphs;
mod kill;
mod layouts;
mod limits;
mod login;
mod mirrors;
mod pass;
mod plain;
mod process;
mod project;
mod ranges;
mod retry;
mod security;
mod source;
mod sync;
mod world;
