//! What a store must do: keep objects and the journal in one transaction, and answer questions about them.
//!
//! Promises every engine keeps, and the suite in `testing` checks:
//! a commit is durable before it is acknowledged; positions have no gaps and become visible in
//! order; reads never wait for writes; a commit happens whole or not at all.

use std::pin::Pin;

use base::{Result, Time, Uid};
use tokio::sync::watch;

pub mod blob;
pub mod index;
pub mod journal;
pub mod log;
pub mod predicate;
pub mod proof;
pub mod reader;
pub mod recent;

use index::{Cell, Term};
use journal::Change;
use predicate::{Place, Predicate};

/// A future that a trait object can answer.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// An object as a store keeps it: what it must search by, and the rest as JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The organization.
    pub org: String,
    /// The kind, for example `catalog.models`.
    pub kind: String,
    /// The project, empty for what belongs to the organization itself.
    pub project: String,
    /// The name, unique among the living of one organization, kind and project.
    pub name: String,
    /// The identifier, unique forever.
    pub uid: Uid,
    /// The position of its last change.
    pub version: u64,
    /// How often its spec has changed, from 1.
    pub generation: u64,
    /// When it was made.
    pub created: Time,
    /// When it was put in the trash, if it was.
    pub deleted: Option<Time>,
    /// The whole object as JSON text without its `resourceVersion`.
    pub body: String,
}

/// What must be true of the stored object for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The uid is not there, and no living object has the name (`already-exists` otherwise).
    Absent,
    /// The object is there and its last change is this one (`stale-version` otherwise). When the
    /// write brings it back to life, no other living object may have the name (`already-exists`).
    Version(u64),
}

/// One object to write, with its entry for the journal.
#[derive(Clone, Debug)]
pub struct Write {
    /// The object afterwards; its `version` is set by the store.
    pub record: Record,
    /// The condition.
    pub expect: Expect,
    /// Terms to add to the index. Only the living have terms: the trash gives them all back.
    pub terms_in: Vec<Term>,
    /// Terms to take out of it.
    pub terms_out: Vec<Term>,
    /// What was done, for the journal: `journal::PURGE` when the object leaves for good, and only then.
    pub verb: String,
    /// Who did it, for the journal.
    pub actor: String,
    /// In which trace, for the journal.
    pub trace: String,
    /// When, for the journal.
    pub time: Time,
    /// Whether the object leaves the table for good; the journal keeps its history.
    pub purge: bool,
}

/// A small value kept by key beside the objects: cursors, answers to idempotent requests, settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it is for, for example `cursor`.
    pub space: String,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// When it may be forgotten.
    pub expires: Option<Time>,
    /// Fail with `already-kept` if there is one that has not expired at this time.
    pub unless_kept: Option<Time>,
}

/// Entries for an append-only stream: log lines, metric points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The stream's name, for example `log/run_01J9…`.
    pub stream: String,
    /// Its entries, each a short text.
    pub entries: Vec<String>,
}

/// The right to work on something, held until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is for, for example `run/run_01J9…`.
    pub key: String,
    /// Who holds it.
    pub holder: String,
    /// Grows with every new holder, so that a stale holder's writes are refused.
    pub token: u64,
    /// When it ends unless renewed.
    pub expires: Time,
}

/// How many living objects of a kind a place may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// The organization.
    pub org: String,
    /// The kind.
    pub kind: String,
    /// The project, empty for what belongs to the organization itself.
    pub project: String,
    /// How many may live there.
    pub max: u64,
    /// What says so, for the refusal: `quota/small`.
    pub rule: String,
}

/// Entries of the journal that need not be kept in full any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outdated {
    /// Of this organization.
    pub org: String,
    /// Older than this.
    pub before: Time,
    /// Behind this position.
    pub after: u64,
    /// But not those about one of these uids, or by one of these actors.
    pub spared: Vec<String>,
}

/// What became of a page of such entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Emptied {
    /// How many were emptied.
    pub entries: u64,
    /// Where the next page begins, if there is one.
    pub next: Option<u64>,
}

/// Everything that happens together.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Objects to write, in this order.
    pub writes: Vec<Write>,
    /// Values to keep.
    pub keep: Vec<Kept>,
    /// Streams to append to.
    pub appends: Vec<Append>,
    /// What must have room for one more (`quota-exceeded` otherwise), counted in the same transaction.
    pub ceilings: Vec<Ceiling>,
    /// A lease that must still be the one held, by key and token (`lease-lost` otherwise).
    pub fence: Option<(String, u64)>,
}

/// Which projects a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projects {
    /// Every one, and what belongs to the organization itself.
    All,
    /// These; the empty name is the organization itself.
    These(Vec<String>),
}

/// In which order a list comes: by one place, then by uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// `Name`, `Uid`, `Created`, `Version` or a `Term` of which each object has one at most. The trash
    /// has no terms, and comes by uid instead.
    pub place: Place,
    /// Largest first.
    pub descending: bool,
}

/// A question for a list of objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The organization; none asks about all and is for the platform's own use.
    pub org: Option<String>,
    /// The kind.
    pub kind: String,
    /// Which projects.
    pub projects: Projects,
    /// The trash instead of the living.
    pub deleted: bool,
    /// What must hold.
    pub filter: Option<Predicate>,
    /// The order.
    pub sort: Sort,
    /// Start behind the object with this value (see [`sort_cell`]) and uid.
    pub after: Option<(Cell, Uid)>,
    /// How many at most.
    pub limit: u32,
}

