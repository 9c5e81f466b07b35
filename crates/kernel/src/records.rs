//! Objects that were just read, kept until the journal tells of a change to them.
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

use base::{Result, Uid};
use tokio::sync::watch;

use crate::{
    declare::KindDef,
    journal::Change,
    object::Raw,
    platform::Platform,
    predicate::Place,
    store::{Projects, Query, Record, Sort},
};

/// How many objects are kept before all are let go; a bound, not a tuning.
const OBJECTS_MAX: usize = 4_096;
/// How many bytes of JSON text they may have together.
const BYTES_MAX: usize = 4 << 20;
/// An object with a longer text is not kept.
const OBJECT_MAX: usize = 64 << 10;

/// Objects that were just read.
pub(crate) struct Records {
    /// The last position the store has announced.
    head: watch::Receiver<u64>,
    /// Up to which position changes have been followed; only moved under the lock of `kept`.
    followed: AtomicU64,
    kept: RwLock<Kept>,
}

#[derive(Default)]
struct Kept {
    objects: HashMap<String, Arc<Raw>>,
    bytes: usize,
    /// Places where no object of a kind lives.
    empty: HashSet<String>,
}

fn by_name(org: &str, kind: &str, project: &str, name: &str) -> String {
    [org, kind, project, name].join("\0")
}

fn by_uid(org: &str, kind: &str, uid: &str) -> String {
    [org, kind, uid].join("\0")
}

fn place(org: &str, kind: &str, project: &str) -> String {
    [org, kind, project].join("\0")
}

impl Records {
    pub(crate) fn new(head: watch::Receiver<u64>) -> Self {
        Self { head, followed: AtomicU64::new(0), kept: RwLock::default() }
    }

