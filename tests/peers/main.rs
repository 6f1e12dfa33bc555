//! Tests against real, independent programs: CNCF distribution (`docker-registry`), skopeo, umoci, ministack, a stand-in
//! for Amazon ECR, and a browser. They are a second opinion on what the in-memory fakes of `tests/it/` take for granted.
//!
//! `scripts/peers` installs the programs, and `make test` runs everything. Every test starts its own peers on free
//! loopback ports, with all their files in a temporary folder, and stops them when it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code, also outside of #[test] functions")]

#[path = "../fake/mod.rs"]
mod fake;

mod authority;
mod browser;
mod clock;
mod cluster;
mod container;
mod distribution;
mod ecs;
mod harness;
mod image;
mod kubernetes;
mod layouts;
mod metrics;
mod ministack;
mod notices;
mod openapi;
mod proxy;
mod push;
mod realm;
mod server;
mod skopeo;
mod sync;
mod tagferry;
mod tls;
mod webdriver;
