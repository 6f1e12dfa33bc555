//! What is remembered of what strangers say: so many bytes of it and no more.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// What an entry costs besides what it holds: its places in two maps.
const ENTRY_BYTES: usize = 128;

/// A map with a bound in bytes. What was used least recently goes first; what is larger than the bound is not kept.
#[derive(Debug)]
pub struct Remembered<K, V> {
    bytes_max: usize,
    bytes: usize,
    entries: HashMap<K, Entry<V>>,
    /// The keys in the order in which they were last used.
    by_use: BTreeMap<u64, K>,
    uses: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    used: u64,
}

impl<K: Clone + Eq + Hash, V> Remembered<K, V> {
    /// Nothing yet.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, entries: HashMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    /// What is known under the key.
    pub fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let entry = self.entries.get_mut(key)?;
        if let Some(key) = self.by_use.remove(&entry.used) {
            self.uses += 1;
            entry.used = self.uses;
            self.by_use.insert(self.uses, key);
        }
        Some(&entry.value)
    }

    /// Remembers a value; `bytes` is what it and its key hold on the heap.
    pub fn insert(&mut self, key: K, value: V, bytes: usize) {
        self.forget(&key);
        self.uses += 1;
        let entry = Entry { value, bytes: bytes + ENTRY_BYTES + size_of::<(K, K, V)>(), used: self.uses };
        self.bytes += entry.bytes;
        self.by_use.insert(self.uses, key.clone());
        self.entries.insert(key, entry);
        self.shrink();
    }

    /// Says what a value that has grown holds on the heap by now, with its key.
    pub fn weigh<Q: Eq + Hash + ?Sized>(&mut self, key: &Q, bytes: usize)
    where
        K: Borrow<Q>,
    {
        if let Some(entry) = self.entries.get_mut(key) {
            let bytes = bytes + ENTRY_BYTES + size_of::<(K, K, V)>();
            self.bytes = self.bytes - entry.bytes + bytes;
            entry.bytes = bytes;
            self.shrink();
        }
    }

    /// Forgets what is known under the key.
    pub fn forget(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
            self.by_use.remove(&entry.used);
        }
    }

    /// What all of it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn shrink(&mut self) {
        while self.bytes > self.bytes_max {
            let Some((_, key)) = self.by_use.first_key_value() else { return };
            let key = key.clone();
            self.forget(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 10 * 1024;

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let mut remembered = Remembered::<u32, ()>::new(ROOM);
        for key in 0..4 {
            remembered.insert(key, (), 2 * 1024);
        }
        assert!(remembered.get(&0).is_some());
        remembered.insert(4, (), 2 * 1024);
        let known: Vec<u32> = (0..5).filter(|key| remembered.entries.contains_key(key)).collect();
        assert_eq!(known, [0, 2, 3, 4]);
    }

    #[test]
    fn a_value_that_grew_makes_room_for_itself_and_one_too_large_is_not_kept() {
        let mut remembered = Remembered::<u32, ()>::new(ROOM);
        for key in 0..3 {
            remembered.insert(key, (), 1024);
        }
        remembered.weigh(&2, 9 * 1024);
        assert!(remembered.get(&0).is_none() && remembered.get(&1).is_none() && remembered.get(&2).is_some());
        remembered.insert(3, (), ROOM);
        assert_eq!(remembered.get(&3), None);
        assert_eq!(remembered.bytes(), 0);
        remembered.weigh(&3, 1);
        assert_eq!(remembered.bytes(), 0);
    }

    #[test]
    fn however_much_comes_the_bound_holds_and_the_sum_is_right() {
        let mut remembered = Remembered::<String, ()>::new(ROOM);
        for number in 0..10_000_usize {
            remembered.insert((number % 700).to_string(), (), number % 900);
            assert!(remembered.bytes() <= ROOM);
            assert_eq!(
                remembered.bytes(),
                remembered.entries.values().map(|entry| entry.bytes).sum::<usize>()
            );
            assert_eq!(remembered.entries.len(), remembered.by_use.len());
        }
    }
}
