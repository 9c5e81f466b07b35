//! The journal as the writer holds it: it applies tasks inside one transaction and chains their entries.

use std::collections::HashMap;

use base::{Digest, Time};
use kernel::{
    index::Term,
    journal::Change,
    store::{Append, Ceiling, Commit, Kept, Record, Write},
};
use rusqlite::{Connection, OptionalExtension, params};
use store_sql::{Answer, Found, Task};

use crate::fail::Failure;

/// The last entry of the journal.
#[derive(Clone, Copy)]
pub struct Head {
    /// Its position.
    pub position: u64,
    /// Its hash.
    pub hash: Digest,
}

/// The writing connection and what it knows by heart.
pub struct Journal {
    pub(crate) db: Connection,
    pub(crate) head: Head,
    committed: Head,
    scopes: HashMap<[String; 3], i64>,
}

impl Journal {
    /// Reads where the journal ends.
    pub fn open(db: Connection) -> rusqlite::Result<Self> {
        let last = db
            .query_row("SELECT position, hash FROM changes ORDER BY position DESC LIMIT 1", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?))
            })
            .optional()?;
        let head = match last {
            Some((position, hash)) => Head { position: position as u64, hash: Digest::new(hash) },
            None => Head { position: 0, hash: Digest::ZERO },
        };
        Ok(Self { db, head, committed: head, scopes: HashMap::new() })
    }

    /// The last committed position.
    pub fn position(&self) -> u64 {
        self.committed.position
    }

    /// Starts a transaction.
    pub fn begin(&mut self) -> rusqlite::Result<()> {
        self.statement("BEGIN IMMEDIATE")
    }

    /// Makes everything since the start durable.
    pub fn commit(&mut self) -> rusqlite::Result<()> {
        self.statement("COMMIT")?;
        self.committed = self.head;
        Ok(())
    }

    /// Undoes everything since the start.
    pub fn roll_back(&mut self) {
        if !self.db.is_autocommit()
            && let Err(error) = self.statement("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
        self.head = self.committed;
        self.scopes.clear();
    }

    /// Commits something small, so that nothing of a failed commit can come back after a crash.
    pub fn repair(&mut self) -> rusqlite::Result<()> {
        self.statement("UPDATE counters SET value = value + 1 WHERE name = 'repairs'")
    }

    fn statement(&self, text: &str) -> rusqlite::Result<()> {
        self.db.prepare_cached(text)?.execute([]).map(drop)
    }

    /// Does one task; a refusal leaves no trace of it.
    pub fn perform(&mut self, task: &Task) -> Result<Answer, Failure> {
        if !may_stop_midway(task) {
            return self.apply(task);
        }
        let before = self.head;
        self.statement("SAVEPOINT task")?;
        let done = self.apply(task);
        if let Err(Failure::Refused(_)) = &done {
            self.statement("ROLLBACK TO task")?;
            self.head = before;
            self.scopes.clear();
        }
        if !matches!(done, Err(Failure::Broken(_))) {
            self.statement("RELEASE task")?;
        }
        done
    }

    fn apply(&mut self, task: &Task) -> Result<Answer, Failure> {
        match task {
            Task::Commit(commit) => return self.commit_of(commit).map(Answer::Positions),
            Task::Lease(claim) => return self.lease(claim).map(Answer::Lease),
            Task::Release(lease) => self.release(lease)?,
            Task::DropStream(stream) => self
                .db
                .prepare_cached("DELETE FROM streams WHERE stream = ?1")?
                .execute([stream])
                .map(drop)?,
            Task::Replay(changes, steps) => self.replay(changes, steps)?,
            Task::Empty(bodies) => self.empty(bodies)?,
            Task::Sweep(now) => self.sweep(*now)?,
            Task::Ping => self.repair()?,
        }
        Ok(Answer::Done)
    }

    fn empty(&self, bodies: &[(u64, String)]) -> rusqlite::Result<()> {
        let mut statement = self.db.prepare_cached("UPDATE changes SET body = ?2 WHERE position = ?1")?;
        for (position, body) in bodies {
            statement.execute(params![*position as i64, body])?;
        }
        Ok(())
    }

    fn commit_of(&mut self, commit: &Commit) -> Result<Vec<u64>, Failure> {
        if let Some((key, token)) = &commit.fence {
            self.hold(key, *token)?;
        }
        for ceiling in &commit.ceilings {
            store_sql::has_room(ceiling, self.living(ceiling)?)?;
        }
        let mut positions = Vec::with_capacity(commit.writes.len());
        for write in &commit.writes {
            positions.push(self.write(write)?);
        }
        for kept in &commit.keep {
            self.keep(kept)?;
        }
        for append in &commit.appends {
            self.append(append)?;
        }
        Ok(positions)
    }

    /// How many live where a ceiling is; no more are counted than may.
    fn living(&self, ceiling: &Ceiling) -> rusqlite::Result<u64> {
        let max = i64::try_from(ceiling.max).unwrap_or(i64::MAX);
        self.db
            .prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM objects WHERE deleted IS NULL AND scope = \
                 (SELECT id FROM scopes WHERE org = ?1 AND kind = ?2 AND project = ?3) LIMIT ?4)",
            )?
            .query_row(params![ceiling.org, ceiling.kind, ceiling.project, max], |row| row.get::<_, i64>(0))
            .map(|living| living as u64)
    }

    fn write(&mut self, write: &Write) -> Result<u64, Failure> {
        let record = &write.record;
        let found = self.found(record.uid.as_str())?;
        let scope = self.scope(record)?;
        store_sql::fits(write, scope, found.as_ref(), || self.named(scope, &record.name))?;
        let mut change = store_sql::entry(write);
        change.seal(self.head.position + 1, self.head.hash);
        let old_scope = found.as_ref().map_or(scope, |found| found.scope);
        self.terms_out(old_scope, record.uid.as_str(), &write.terms_out)?;
        if write.purge {
            self.remove(record.uid.as_str())?;
        } else {
            if found.is_some() {
                self.update(record, scope, change.position)?;
            } else {
                self.insert(record, scope, change.position)?;
            }
            self.terms_in(scope, record.uid.as_str(), &write.terms_in)?;
        }
        self.log(&change)?;
        Ok(change.position)
    }

    fn found(&self, uid: &str) -> rusqlite::Result<Option<Found>> {
        self.db
            .prepare_cached("SELECT version, scope, name, deleted IS NULL FROM objects WHERE uid = ?1")?
            .query_row([uid], |row| {
                Ok(Found {
                    version: row.get::<_, i64>(0)? as u64,
                    scope: row.get(1)?,
                    name: row.get(2)?,
                    living: row.get(3)?,
                })
            })
            .optional()
    }

    fn named(&self, scope: i64, name: &str) -> base::Result<Option<String>> {
        let find = || {
            self.db
                .prepare_cached("SELECT uid FROM objects WHERE scope = ?1 AND name = ?2 AND deleted IS NULL")?
                .query_row(params![scope, name], |row| row.get(0))
                .optional()
        };
        find().map_err(|error| crate::fail::explained(&error))
    }

    /// The number of a record's scope, which is made if it is new.
    pub fn scope(&mut self, record: &Record) -> rusqlite::Result<i64> {
        let key = [record.org.clone(), record.kind.clone(), record.project.clone()];
        if let Some(id) = self.scopes.get(&key) {
            return Ok(*id);
        }
        let find = "SELECT id FROM scopes WHERE org = ?1 AND kind = ?2 AND project = ?3";
        let found = self
            .db
            .prepare_cached(find)?
            .query_row(params![key[0], key[1], key[2]], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => self
                .db
                .prepare_cached("INSERT INTO scopes (org, kind, project) VALUES (?1, ?2, ?3)")?
                .insert(params![key[0], key[1], key[2]])?,
        };
        self.scopes.insert(key, id);
        Ok(id)
    }

    /// Puts a new object into the table.
    pub fn insert(&self, record: &Record, scope: i64, version: u64) -> rusqlite::Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO objects (uid, scope, name, version, generation, created, deleted, body) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                record.uid.as_str(),
                scope,
                record.name,
                version as i64,
                record.generation as i64,
                record.created.micros(),
                record.deleted.map(Time::micros),
                record.body,
            ])
            .map(drop)
    }

    fn update(&self, record: &Record, scope: i64, version: u64) -> rusqlite::Result<()> {
        self.db
            .prepare_cached(
                "UPDATE objects SET scope = ?2, name = ?3, version = ?4, generation = ?5, \
                 created = ?6, deleted = ?7, body = ?8 WHERE uid = ?1",
            )?
            .execute(params![
                record.uid.as_str(),
                scope,
                record.name,
                version as i64,
                record.generation as i64,
                record.created.micros(),
                record.deleted.map(Time::micros),
                record.body,
            ])
            .map(drop)
    }

    /// Takes an object out of the table.
    pub fn remove(&self, uid: &str) -> rusqlite::Result<()> {
        self.db.prepare_cached("DELETE FROM objects WHERE uid = ?1")?.execute([uid]).map(drop)
    }

    /// Adds terms to the index.
    pub fn terms_in(&self, scope: i64, uid: &str, terms: &[Term]) -> rusqlite::Result<()> {
        let mut insert = self
            .db
            .prepare_cached("INSERT OR IGNORE INTO terms (scope, key, value, uid) VALUES (?1, ?2, ?3, ?4)")?;
        for term in terms {
            insert.execute(params![scope, term.key, term.value, uid])?;
        }
        Ok(())
    }

    /// Takes terms out of the index.
    pub fn terms_out(&self, scope: i64, uid: &str, terms: &[Term]) -> rusqlite::Result<()> {
        let mut delete = self
            .db
            .prepare_cached("DELETE FROM terms WHERE scope = ?1 AND key = ?2 AND value = ?3 AND uid = ?4")?;
        for term in terms {
            delete.execute(params![scope, term.key, term.value, uid])?;
        }
        Ok(())
    }

    /// Appends a sealed entry to the journal.
    pub fn log(&mut self, change: &Change) -> rusqlite::Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO changes (position, time, org, project, kind, uid, name, verb, actor, \
                 trace, deleted, body, previous, hash) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                change.position as i64,
                change.time.micros(),
                change.org,
                change.project,
                change.kind,
                change.uid.as_str(),
                change.name,
                change.verb,
                change.actor,
                change.trace,
                change.deleted,
                change.body,
                change.previous.bytes(),
                change.hash.bytes(),
            ])?;
        self.head = Head { position: change.position, hash: change.hash };
        Ok(())
    }

    fn keep(&self, kept: &Kept) -> Result<(), Failure> {
        if let Some(now) = kept.unless_kept {
            let taken = self
                .db
                .prepare_cached(
                    "SELECT 1 FROM kept WHERE space = ?1 AND key = ?2 \
                     AND (expires IS NULL OR expires > ?3)",
                )?
                .exists(params![kept.space, kept.key, now.micros()])?;
            if taken {
                return Err(store_sql::already_kept(&kept.space, &kept.key).into());
            }
        }
        self.db
            .prepare_cached(
                "INSERT INTO kept (space, key, value, expires) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (space, key) DO UPDATE SET value = excluded.value, expires = excluded.expires",
            )?
            .execute(params![kept.space, kept.key, kept.value, kept.expires.map(Time::micros),])?;
        Ok(())
    }

    fn append(&self, append: &Append) -> rusqlite::Result<()> {
        let next: i64 = self
            .db
            .prepare_cached("SELECT coalesce(max(number) + 1, 0) FROM streams WHERE stream = ?1")?
            .query_row([&append.stream], |row| row.get(0))?;
        let mut insert =
            self.db.prepare_cached("INSERT INTO streams (stream, number, entry) VALUES (?1, ?2, ?3)")?;
        for (number, entry) in (next..).zip(&append.entries) {
            insert.execute(params![append.stream, number, entry])?;
        }
        Ok(())
    }

    fn sweep(&self, now: Time) -> rusqlite::Result<()> {
        for text in ["DELETE FROM kept WHERE expires <= ?1", "DELETE FROM leases WHERE expires <= ?1"] {
            self.db.prepare_cached(text)?.execute([now.micros()])?;
        }
        Ok(())
    }
}

/// Whether a task may be refused after it has begun to write, so that its traces must be undone.
fn may_stop_midway(task: &Task) -> bool {
    let Task::Commit(commit) = task else {
        return false;
    };
    // A single write or kept value is refused before it is written; the order is writes, kept, streams.
    commit.writes.len() + commit.keep.len() > 1
}
