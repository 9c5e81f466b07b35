//! A group of tasks as one transaction.

use base::{Error, Result, Uid};
use ports::tracking::{Piece, file::File};
use rusqlite::{Connection, params};

use super::{explained, read, traces};
use crate::{
    block,
    disk::{end_of, number},
    doc::Doc,
    ledger::{Key, Ledger, Stored, Task, next_block, together},
};

/// What ends a whole group.
pub enum Failure {
    /// The file.
    Disk(rusqlite::Error),
    /// Anything else.
    Other(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Does the tasks together. A refusal concerns only its own task, a failure all.
pub fn group(db: &Connection, tasks: &[Task]) -> Result<Vec<Result<u64>>> {
    attempt(db, tasks).map_err(|failure| {
        // What fails here is a transaction that has ended already.
        let _ = db.execute_batch("ROLLBACK");
        match failure {
            Failure::Disk(error) => explained(&error),
            Failure::Other(error) => error,
        }
    })
}

fn attempt(db: &Connection, tasks: &[Task]) -> std::result::Result<Vec<Result<u64>>, Failure> {
    db.execute_batch("BEGIN IMMEDIATE")?;
    let mut ledger = Ledger::default();
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        for key in task.keys() {
            load(db, &mut ledger, key)?;
        }
        answers.push(match ledger.perform(task) {
            Ok(()) => beside(db, task)?,
            Err(error) => Err(error),
        });
    }
    flush(db, ledger)?;
    db.execute_batch("COMMIT")?;
    Ok(answers)
}

fn load(db: &Connection, ledger: &mut Ledger, key: Key) -> std::result::Result<(), Failure> {
    if ledger.runs.contains_key(&key) {
        return Ok(());
    }
    let stored = match read::doc(db, &key.0, &key.1)? {
        Some((number, doc)) if doc.is_empty() => Stored { number: Some(number), doc: None },
        Some((number, doc)) => {
            Stored { number: Some(number), doc: Some(Doc::decode(&doc).map_err(Error::from)?) }
        }
        None => Stored { number: None, doc: None },
    };
    ledger.runs.insert(key, stored);
    Ok(())
}

/// What of a task is no matter of the ledger: files and traces. A refusal within concerns only the task.
fn beside(db: &Connection, task: &Task) -> std::result::Result<Result<u64>, Failure> {
    match task {
        Task::Traces(act) => Ok(traces::perform(db, act)?),
        Task::Import(pieces) => {
            traces::import(db, pieces)?;
            Ok(Ok(move_files(db, task)?))
        }
        Task::Put(_) | Task::Log(..) | Task::Forget(..) | Task::Place(..) | Task::Remove(..) => {
            Ok(Ok(move_files(db, task)?))
        }
    }
}

fn move_files(db: &Connection, task: &Task) -> rusqlite::Result<u64> {
    match task {
        Task::Place(org, files) => {
            files.iter().try_for_each(|file| place(db, org, file))?;
            Ok(files.len() as u64)
        }
        Task::Remove(org, tree, path) => remove(db, org, tree, path),
        Task::Import(pieces) => {
            for piece in pieces {
                if let Piece::File(org, file) = piece {
                    place(db, org, file)?;
                }
            }
            Ok(0)
        }
        Task::Put(_) | Task::Log(..) | Task::Forget(..) | Task::Traces(_) => Ok(0),
    }
}

fn place(db: &Connection, org: &str, file: &File) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            org,
            file.tree.as_str(),
            file.path,
            file.blob.bytes(),
            file.bytes as i64,
            file.time_ms
        ])
        .map(drop)
}

fn remove(db: &Connection, org: &str, tree: &Uid, path: &str) -> rusqlite::Result<u64> {
    let gone = db
        .prepare_cached(
            "DELETE FROM files WHERE org = ?1 AND tree = ?2
             AND (?3 = '' OR path = ?3 OR (path > ?4 AND path < ?5))",
        )?
        .execute(params![org, tree.as_str(), path, format!("{path}/"), end_of(path)])?;
    Ok(gone as u64)
}

fn flush(db: &Connection, mut ledger: Ledger) -> std::result::Result<(), Failure> {
    if ledger.changed.is_empty() {
        return Ok(());
    }
    let change: i64 = db
        .prepare_cached("UPDATE counter SET change = change + 1 RETURNING change")?
        .query_row([], |row| row.get(0))?;
    for key in &ledger.forgotten {
        let run = ledger.runs.get(key).and_then(|stored| stored.number);
        db.prepare_cached("DELETE FROM blocks WHERE run = ?1")?.execute([run])?;
        // By the models in its record it would be found faster; forgetting is rare.
        db.prepare_cached("DELETE FROM measured WHERE org = ?1 AND run = ?2")?
            .execute(params![key.0, run])?;
    }
    for key in &ledger.changed {
        let Some(stored) = ledger.runs.get_mut(key) else { continue };
        if let (None, Some(doc)) = (stored.number, &stored.doc) {
            stored.number = Some(new_number(db, &key.0, &doc.run.experiment)?);
        }
    }
    for ((key, metric), points) in std::mem::take(&mut ledger.points) {
        let Some(Stored { number: Some(run), doc: Some(doc) }) = ledger.runs.get_mut(&key) else { continue };
        append(db, (*run, doc), &metric, points)?;
    }
    for (model, key) in &ledger.models {
        let run = ledger.runs.get(key).and_then(|stored| stored.number);
        db.prepare_cached("INSERT OR IGNORE INTO measured VALUES (?1, ?2, ?3)")?
            .execute(params![key.0, model, run])?;
    }
    let mut write = db.prepare_cached(
        "INSERT INTO runs (number, org, id, experiment, change, doc) VALUES (?1, ?2, ?3, ?1 >> 32, ?4, ?5)
         ON CONFLICT (number) DO UPDATE SET change = excluded.change, doc = excluded.doc",
    )?;
    for key in &ledger.changed {
        let Some(Stored { number: Some(number), doc }) = ledger.runs.get(key) else { continue };
        let doc = doc.as_ref().map(Doc::encode).unwrap_or_default();
        write.execute(params![number, key.0, key.1.as_str(), change, doc])?;
    }
    Ok(())
}

fn new_number(db: &Connection, org: &str, experiment: &Uid) -> rusqlite::Result<i64> {
    let (experiment, place) = db
        .prepare_cached(
            "INSERT INTO experiments (org, id, places) VALUES (?1, ?2, 1)
             ON CONFLICT (org, id) DO UPDATE SET places = places + 1 RETURNING number, places - 1",
        )?
        .query_row((org, experiment.as_str()), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(number(experiment, place))
}

fn append(
    db: &Connection,
    (run, doc): (i64, &mut Doc),
    metric: &str,
    mut points: Vec<block::Point>,
) -> std::result::Result<(), Failure> {
    let Some((number, open)) = next_block(doc, metric) else { return Ok(()) };
    block::settle(&mut points);
    let mut insert = db.prepare_cached("INSERT INTO blocks VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute(params![run, metric, number as i64, block::encode(&points)])?;
    let Some(open) = open else { return Ok(()) };
    let made = together(doc, metric, &read::blocks(db, run, metric, open)?)?;
    db.prepare_cached("DELETE FROM blocks WHERE run = ?1 AND key = ?2 AND number >= ?3")?
        .execute(params![run, metric, open as i64])?;
    for (at, block) in made.iter().enumerate() {
        insert.execute(params![run, metric, open as i64 + at as i64, block])?;
    }
    Ok(())
}
