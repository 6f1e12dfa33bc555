//! Registries in memory, reached over real loopback sockets, with faults as data.
//!
//! [`Registry`] is any Registry V2 source, [`Ecr`] is Amazon ECR with its API. What a peer of ours does
//! wrong or differently is a value: [`Quirks`] of a registry, [`Bearer`] of a token realm, [`Fault`]s of
//! single requests. Mounted as `mod fake` at the root of the test binary and of the quickstart.
#![allow(dead_code, unused_imports, reason = "each crate that mounts the fakes uses its own part of them")]
#![allow(unreachable_pub, missing_docs, reason = "`pub` here marks what tests may use")]
#![allow(clippy::unwrap_used, reason = "a fake that cannot go on fails its test")]
#![allow(
    clippy::result_large_err,
    reason = "a refusal is an answer like any other; fakes need no speed here"
)]
#![allow(clippy::struct_excessive_bools, reason = "quirks are independent of one another")]

mod auth;
mod directory;
mod ecr;
mod fault;
mod flood;
mod hang;
mod images;
mod inject;
mod log;
mod quirks;
mod registry;
mod route;
mod server;
mod storage;
mod store;
mod v2;
mod wire;

pub use auth::{Auth, Bearer, Layout, Licence, Scope};
pub use directory::{Directory, IMAGE_NAME, REF_NAME};
pub use ecr::{ACCESS_KEY, ACCOUNT, Ecr, Mutability, REGION, Settings, api_error};
pub use fault::{Action, Fault, Gate, Match};
pub use flood::Flood;
pub use images::{
    Draft, Format, Image, artifact, attested_index, image, index, index_of, oci_image, random_bytes,
    random_image,
};
pub use log::Seen;
pub use quirks::{Accept, DigestHeader, Flavour, LinkStyle, Location, Mount, Patch, Quirks, Refusal};
pub use registry::{Builder, Face, PASSWORD, Registry, USER};
pub use route::{Kind, Route};
pub use server::Server;
pub use store::{Repository, Stored};
pub use wire::{Head, Reply};
