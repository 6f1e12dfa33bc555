//! Keeps the newest versions of upstream container images in your own Amazon ECR.
//!
//! The modules in reading order, each depending only on those above it (`tests/it/arch.rs` checks):
pub mod config;
pub mod ecr;
pub mod oci;
pub mod plan;
pub mod registry;
pub mod select;
