//! Keeps the newest versions of upstream container images in your own Amazon ECR.
//!
//! The modules in reading order, each depending only on those before it (`tests/it/arch.rs` checks):
//! [`oci`], [`select`], [`plan`], [`event`], [`registry`], [`ecr`], [`layout`], [`target`], [`config`], [`copy`], [`pass`], [`notice`], [`app`].

pub mod app;
pub mod cli;
pub mod config;
pub mod copy;
pub mod ecr;
pub mod event;
pub mod layout;
pub mod notice;
pub mod oci;
pub mod pass;
pub mod plan;
pub mod registry;
pub mod report;
pub mod select;
pub mod target;
