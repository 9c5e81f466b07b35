//! What was just read of a store, kept until the journal tells of a change to it.
//!
//! A kept object is only answered while every position the store has announced has been followed
//! here. A store announces a position before it acknowledges the write, so whoever waited for a
//! write reads that write. Another process's write is seen once its position is announced here.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use crate::journal::Change;

/// How many objects are kept before all are let go; a bound, not a tuning.
const OBJECTS_MAX: usize = 4_096;
/// How many bytes of JSON text they may have together.
const BYTES_MAX: usize = 4 << 20;
/// An object with a longer text is not kept.
const OBJECT_MAX: usize = 64 << 10;

/// Objects that were just read, as whoever reads them makes them of their records.
pub struct Recent<T> {
    /// The last position the store has announced.
    head: watch::Receiver<u64>,
    /// Up to which position changes have been followed; only moved under the lock of `kept`.
    followed: AtomicU64,
    kept: RwLock<Kept<T>>,
}

struct Kept<T> {
    objects: HashMap<String, Arc<T>>,
    bytes: usize,
    /// Places where no object of a kind lives.
    empty: HashSet<String>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { objects: HashMap::new(), bytes: 0, empty: HashSet::new() }
    }
}

/// The key of an object by its name.
pub fn by_name(org: &str, kind: &str, project: &str, name: &str) -> String {
    [org, kind, project, name].join("\0")
}

/// The key of an object by its uid.
pub fn by_uid(org: &str, kind: &str, uid: &str) -> String {
    [org, kind, uid].join("\0")
}

/// The key of a place where objects of a kind live.
pub fn place(org: &str, kind: &str, project: &str) -> String {
    [org, kind, project].join("\0")
}

impl<T> Recent<T> {
    /// Nothing, which is answered for only once [`Recent::follow_from`] was told where the following begins.
    pub fn new(head: watch::Receiver<u64>) -> Self {
        Self { head, followed: AtomicU64::new(0), kept: RwLock::default() }
    }

    /// Everything up to a position is known to be as the store has it: there is nothing kept yet.
    pub fn follow_from(&self, position: u64) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Kept::default();
        self.followed.store(position, Ordering::Release);
    }

    /// How many objects are kept, and how many may be.
    pub fn size(&self) -> (usize, usize) {
        (self.kept.read().unwrap_or_else(PoisonError::into_inner).objects.len(), OBJECTS_MAX)
    }

    /// A change of the journal, one after the other.
    pub fn changed(&self, change: &Change) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.objects.remove(&by_name(&change.org, &change.kind, &change.project, &change.name));
        kept.objects.remove(&by_uid(&change.org, &change.kind, change.uid.as_str()));
        kept.empty.remove(&place(&change.org, &change.kind, &change.project));
        self.followed.store(change.position, Ordering::Release);
    }

    /// Up to where changes have been followed: asked before something is read that is to be kept.
    pub fn followed(&self) -> u64 {
        self.followed.load(Ordering::Acquire)
    }

    /// Whether everything the store has announced has been followed here.
    fn is_current(&self) -> bool {
        *self.head.borrow() <= self.followed()
    }

    /// What is kept of an object.
    pub fn get(&self, key: &str) -> Option<Arc<T>> {
        if !self.is_current() {
            return None;
        }
        self.kept.read().unwrap_or_else(PoisonError::into_inner).objects.get(key).cloned()
    }

    /// Whether nothing is known to live at a place.
    pub fn is_empty(&self, place: &str) -> bool {
        self.is_current() && self.kept.read().unwrap_or_else(PoisonError::into_inner).empty.contains(place)
    }

    /// Keeps that nothing was found at a place, unless a change was followed since before the looking.
    pub fn keep_empty(&self, followed: u64, place: String) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if self.followed() != followed {
            return;
        }
        if kept.empty.len() >= OBJECTS_MAX {
            kept.empty.clear();
        }
        kept.empty.insert(place);
    }

    /// Keeps what was read, unless a change was followed since before the reading.
    pub fn keep(&self, followed: u64, key: String, bytes: usize, it: &Arc<T>) {
        if bytes > OBJECT_MAX {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if self.followed() != followed {
            return;
        }
        if kept.objects.len() >= OBJECTS_MAX || kept.bytes + bytes > BYTES_MAX {
            *kept = Kept::default();
        }
        // What a change takes out is not subtracted: then all are let go sooner, never later.
        kept.bytes += bytes;
        kept.objects.insert(key, Arc::clone(it));
    }
}

