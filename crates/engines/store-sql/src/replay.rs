//! What a journal's entries make of the objects when they are put back from a backup.

use std::collections::HashMap;

use base::{Digest, Error, Result, Time};
use kernel::{
    index::Term,
    journal::{Change, PURGE},
    store::{Record, Write},
};

use crate::check::chain_broken;

/// The entry of the journal for a write, not yet sealed.
pub fn entry(write: &Write) -> Change {
    let record = &write.record;
    Change {
        position: 0,
        time: write.time,
        org: record.org.clone(),
        project: record.project.clone(),
        kind: record.kind.clone(),
        uid: record.uid.clone(),
        name: record.name.clone(),
        verb: write.verb.clone(),
        actor: write.actor.clone(),
        trace: write.trace.clone(),
        deleted: record.deleted.is_some() || write.purge,
        body: record.body.clone(),
        previous: Digest::ZERO,
        hash: Digest::ZERO,
    }
}

/// The last state of one object in a stretch of the journal.
#[derive(Clone, Debug)]
pub struct Step {
    /// The object before, if the store has it.
    pub before: Option<(Record, Vec<Term>)>,
    /// The object afterwards, if it is not gone.
    pub after: Option<(Record, Vec<Term>)>,
}

/// Whether entries continue a journal that ends at this place with this hash.
///
/// # Errors
/// `chain-broken` at the first that does not.
pub fn continues(changes: &[Change], mut position: u64, mut head: Digest) -> Result<()> {
    for change in changes {
        position += 1;
        let why = if change.position != position {
            "its place is taken or out of order"
        } else if change.previous != head {
            "it follows another entry"
        } else if !change.is_sealed() {
            "its hash does not fit its content"
        } else {
            head = change.hash;
            continue;
        };
        return Err(chain_broken(position, why));
    }
    Ok(())
}

/// What has to happen to each object: only its last state counts. `before` has the objects the store has.
pub fn steps(
    changes: &[Change],
    mut before: HashMap<String, Record>,
    terms: &dyn Fn(&Record) -> Vec<Term>,
) -> Result<Vec<Step>> {
    let mut last: HashMap<&str, &Change> = HashMap::new();
    for change in changes {
        last.insert(change.uid.as_str(), change);
    }
    let indexed = |record: Record| {
        let terms = if record.deleted.is_none() { terms(&record) } else { Vec::new() };
        (record, terms)
    };
    let mut steps = Vec::with_capacity(last.len());
    for change in changes {
        // In the journal's order, so that rows lie as they did.
        if last.get(change.uid.as_str()).map(|it| it.position) != Some(change.position) {
            continue;
        }
        // Of what was emptied a later entry tells; until then its name is free if it was deleted.
        if change.is_emptied() && !change.deleted {
            continue;
        }
        let after = if change.is_emptied() { None } else { record(change)? };
        steps.push(Step {
            before: before.remove(change.uid.as_str()).map(&indexed),
            after: after.map(&indexed),
        });
    }
    Ok(steps)
}

/// The object as an entry tells it; none when it left the table.
pub fn record(change: &Change) -> Result<Option<Record>> {
    if change.verb == PURGE {
        return Ok(None);
    }
    let body: serde_json::Value = serde_json::from_str(&change.body).map_err(Error::internal)?;
    let metadata = &body["metadata"];
    let time = |name: &str| -> Option<Time> { metadata[name].as_str()?.parse().ok() };
    Ok(Some(Record {
        org: change.org.clone(),
        kind: change.kind.clone(),
        project: change.project.clone(),
        name: change.name.clone(),
        uid: change.uid.clone(),
        version: change.position,
        generation: metadata["generation"].as_u64().unwrap_or(1),
        created: time("creationTimestamp").unwrap_or(change.time),
        deleted: change.deleted.then(|| time("deletionTimestamp").unwrap_or(change.time)),
        body: change.body.clone(),
    }))
}
