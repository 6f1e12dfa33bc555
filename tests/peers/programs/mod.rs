//! The programs that the tests talk to, each started on loopback and stopped when it is dropped.

pub(crate) mod buildah;
pub(crate) mod cluster;
pub(crate) mod container;
pub(crate) mod container_registry;
pub(crate) mod distribution;
pub(crate) mod ministack;
pub(crate) mod oras;
pub(crate) mod skopeo;
pub(crate) mod tagferry;
pub(crate) mod webdriver;
