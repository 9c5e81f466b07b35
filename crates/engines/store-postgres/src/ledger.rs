//! A group of tasks decided in memory: given what the database has, what each answers and what is written.

use base::{Digest, Result, Time};
use kernel::{
    index::Term,
    journal::Change,
    store::{Commit, Kept, Lease, Record, Write},
};
use store_sql::{Answer, Claim, Found, Step, Task};

use crate::layer::Layer;

/// The end of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last position.
    pub position: u64,
    /// The last hash.
    pub hash: Digest,
}

/// An object as far as the group knows it.
pub struct Row {
    /// What the next write must fit to.
    pub found: Found,
    /// What is to be written; none for what was only read.
    pub record: Option<Record>,
}

/// Organization, kind and project.
pub type Scope = [String; 3];

/// A scope's number, key, value and uid.
pub type Entry = (i64, String, String, String);

/// Everything the group read and will write.
pub struct Ledger {
    /// Where the journal ends.
    pub head: Head,
    committed: Head,
    /// Numbers of scopes.
    pub scopes: Layer<Scope, i64>,
    /// Objects by uid; none is gone or never was.
    pub objects: Layer<String, Option<Row>>,
    /// Uids of the living by scope and name.
    pub names: Layer<(i64, String), Option<String>>,
    /// How many live in a scope, of those that have a ceiling.
    pub living: Layer<i64, i64>,
    /// Index terms: there or not.
    pub terms: Layer<Entry, bool>,
    /// Kept values by space and key.
    pub kept: Layer<(String, String), Kept>,
    /// The next number of each stream.
    pub streams: Layer<String, i64>,
    /// Leases by key; none is free.
    pub leases: Layer<String, Option<Lease>>,
    /// The last token, under the only key there is.
    pub token: Layer<(), i64>,
    /// New entries of the journal.
    pub changes: Vec<Change>,
    /// New entries of streams.
    pub entries: Vec<(String, i64, String)>,
}

