//! Tests against real, independent programs: the registries of CNCF distribution (`docker-registry`) and of the crate
//! `container-registry`; skopeo, umoci, buildah and oras, which read what arrived; ministack, a stand-in for Amazon ECR;
//! a browser. They are a second opinion on what the in-memory fakes of `tests/it/` take for granted.
//!
//! `scripts/peers` installs the programs, and `make test` runs everything. Every test starts its own peers on free
//! loopback ports, with all their files in a temporary folder, and stops them when it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code, also outside of #[test] functions")]

#[path = "../fake/mod.rs"]
mod fake;

mod browser;
mod clock;
mod ecs;
mod fixtures;
mod harness;
mod import;
mod kubernetes;
mod layouts;
mod metrics;
mod notices;
mod openapi;
mod picture;
mod programs;
mod sync;
mod tls;
