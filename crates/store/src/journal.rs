//! The journal: every write in order, each entry chained to the one before by its hash.

use base::{Digest, Result, Time, Uid};
use serde::{Deserialize, Serialize};

use crate::Store;

/// The verb of a write that takes an object out of the table for good. No other write may have it:
/// a replayed journal knows by it what is in the trash and what is gone.
pub const PURGE: &str = "purge";

/// One entry: who did what to which object, and what it was afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its place in the journal, from 1, without gaps. It is the object's `resourceVersion`.
    pub position: u64,
    /// When.
    pub time: Time,
    /// The organization it belongs to.
    pub org: String,
    /// The project, empty for what belongs to the organization itself.
    pub project: String,
    /// The kind, for example `catalog.models`.
    pub kind: String,
    /// The object.
    pub uid: Uid,
    /// The object's name at the time.
    pub name: String,
    /// What was done: `create`, `replace`, `delete`, `restore`, `purge`, an action's name …
    pub verb: String,
    /// Who did it, as `user:ada`, `key:ci` or `system:runs`.
    pub actor: String,
    /// The trace it was done in (W3C Trace Context), empty when there was none.
    pub trace: String,
    /// Whether the object is deleted (in the trash or gone) afterwards.
    pub deleted: bool,
    /// The whole object afterwards, as JSON text without its `resourceVersion`.
    pub body: String,
    /// The hash of the entry before.
    pub previous: Digest,
    /// The hash of this entry.
    pub hash: Digest,
}

/// How a body begins that was emptied; its digest follows. No object begins so: it is JSON.
const EMPTIED: &str = "emptied:";

impl Change {
    /// The digest of what the entry says: BLAKE3 over every field, each with its length, the body by its own digest.
    pub fn digest(&self) -> Digest {
        self.digest_with(self.body_digest())
    }

    /// The digest of the body, also of one that was emptied.
    pub fn body_digest(&self) -> Digest {
        self.emptied().unwrap_or_else(|| Digest::of(self.body.as_bytes()))
    }

    fn emptied(&self) -> Option<Digest> {
        self.body.strip_prefix(EMPTIED)?.parse().ok()
    }

    /// Whether only the digest of the object is left.
    pub fn is_emptied(&self) -> bool {
        self.emptied().is_some()
    }

    /// What stands in place of the body once it is emptied; none where the hash needs the body itself, or it is done.
    pub fn without_body(&self) -> Option<String> {
        let may = !self.is_emptied() && self.hash == self.expected_hash();
        may.then(|| format!("{EMPTIED}{}", self.body_digest()))
    }

    /// The same for an entry whose body is known by its digest alone.
    pub(crate) fn digest_with(&self, body: Digest) -> Digest {
        self.hashed(blake3::Hasher::new(), &body.to_string())
    }

    /// The hash this entry must have: BLAKE3 over the previous hash and the digest of what it says. So a chain
    /// can be followed past entries whose words are not shown.
    pub fn expected_hash(&self) -> Digest {
        link(&self.previous, &self.digest())
    }

    /// Whether the hash is right, also by the rule of version 0.1: the body itself, and all in one.
    pub fn is_sealed(&self) -> bool {
        let mut first = blake3::Hasher::new();
        first.update(self.previous.bytes());
        self.hash == self.expected_hash() || self.hash == self.hashed(first, &self.body)
    }

    fn hashed(&self, mut hasher: blake3::Hasher, body: &str) -> Digest {
        hasher.update(&self.position.to_le_bytes());
        hasher.update(&self.time.micros().to_le_bytes());
        hasher.update(&[u8::from(self.deleted)]);
        for part in [
            &self.org,
            &self.project,
            &self.kind,
            self.uid.as_str(),
            &self.name,
            &self.verb,
            &self.actor,
            &self.trace,
            body,
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Digest::new(*hasher.finalize().as_bytes())
    }

    /// Links the entry behind another: sets its place, its predecessor and its hash.
    pub fn seal(&mut self, position: u64, previous: Digest) {
        self.position = position;
        self.previous = previous;
        self.hash = self.expected_hash();
    }
}

/// The hash of an entry, from the hash before it and the digest of what it says.
pub fn link(previous: &Digest, digest: &Digest) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous.bytes());
    hasher.update(digest.bytes());
    Digest::new(*hasher.finalize().as_bytes())
}

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// How many entries were read.
    pub entries: u64,
    /// The position of the first entry that is missing, altered or out of place.
    pub first_bad: Option<u64>,
    /// The hash of the last good entry.
    pub head: Digest,
}

/// Walks the whole chain and recomputes every hash.
pub async fn verify(store: &dyn Store) -> Result<Verdict> {
    // Hashes are over what was written, sealed where it was sealed.
    let store = store.as_written().unwrap_or(store);
    let mut verdict = Verdict { entries: 0, first_bad: None, head: Digest::ZERO };
    loop {
        let changes = store.changes(verdict.entries, 1000).await?;
        if changes.is_empty() {
            return Ok(verdict);
        }
        for change in changes {
            let expected = verdict.entries + 1;
            let good = change.position == expected && change.previous == verdict.head && change.is_sealed();
            if !good {
                verdict.first_bad = Some(expected);
                return Ok(verdict);
            }
            verdict.entries = expected;
            verdict.head = change.hash;
        }
    }
}