impl Ledger {
    /// One that knows where the journal ends, and nothing else.
    pub fn new(head: Head) -> Self {
        Self {
            head,
            committed: head,
            scopes: Layer::default(),
            objects: Layer::default(),
            names: Layer::default(),
            living: Layer::default(),
            terms: Layer::default(),
            kept: Layer::default(),
            streams: Layer::default(),
            leases: Layer::default(),
            token: Layer::default(),
            changes: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Decides one task; a refusal leaves no trace.
    pub fn perform(&mut self, task: &Task) -> Result<Answer> {
        let (head, changes, entries) = (self.head, self.changes.len(), self.entries.len());
        let done = self.apply(task);
        if done.is_ok() {
            self.objects.keep();
            self.names.keep();
            self.living.keep();
            self.terms.keep();
            self.kept.keep();
            self.streams.keep();
            self.leases.keep();
            self.token.keep();
        } else {
            self.head = head;
            self.changes.truncate(changes);
            self.entries.truncate(entries);
            self.objects.forget();
            self.names.forget();
            self.living.forget();
            self.terms.forget();
            self.kept.forget();
            self.streams.forget();
            self.leases.forget();
            self.token.forget();
        }
        done
    }

    /// Whether the journal has grown.
    pub fn grew(&self) -> bool {
        self.head != self.committed
    }

    fn apply(&mut self, task: &Task) -> Result<Answer> {
        match task {
            Task::Commit(commit) => return self.commit(commit).map(Answer::Positions),
            Task::Lease(claim) => return Ok(Answer::Lease(self.lease(claim))),
            Task::Release(lease) => {
                if self.held(&lease.key).is_some_and(|it| it.token == lease.token) {
                    self.leases.set(lease.key.clone(), None);
                }
            }
            Task::Replay(changes, steps) => self.replay(changes, steps)?,
            // These three are statements of their own, and are never put into a group.
            Task::DropStream(_) | Task::Empty(_) | Task::Sweep(_) | Task::Ping => {}
        }
        Ok(Answer::Done)
    }

    fn commit(&mut self, commit: &Commit) -> Result<Vec<u64>> {
        if let Some((key, token)) = &commit.fence
            && self.held(key).is_none_or(|it| it.token != *token)
        {
            return Err(store_sql::lease_lost(key));
        }
        for ceiling in &commit.ceilings {
            let scope = [ceiling.org.clone(), ceiling.kind.clone(), ceiling.project.clone()];
            let living = self.scopes.get(&scope).and_then(|id| self.living.get(id)).copied().unwrap_or(0);
            store_sql::has_room(ceiling, living as u64)?;
        }
        let mut positions = Vec::with_capacity(commit.writes.len());
        for write in &commit.writes {
            positions.push(self.write(write)?);
        }
        for kept in &commit.keep {
            self.keep(kept)?;
        }
        for append in &commit.appends {
            for entry in &append.entries {
                let next = self.streams.get(&append.stream).copied().unwrap_or(0);
                self.entries.push((append.stream.clone(), next, entry.clone()));
                self.streams.set(append.stream.clone(), next + 1);
            }
        }
        Ok(positions)
    }

    fn write(&mut self, write: &Write) -> Result<u64> {
        let record = &write.record;
        let uid = record.uid.to_string();
        let scope = self.scope(record)?;
        let name = (scope, record.name.clone());
        let row = self.objects.get(&uid).and_then(Option::as_ref);
        let found = row.map(|row| row.found.clone());
        store_sql::fits(write, scope, found.as_ref(), || Ok(self.names.get(&name).cloned().flatten()))?;
        let mut change = store_sql::entry(write);
        change.seal(self.head.position + 1, self.head.hash);
        let position = change.position;
        let old_scope = found.as_ref().map_or(scope, |found| found.scope);
        if let Some(found) = found.filter(|found| found.living) {
            self.count(found.scope, -1);
            self.names.set((found.scope, found.name), None);
        }
        if !write.purge && record.deleted.is_none() {
            self.count(scope, 1);
        }
        self.index(old_scope, &uid, &write.terms_out, false);
        if write.purge {
            self.objects.set(uid, None);
        } else {
            self.index(scope, &uid, &write.terms_in, true);
            self.place(record.clone(), scope, position);
        }
        self.log(change);
        Ok(position)
    }

    fn count(&mut self, scope: i64, more: i64) {
        if let Some(living) = self.living.get(&scope).copied() {
            self.living.set(scope, living + more);
        }
    }

    fn scope(&self, record: &Record) -> Result<i64> {
        let scope = [record.org.clone(), record.kind.clone(), record.project.clone()];
        self.scopes
            .get(&scope)
            .copied()
            .ok_or_else(|| base::Error::internal("a scope was not read before its write"))
    }

    fn place(&mut self, mut record: Record, scope: i64, version: u64) {
        record.version = version;
        let living = record.deleted.is_none();
        let uid = record.uid.to_string();
        if living {
            self.names.set((scope, record.name.clone()), Some(uid.clone()));
        }
        let found = Found { version, scope, name: record.name.clone(), living };
        let record = Some(record);
        self.objects.set(uid, Some(Row { found, record }));
    }

    fn index(&mut self, scope: i64, uid: &str, terms: &[Term], there: bool) {
        for term in terms {
            let entry = (scope, term.key.clone(), term.value.clone(), uid.to_string());
            self.terms.set(entry, there);
        }
    }

    fn log(&mut self, change: Change) {
        self.head = Head { position: change.position, hash: change.hash };
        self.changes.push(change);
    }

    fn keep(&mut self, kept: &Kept) -> Result<()> {
        let key = (kept.space.clone(), kept.key.clone());
        if let (Some(now), Some(there)) = (kept.unless_kept, self.kept.get(&key))
            && there.expires.is_none_or(|expires| expires > now)
        {
            return Err(store_sql::already_kept(&kept.space, &kept.key));
        }
        self.kept.set(key, kept.clone());
        Ok(())
    }

    fn held(&self, key: &str) -> Option<&Lease> {
        self.leases.get(&key.to_string()).and_then(Option::as_ref)
    }

    fn lease(&mut self, claim: &Claim) -> Option<Lease> {
        let token = match self.held(&claim.key) {
            Some(held) if held.holder == claim.holder => held.token,
            Some(held) if held.expires > claim.now => return None,
            Some(_) | None => {
                // One counter for all leases: one that was given back never hands out an old token again.
                let token = self.token.get(&()).copied().unwrap_or(0) + 1;
                self.token.set((), token);
                token as u64
            }
        };
        let lease =
            Lease { key: claim.key.clone(), holder: claim.holder.clone(), token, expires: claim.expires };
        self.leases.set(claim.key.clone(), Some(lease.clone()));
        Some(lease)
    }

    fn replay(&mut self, changes: &[Change], steps: &[Step]) -> Result<()> {
        store_sql::continues(changes, self.head.position, self.head.hash)?;
        for (record, terms) in steps.iter().filter_map(|step| step.before.as_ref()) {
            let (scope, uid) = (self.scope(record)?, record.uid.to_string());
            self.index(scope, &uid, terms, false);
            self.names.set((scope, record.name.clone()), None);
            self.objects.set(uid, None);
        }
        for (record, terms) in steps.iter().filter_map(|step| step.after.as_ref()) {
            let scope = self.scope(record)?;
            self.index(scope, record.uid.as_str(), terms, true);
            self.place(record.clone(), scope, record.version);
        }
        for change in changes {
            self.log(change.clone());
        }
        Ok(())
    }
}

/// A moment as the database keeps it.
pub fn micros(time: Option<Time>) -> Option<i64> {
    time.map(Time::micros)
}
