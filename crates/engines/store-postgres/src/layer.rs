//! A map with a second one above it: what a task changes stays apart until the task is sure to happen.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

/// What is known, what changed for good, and what the task at hand has changed so far.
pub struct Layer<K, V> {
    known: HashMap<K, V>,
    changed: HashSet<K>,
    tentative: HashMap<K, V>,
}

impl<K, V> Default for Layer<K, V> {
    fn default() -> Self {
        Self { known: HashMap::new(), changed: HashSet::new(), tentative: HashMap::new() }
    }
}

impl<K: Eq + Hash + Clone, V> Layer<K, V> {
    /// Learns what the database has.
    pub fn learn(&mut self, key: K, value: V) {
        self.known.insert(key, value);
    }

    /// The value as the task at hand sees it.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.tentative.get(key).or_else(|| self.known.get(key))
    }

    /// Changes it, for the task at hand.
    pub fn set(&mut self, key: K, value: V) {
        self.tentative.insert(key, value);
    }

    /// The task happens.
    pub fn keep(&mut self) {
        for (key, value) in self.tentative.drain() {
            self.changed.insert(key.clone());
            self.known.insert(key, value);
        }
    }

    /// The task does not happen.
    pub fn forget(&mut self) {
        self.tentative.clear();
    }

    /// What changed for good.
    pub fn changes(&self) -> impl Iterator<Item = (&K, &V)> {
        let value = |key| self.known.get(key).map(|value| (key, value));
        self.changed.iter().filter_map(value)
    }
}
