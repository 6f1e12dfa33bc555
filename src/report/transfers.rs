//! What an observer remembers of each tag in flight.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::oci::Tag;

/// A value for each tag in flight, by mirror and tag.
///
/// Looked at for every chunk of every copy: reading takes a shared lock for two look-ups and allocates nothing.
#[derive(Debug)]
pub(super) struct Transfers<T>(RwLock<HashMap<String, HashMap<Tag, Arc<T>>>>);

impl<T> Default for Transfers<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Transfers<T> {
    /// Remembers a value for a tag, in place of any before.
    pub(super) fn insert(&self, mirror: &str, tag: &Tag, value: T) {
        let mut mirrors = self.0.write().unwrap_or_else(PoisonError::into_inner);
        mirrors.entry(mirror.to_owned()).or_default().insert(tag.clone(), Arc::new(value));
    }

    /// The value of a tag.
    pub(super) fn get(&self, mirror: &str, tag: &Tag) -> Option<Arc<T>> {
        let mirrors = self.0.read().unwrap_or_else(PoisonError::into_inner);
        mirrors.get(mirror)?.get(tag).cloned()
    }

    /// Forgets a tag, and gives its value.
    pub(super) fn remove(&self, mirror: &str, tag: &Tag) -> Option<Arc<T>> {
        let mut mirrors = self.0.write().unwrap_or_else(PoisonError::into_inner);
        mirrors.get_mut(mirror)?.remove(tag)
    }
}
