//! The tables in a PostgreSQL, for several processes at once, with group commit.
//!
//! Whoever writes holds the one row that counts changes, so that changes appear in the order of their numbers and
//! nobody who follows them misses one.

use base::{Digest, Result, Uid};
use deadpool_postgres::Pool;
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
mod connect;
mod read;
mod traces;
mod writer;

/// Opens the tables of a database and brings them up to date.
///
/// # Errors
/// `invalid-database-url`, `store-too-new` when a later version wrote them, and `store-unavailable`.
pub async fn open(url: &str) -> Result<Postgres> {
    let config = connect::settings(url)?;
    connect::migrate(&config).await?;
    Ok(Postgres { readers: connect::readers(&config)?, writer: writer::Writer::start(config) })
}

/// The open tables.
pub struct Postgres {
    readers: Pool,
    writer: writer::Writer,
}

impl Disk for Postgres {
    fn write(&self, task: Task) -> Later<'_, u64> {
        Box::pin(self.writer.ask(task))
    }

    fn doc<'a>(&'a self, org: &'a str, run: &'a Uid) -> Later<'a, Option<(i64, Vec<u8>)>> {
        Box::pin(read::doc(&self.readers, org, run))
    }

    fn docs(&self, numbers: Vec<i64>) -> Later<'_, Vec<Vec<u8>>> {
        Box::pin(read::docs(&self.readers, numbers))
    }

    fn experiment<'a>(&'a self, org: &'a str, id: &'a Uid) -> Later<'a, Option<i64>> {
        Box::pin(read::experiment(&self.readers, org, id))
    }

    fn changed(&self, experiment: i64, after: (i64, i64), limit: u32) -> Later<'_, Vec<Changed>> {
        Box::pin(read::changed(&self.readers, experiment, after, limit))
    }

    fn blocks<'a>(&'a self, run: i64, key: &'a str) -> Later<'a, Vec<Vec<u8>>> {
        Box::pin(read::blocks(&self.readers, run, key))
    }

    fn measuring<'a>(&'a self, org: &'a str, models: &'a [String]) -> Later<'a, Vec<Vec<u8>>> {
        Box::pin(read::measuring(&self.readers, org, models))
    }

    fn scan(&self, after: i64, limit: u32) -> Later<'_, Vec<(i64, Vec<u8>)>> {
        Box::pin(read::scan(&self.readers, after, limit))
    }

    fn files(&self, part: Part) -> Later<'_, Vec<File>> {
        Box::pin(read::files(&self.readers, part))
    }

    fn entries(&self, part: Part) -> Later<'_, Vec<Entry>> {
        Box::pin(read::entries(&self.readers, part))
    }

    fn blobs(&self, after: Option<Digest>, limit: u32) -> Later<'_, Vec<Digest>> {
        Box::pin(read::blobs(&self.readers, after, limit))
    }

    fn traces<'a>(&'a self, org: &'a str, ids: &'a [String]) -> Later<'a, Vec<Trace>> {
        Box::pin(traces::by_id(&self.readers, org, ids))
    }

    fn spans<'a>(&'a self, org: &'a str, id: &'a str) -> Later<'a, Vec<Span>> {
        Box::pin(traces::spans(&self.readers, org, id))
    }

    fn find(&self, ask: trace::Search) -> Later<'_, Vec<Trace>> {
        Box::pin(traces::find(&self.readers, ask))
    }

    fn measure(&self, ask: Measure) -> Later<'_, Vec<Point>> {
        Box::pin(traces::measure(&self.readers, ask))
    }

    fn count(&self, ask: trace::Search) -> Later<'_, u64> {
        Box::pin(traces::count(&self.readers, ask))
    }

    fn all_traces(&self, after: i64, limit: u32) -> Later<'_, Vec<(i64, Trace)>> {
        Box::pin(traces::scan(&self.readers, after, limit))
    }

    fn all_files(&self, after: [String; 3], limit: u32) -> Later<'_, Vec<(String, File)>> {
        Box::pin(read::all_files(&self.readers, after, limit))
    }
}
