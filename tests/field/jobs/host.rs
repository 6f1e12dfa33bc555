//! A host of a job: a registry in memory, or an ECR.

use std::collections::BTreeMap;

use crate::fake::{Ecr, Face, Location, Registry, Repository};

/// A running registry.
pub(super) enum Host {
    Registry(Registry),
    Ecr(Ecr),
}

impl Host {
    pub(super) async fn start(name: &str) -> Self {
        if name.contains(".dkr.ecr.") {
            // Behind TLS, which the fake does not know of.
            Self::Ecr(Ecr::builder().quirks(|quirks| quirks.location = Location::WithoutScheme).start().await)
        } else {
            Self::Registry(Registry::start(Face::Open).await)
        }
    }

    pub(super) fn address(&self) -> String {
        match self {
            Self::Registry(registry) => registry.host(),
            Self::Ecr(ecr) => ecr.host(),
        }
    }

    pub(super) fn edit(&self, repository: &str, change: impl FnOnce(&mut Repository)) {
        match self {
            Self::Registry(registry) => registry.edit(repository, change),
            Self::Ecr(ecr) => ecr.edit(repository, change),
        }
    }

    pub(super) fn repositories(&self) -> BTreeMap<String, Repository> {
        match self {
            Self::Registry(registry) => registry.repositories(),
            Self::Ecr(ecr) => ecr.repositories(),
        }
    }

    pub(super) fn assert_consistent(&self) {
        match self {
            Self::Registry(registry) => registry.assert_consistent(),
            Self::Ecr(ecr) => ecr.assert_consistent(),
        }
    }
}