#[cfg(test)]
mod tests {
    use base::{Digest, Time, Uid};

    use super::*;

    fn recent() -> (watch::Sender<u64>, Recent<()>) {
        let (announce, head) = watch::channel(7);
        (announce, Recent::new(head))
    }

    fn change(position: u64, name: &str) -> Change {
        Change {
            position,
            time: Time::from_micros(0),
            org: "acme".to_owned(),
            project: "p".to_owned(),
            kind: "demo.things".to_owned(),
            uid: Uid::known(format!("thg_{name}")),
            name: name.to_owned(),
            verb: "replace".to_owned(),
            actor: "user:ada".to_owned(),
            trace: String::new(),
            deleted: false,
            body: "{}".to_owned(),
            previous: Digest::ZERO,
            hash: Digest::ZERO,
        }
    }

    fn key(name: &str) -> String {
        by_name("acme", "demo.things", "p", name)
    }

    #[test]
    fn an_acknowledged_write_is_never_hidden_by_what_was_read_before() {
        let (announce, recent) = recent();
        recent.follow_from(7);
        for name in ["a", "b"] {
            recent.keep(7, key(name), 2, &Arc::new(()));
            recent.keep(7, by_uid("acme", "demo.things", &format!("thg_{name}")), 2, &Arc::new(()));
        }
        assert!(recent.get(&key("a")).is_some());
        // The write of `a` is acknowledged: nothing is answered until its change has been followed.
        announce.send_replace(8);
        assert!(recent.get(&key("a")).is_none() && recent.get(&key("b")).is_none());
        recent.changed(&change(8, "a"));
        assert!(recent.get(&key("a")).is_none());
        assert!(recent.get(&by_uid("acme", "demo.things", "thg_a")).is_none());
        assert!(recent.get(&key("b")).is_some());
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (_announce, recent) = recent();
        recent.follow_from(7);
        recent.changed(&change(8, "a"));
        recent.keep(7, key("a"), 2, &Arc::new(()));
        assert!(recent.get(&key("a")).is_none());
        recent.keep(8, key("a"), 2, &Arc::new(()));
        assert!(recent.get(&key("a")).is_some());
    }

    #[test]
    fn an_empty_place_is_looked_at_again_once_something_lives_there() {
        let (announce, recent) = recent();
        recent.follow_from(7);
        let here = place("acme", "demo.things", "p");
        recent.keep_empty(7, here.clone());
        assert!(recent.is_empty(&here));
        announce.send_replace(8);
        assert!(!recent.is_empty(&here), "a write nobody has followed yet may have filled it");
        recent.changed(&change(8, "a"));
        assert!(!recent.is_empty(&here));
        recent.keep_empty(7, here.clone());
        assert!(!recent.is_empty(&here), "it was looked at before the change");
    }

    #[test]
    fn nothing_is_answered_while_nobody_follows() {
        let (_announce, recent) = recent();
        recent.keep(0, key("a"), 2, &Arc::new(()));
        assert!(recent.get(&key("a")).is_none());
    }

    #[test]
    fn only_so_much_is_kept() {
        let (_announce, recent) = recent();
        recent.follow_from(7);
        recent.keep(7, key("huge"), OBJECT_MAX + 1, &Arc::new(()));
        assert!(recent.get(&key("huge")).is_none());
        for number in 0..3 * OBJECTS_MAX {
            recent.keep(7, key(&number.to_string()), 1, &Arc::new(()));
        }
        assert!(recent.kept.read().unwrap().objects.len() <= OBJECTS_MAX);
        for number in 0..200 {
            recent.keep(7, key(&number.to_string()), OBJECT_MAX, &Arc::new(()));
        }
        assert!(recent.kept.read().unwrap().bytes <= BYTES_MAX);
    }
}
