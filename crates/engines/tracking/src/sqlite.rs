//! The tables in a SQLite file of their own, `tracking.db`, with group commit.

use std::path::Path;

use base::{Digest, Error, Result, Uid};
use ports::{
    Later,
    tracking::{
        file::{Entry, File},
        trace::{
            self, Span, Trace,
            measure::{Measure, Point},
        },
    },
};

use crate::{
    disk::{Changed, Disk, Part},
    ledger::Task,
};

mod apply;
mod connection;
mod read;
mod threads;
mod traces;

use threads::{Readers, Writer};

/// Opens the file in a data directory whose lock the caller holds.
///
/// # Errors
/// `store-too-new` when a later version wrote it, and `store-unavailable`.
pub fn open(directory: &Path) -> Result<Sqlite> {
    let file = directory.join("tracking.db");
    let writer = Writer::start(&file)?;
    std::fs::File::open(directory)
        .and_then(|it| it.sync_all())
        .map_err(|error| unavailable().because(error))?;
    Ok(Sqlite { readers: Readers::start(&file)?, writer })
}

/// The open file. Dropping it ends its threads; reading ends before writing.
pub struct Sqlite {
    readers: Readers,
    writer: Writer,
}

fn explained(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => {
            Error::new(base::Status::NoRoom, "store-full", "the disk is full; nothing was written")
                .hint("make room in the data directory; reading goes on, and writing resumes by itself")
                .retry_after(30)
                .because(error)
        }
        _ => unavailable().because(error),
    }
}

fn unavailable() -> Error {
    Error::unavailable("store-unavailable", "the store cannot be reached just now")
        .hint("try again; if it stays, look at the server's log")
        .retry_after(5)
}

impl Disk for Sqlite {
    fn write(&self, task: Task) -> Later<'_, u64> {
        Box::pin(self.writer.ask(task))
    }

    fn doc<'a>(&'a self, org: &'a str, run: &'a Uid) -> Later<'a, Option<(i64, Vec<u8>)>> {
        let (org, run) = (org.to_owned(), run.clone());
        Box::pin(self.readers.ask(move |db| read::doc(db, &org, &run)))
    }

    fn docs(&self, numbers: Vec<i64>) -> Later<'_, Vec<Vec<u8>>> {
        Box::pin(self.readers.ask(move |db| read::docs(db, &numbers)))
    }

    fn experiment<'a>(&'a self, org: &'a str, id: &'a Uid) -> Later<'a, Option<i64>> {
        let (org, id) = (org.to_owned(), id.clone());
        Box::pin(self.readers.ask(move |db| read::experiment(db, &org, &id)))
    }

    fn changed(&self, experiment: i64, after: (i64, i64), limit: u32) -> Later<'_, Vec<Changed>> {
        Box::pin(self.readers.ask(move |db| read::changed(db, experiment, after, limit)))
    }

    fn blocks<'a>(&'a self, run: i64, key: &'a str) -> Later<'a, Vec<Vec<u8>>> {
        let key = key.to_owned();
        Box::pin(self.readers.ask(move |db| read::blocks(db, run, &key, 0)))
    }

    fn measuring<'a>(&'a self, org: &'a str, models: &'a [String]) -> Later<'a, Vec<Vec<u8>>> {
        let (org, models) = (org.to_owned(), models.to_vec());
        Box::pin(self.readers.ask(move |db| read::measuring(db, &org, &models)))
    }

    fn scan(&self, after: i64, limit: u32) -> Later<'_, Vec<(i64, Vec<u8>)>> {
        Box::pin(self.readers.ask(move |db| read::scan(db, after, limit)))
    }

    fn files(&self, part: Part) -> Later<'_, Vec<File>> {
        Box::pin(self.readers.ask(move |db| read::files(db, &part)))
    }

    fn entries(&self, part: Part) -> Later<'_, Vec<Entry>> {
        Box::pin(self.readers.ask(move |db| read::entries(db, &part)))
    }

    fn blobs(&self, after: Option<Digest>, limit: u32) -> Later<'_, Vec<Digest>> {
        Box::pin(self.readers.ask(move |db| read::blobs(db, after, limit)))
    }

    fn traces<'a>(&'a self, org: &'a str, ids: &'a [String]) -> Later<'a, Vec<Trace>> {
        let (org, ids) = (org.to_owned(), ids.to_vec());
        Box::pin(async move { self.readers.ask(move |db| traces::by_id(db, &org, &ids)).await? })
    }

    fn spans<'a>(&'a self, org: &'a str, id: &'a str) -> Later<'a, Vec<Span>> {
        let (org, id) = (org.to_owned(), id.to_owned());
        Box::pin(async move { self.readers.ask(move |db| traces::spans(db, &org, &id)).await? })
    }

    fn find(&self, ask: trace::Search) -> Later<'_, Vec<Trace>> {
        Box::pin(async move { self.readers.ask(move |db| traces::find(db, &ask)).await? })
    }

    fn measure(&self, ask: Measure) -> Later<'_, Vec<Point>> {
        Box::pin(async move { self.readers.ask(move |db| traces::measure(db, &ask)).await? })
    }

    fn count(&self, ask: trace::Search) -> Later<'_, u64> {
        Box::pin(async move { self.readers.ask(move |db| traces::count(db, &ask)).await? })
    }

    fn all_traces(&self, after: i64, limit: u32) -> Later<'_, Vec<(i64, Trace)>> {
        Box::pin(async move { self.readers.ask(move |db| traces::scan(db, after, limit)).await? })
    }

    fn all_files(&self, after: [String; 3], limit: u32) -> Later<'_, Vec<(String, File)>> {
        Box::pin(self.readers.ask(move |db| read::all_files(db, &after, limit)))
    }
}