    /// Everything up to a position is known to be as the store has it: there is nothing kept yet.
    pub(crate) fn follow_from(&self, position: u64) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Kept::default();
        self.followed.store(position, Ordering::Release);
    }

    pub(crate) fn size(&self) -> (usize, usize) {
        (self.kept.read().unwrap_or_else(PoisonError::into_inner).objects.len(), OBJECTS_MAX)
    }

    /// A change of the journal, one after the other.
    pub(crate) fn changed(&self, change: &Change) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.objects.remove(&by_name(&change.org, &change.kind, &change.project, &change.name));
        kept.objects.remove(&by_uid(&change.org, &change.kind, change.uid.as_str()));
        kept.empty.remove(&place(&change.org, &change.kind, &change.project));
        self.followed.store(change.position, Ordering::Release);
    }

    /// Whether everything the store has announced has been followed here.
    fn is_current(&self) -> bool {
        *self.head.borrow() <= self.followed.load(Ordering::Acquire)
    }

    fn get(&self, key: &str) -> Option<Arc<Raw>> {
        if !self.is_current() {
            return None;
        }
        self.kept.read().unwrap_or_else(PoisonError::into_inner).objects.get(key).cloned()
    }

    fn is_empty(&self, place: &str) -> bool {
        self.is_current() && self.kept.read().unwrap_or_else(PoisonError::into_inner).empty.contains(place)
    }

    /// Keeps that nothing was found at a place, unless a change was followed since before the looking.
    fn keep_empty(&self, followed: u64, place: String) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if self.followed.load(Ordering::Acquire) != followed {
            return;
        }
        if kept.empty.len() >= OBJECTS_MAX {
            kept.empty.clear();
        }
        kept.empty.insert(place);
    }

    /// Keeps what was read, unless a change was followed since before the reading.
    fn keep(&self, followed: u64, key: String, bytes: usize, it: &Arc<Raw>) {
        if bytes > OBJECT_MAX {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if self.followed.load(Ordering::Acquire) != followed {
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

impl Platform {
    /// A living object by name.
    pub(crate) async fn named(
        &self,
        kind: &KindDef,
        (org, project, name): (&str, &str, &str),
    ) -> Result<Option<Arc<Raw>>> {
        let id = kind.id();
        let key = by_name(org, &id, project, name);
        if let Some(kept) = self.records.get(&key) {
            return Ok(Some(kept));
        }
        let followed = self.records.followed.load(Ordering::Acquire);
        let record = self.store.by_name(org, &id, project, name).await?;
        self.read(kind, record, (followed, key))
    }

    /// Whether no object of a kind lives at a place; costs nothing until one does.
    pub(crate) async fn has_none(&self, kind: &KindDef, (org, project): (&str, &str)) -> Result<bool> {
        let id = kind.id();
        let key = place(org, &id, project);
        if self.records.is_empty(&key) {
            return Ok(true);
        }
        let followed = self.records.followed.load(Ordering::Acquire);
        let query = Query {
            org: Some(org.to_owned()),
            kind: id,
            projects: Projects::These(vec![project.to_owned()]),
            deleted: false,
            filter: None,
            sort: Sort { place: Place::Uid, descending: false },
            after: None,
            limit: 1,
        };
        let none = self.store.list(&query).await?.is_empty();
        if none {
            self.records.keep_empty(followed, key);
        }
        Ok(none)
    }

    /// A living object by uid.
    pub(crate) async fn identified(
        &self,
        kind: &KindDef,
        (org, uid): (&str, &str),
    ) -> Result<Option<Arc<Raw>>> {
        let id = kind.id();
        let key = by_uid(org, &id, uid);
        if let Some(kept) = self.records.get(&key) {
            return Ok(Some(kept));
        }
        let followed = self.records.followed.load(Ordering::Acquire);
        let record = self.store.by_uid(&Uid::known(uid)).await?;
        let record = record.filter(|it| it.org == org && it.kind == id && it.deleted.is_none());
        self.read(kind, record, (followed, key))
    }

    fn read(
        &self,
        kind: &KindDef,
        record: Option<Record>,
        (followed, key): (u64, String),
    ) -> Result<Option<Arc<Raw>>> {
        let Some(record) = record else { return Ok(None) };
        let it = Arc::new(Raw::from_record(kind, &record)?);
        self.records.keep(followed, key, record.body.len(), &it);
        Ok(Some(it))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base::{Digest, Time};

    use super::*;
    use crate::object::Metadata;

    fn object(name: &str) -> Arc<Raw> {
        let metadata = Metadata {
            name: name.to_owned(),
            namespace: "p".to_owned(),
            uid: Uid::known(format!("thg_{name}")),
            version: 1,
            generation: 1,
            creation_timestamp: Time::from_micros(0),
            deletion_timestamp: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            owner_references: Vec::new(),
            finalizers: Vec::new(),
            managed_fields: Vec::new(),
        };
        let (kind, org) = ("demo.things".to_owned(), "acme".to_owned());
        Arc::new(Raw { kind, org, metadata, spec: Default::default(), status: Default::default() })
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
        let (announce, head) = watch::channel(7);
        let records = Records::new(head);
        records.follow_from(7);
        for name in ["a", "b"] {
            records.keep(7, key(name), 2, &object(name));
            records.keep(7, by_uid("acme", "demo.things", &format!("thg_{name}")), 2, &object(name));
        }
        assert!(records.get(&key("a")).is_some());
        // The write of `a` is acknowledged: nothing is answered until its change has been followed.
        announce.send_replace(8);
        assert!(records.get(&key("a")).is_none() && records.get(&key("b")).is_none());
        records.changed(&change(8, "a"));
        assert!(records.get(&key("a")).is_none());
        assert!(records.get(&by_uid("acme", "demo.things", "thg_a")).is_none());
        assert!(records.get(&key("b")).is_some());
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (_announce, head) = watch::channel(7);
        let records = Records::new(head);
        records.follow_from(7);
        records.changed(&change(8, "a"));
        records.keep(7, key("a"), 2, &object("a"));
        assert!(records.get(&key("a")).is_none());
        records.keep(8, key("a"), 2, &object("a"));
        assert!(records.get(&key("a")).is_some());
    }

    #[test]
    fn an_empty_place_is_looked_at_again_once_something_lives_there() {
        let (announce, head) = watch::channel(7);
        let records = Records::new(head);
        records.follow_from(7);
        let here = place("acme", "demo.things", "p");
        records.keep_empty(7, here.clone());
        assert!(records.is_empty(&here));
        announce.send_replace(8);
        assert!(!records.is_empty(&here), "a write nobody has followed yet may have filled it");
        records.changed(&change(8, "a"));
        assert!(!records.is_empty(&here));
        records.keep_empty(7, here.clone());
        assert!(!records.is_empty(&here), "it was looked at before the change");
    }

    #[test]
    fn nothing_is_answered_while_nobody_follows() {
        let (_announce, head) = watch::channel(7);
        let records = Records::new(head);
        records.keep(0, key("a"), 2, &object("a"));
        assert!(records.get(&key("a")).is_none());
    }

    #[test]
    fn only_so_much_is_kept() {
        let (_announce, head) = watch::channel(0);
        let records = Records::new(head);
        records.keep(0, key("huge"), OBJECT_MAX + 1, &object("huge"));
        assert!(records.get(&key("huge")).is_none());
        for number in 0..3 * OBJECTS_MAX {
            records.keep(0, key(&number.to_string()), 1, &object("small"));
        }
        assert!(records.kept.read().unwrap().objects.len() <= OBJECTS_MAX);
        for number in 0..200 {
            records.keep(0, key(&number.to_string()), OBJECT_MAX, &object("large"));
        }
        assert!(records.kept.read().unwrap().bytes <= BYTES_MAX);
    }
}