/// Which entries of the journal a question is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeQuery {
    /// Of one organization.
    pub org: Option<String>,
    /// Of one project.
    pub project: Option<String>,
    /// Of one kind.
    pub kind: Option<String>,
    /// Of one object.
    pub uid: Option<Uid>,
    /// By one actor.
    pub actor: Option<String>,
    /// With one verb.
    pub verb: Option<String>,
    /// Not before.
    pub since: Option<Time>,
    /// Before.
    pub until: Option<Time>,
    /// Only positions smaller than this; newest first.
    pub before: Option<u64>,
    /// How many at most.
    pub limit: u32,
}

/// Keeps everything. Asynchronous; cheap to share.
pub trait Store: Send + Sync {
    /// Writes everything or nothing; answers the position of each write, in order.
    ///
    /// # Errors
    /// `already-exists`, `stale-version`, `already-kept`, `lease-lost`, `quota-exceeded`; `store-full` (507) when the
    /// disk is, and `store-unavailable` (503) when it fails: then nothing was written.
    fn commit(&self, commit: Commit) -> Later<'_, Vec<u64>>;

    /// A living object by name.
    fn by_name<'a>(
        &'a self,
        org: &'a str,
        kind: &'a str,
        project: &'a str,
        name: &'a str,
    ) -> Later<'a, Option<Record>>;

    /// An object by uid, living or in the trash.
    fn by_uid<'a>(&'a self, uid: &'a Uid) -> Later<'a, Option<Record>>;

    /// A page of objects.
    fn list<'a>(&'a self, query: &'a Query) -> Later<'a, Vec<Record>>;

    /// How many objects a question finds, ignoring `after` and `limit`.
    fn count<'a>(&'a self, query: &'a Query) -> Later<'a, u64>;

    /// The journal behind a position, oldest first.
    fn changes(&self, after: u64, limit: u32) -> Later<'_, Vec<Change>>;

    /// Entries of the journal, newest first.
    fn history<'a>(&'a self, query: &'a ChangeQuery) -> Later<'a, Vec<Change>>;

    /// The last position, kept up to date: also by writes of other processes on the same store.
    fn head(&self) -> watch::Receiver<u64>;

    /// A kept value that has not expired at `now`.
    fn kept<'a>(&'a self, space: &'a str, key: &'a str, now: Time) -> Later<'a, Option<String>>;

    /// All kept values of a space by key, for listing and backup.
    fn kept_all<'a>(&'a self, space: Option<&'a str>) -> Later<'a, Vec<Kept>>;

    /// Entries of a stream from a number on (the first is 0), each with its number.
    fn stream<'a>(&'a self, stream: &'a str, from: u64, limit: u32) -> Later<'a, Vec<(u64, String)>>;

    /// Names of streams with a prefix, after a name, in order.
    fn streams<'a>(&'a self, prefix: &'a str, after: &'a str, limit: u32) -> Later<'a, Vec<String>>;

    /// Forgets a stream.
    fn drop_stream<'a>(&'a self, stream: &'a str) -> Later<'a, ()>;

    /// Takes a lease that is free or has expired at `now`, or prolongs one's own; none when another holds it.
    fn lease<'a>(&'a self, key: &'a str, holder: &'a str, now: Time, ttl_s: u32) -> Later<'a, Option<Lease>>;

    /// Gives a lease back.
    fn release<'a>(&'a self, lease: &'a Lease) -> Later<'a, ()>;

    /// Leaves of a page of old entries who did what when, and the digest of the object instead of the object: the chain
    /// still proves them. The last entry of an object that is not gone stays whole, because it is the object.
    fn empty<'a>(&'a self, outdated: &'a Outdated) -> Later<'a, Emptied>;

    /// Puts back entries from a backup: appends them to the journal as they are (the chain must fit,
    /// `chain-broken` otherwise) and brings the objects to the state they tell. `terms` is asked for
    /// the index terms of each object that lives, before or afterwards.
    fn replay<'a>(
        &'a self,
        changes: Vec<Change>,
        terms: &'a (dyn Fn(&Record) -> Vec<Term> + Send + Sync),
    ) -> Later<'a, ()>;

    /// Forgets what has expired at `now`: kept values and leases.
    fn sweep(&self, now: Time) -> Later<'_, ()>;

    /// The store beneath, where records and changes are as they were written and hashed; none if that is this one.
    fn as_written(&self) -> Option<&dyn Store> {
        None
    }

    /// Destroys the key of an object's personal data, in its history and its backups too; tells whether there are keys.
    fn shred<'a>(&'a self, _uid: &'a Uid) -> Later<'a, bool> {
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Whether the store answers and can write, for readiness.
    fn ping(&self) -> Later<'_, ()>;
}

/// The value a record has at a sort's place, for the next page's token.
pub fn sort_cell(record: &Record, terms: &[Term], place: &Place) -> Result<Cell> {
    Ok(match place {
        Place::Name => Cell::Text(record.name.clone()),
        Place::Uid => Cell::Null,
        Place::Created => Cell::Time(record.created),
        Place::Version => Cell::Number(record.version as f64),
        // The term is already encoded; it travels as it is.
        Place::Term(key) => Cell::Text(
            terms.iter().find(|term| term.key == *key).map(|term| term.value.clone()).unwrap_or_default(),
        ),
        Place::Project | Place::Generation | Place::Body(_) => {
            return Err(base::Error::internal("a list was sorted by a place no store sorts by"));
        }
    })
}
