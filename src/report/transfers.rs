//! What an observer remembers of each tag in flight.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::event::Pair;
use crate::oci::Reference;

/// A value for each tag in flight, by mirror, target and tag.
///
/// Looked at for every chunk of every copy: reading takes a shared lock for two look-ups and allocates nothing.
#[derive(Debug)]
pub(super) struct Transfers<T>(RwLock<HashMap<Pair, HashMap<Reference, Arc<T>>>>);

impl<T> Default for Transfers<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Transfers<T> {
    /// Remembers a value for a tag, in place of any before.
    pub(super) fn insert(&self, pair: &Pair, tag: &Reference, value: T) {
        let mut pairs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pairs.entry(pair.clone()).or_default().insert(tag.clone(), Arc::new(value));
    }

    /// The value of a tag.
    pub(super) fn get(&self, pair: &Pair, tag: &Reference) -> Option<Arc<T>> {
        let pairs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        pairs.get(pair)?.get(tag).cloned()
    }

    /// Forgets a tag, and gives its value.
    pub(super) fn remove(&self, pair: &Pair, tag: &Reference) -> Option<Arc<T>> {
        let mut pairs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pairs.get_mut(pair)?.remove(tag)
    }
}
