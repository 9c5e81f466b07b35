//! What the writer is asked to do, and what it answers.

use base::Time;
use kernel::{
    journal::Change,
    store::{Commit, Lease},
};

use crate::replay::Step;

/// One thing to do in the next transaction, whole or not at all.
pub enum Task {
    /// Write objects, kept values and streams.
    Commit(Commit),
    /// Take or prolong a lease.
    Lease(Claim),
    /// Give a lease back.
    Release(Lease),
    /// Forget a stream.
    DropStream(String),
    /// Put entries of a backup back.
    Replay(Vec<Change>, Vec<Step>),
    /// Put texts in place of the bodies of entries.
    Empty(Vec<(u64, String)>),
    /// Forget what has expired.
    Sweep(Time),
    /// Prove that writing works.
    Ping,
}

/// A wish for a lease.
pub struct Claim {
    /// What for.
    pub key: String,
    /// By whom.
    pub holder: String,
    /// The present moment.
    pub now: Time,
    /// When it would end.
    pub expires: Time,
}

/// What came of it.
pub enum Answer {
    /// The position of each write.
    Positions(Vec<u64>),
    /// The lease, if it was free.
    Lease(Option<Lease>),
    /// It is done.
    Done,
}
