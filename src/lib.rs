//! Keeps the newest versions of upstream container images in your own Amazon ECR.
//!
//! The modules in reading order, each depending only on those before it (`tests/it/project/arch` checks):
//! [`text`], [`redact`], [`slots`], [`remembered`], [`process`], [`proxy`], [`oci`], [`select`], [`import`], [`plan`], [`yaml`], [`login`], [`registry`], [`event`], [`aws`],
//! [`ecr`], [`layout`], [`source`], [`target`], [`config`], [`copy`], [`pass`], [`ledger`], [`sender`], [`notice`], [`metrics`], [`app`],
//! [`worker`], [`control`], [`daemon`]; then [`report`] and [`cli`].

pub mod app;
pub mod authorities;
pub mod aws;
pub mod cli;
pub mod config;
pub mod control;
pub mod copy;
pub mod daemon;
pub mod ecr;
pub mod event;
pub mod import;
pub mod layout;
pub mod ledger;
pub mod login;
pub mod metrics;
pub mod notice;
pub mod oci;
pub mod pass;
pub mod plan;
pub mod process;
pub mod proxy;
pub mod redact;
pub mod registry;
pub mod remembered;
pub mod report;
pub mod select;
pub mod sender;
pub mod slots;
pub mod source;
pub mod target;
pub mod text;
pub mod worker;
pub mod yaml;
