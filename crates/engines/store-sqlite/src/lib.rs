//! The store in one SQLite file, with group commit: writes that wait together share one fsync.
//!
//! It stands on rusqlite, not sqlx, because group commit wants a writer thread of its own and
//! statements it keeps prepared. One process at a time writes to a data directory.

use std::{path::Path, sync::Arc};

use base::{Result, Time, Uid};
use kernel::{
    Later,
    index::Term,
    journal::Change,
    store::{ChangeQuery, Commit, Emptied, Kept, Lease, Outdated, Query, Record, Store},
};
use store_sql::{Answer, Claim, Task};
use tokio::sync::watch;

mod apply;
mod connection;
mod fail;
mod lease;
mod lock;
mod read;
mod readers;
mod replay;
mod writer;

use readers::Readers;
use writer::Writer;

/// Opens the store in a data directory, which is made if it is not there.
///
/// Dropping the last handle ends its threads and frees the directory.
///
/// # Errors
/// `data-dir-in-use` when another process has it open, `store-too-new` when a later version wrote
/// it, and what else keeps a disk from being read.
pub fn open(directory: &Path) -> Result<Arc<dyn Store>> {
    let lock = lock::take(directory)?;
    let file = directory.join("store.db");
    let (writer, head) = Writer::start(&file, lock)?;
    connection::sync_directory(directory)?;
    let readers = Readers::start(&file)?;
    Ok(Arc::new(Sqlite { readers, writer, head }))
}

// Fields drop in this order: nobody reads any more when the writer gives the directory back.
struct Sqlite {
    readers: Readers,
    writer: Writer,
    head: watch::Receiver<u64>,
}

impl Store for Sqlite {
    fn commit(&self, commit: Commit) -> Later<'_, Vec<u64>> {
        Box::pin(async move {
            store_sql::admit(&commit)?;
            match self.writer.ask(Task::Commit(commit)).await? {
                Answer::Positions(positions) => Ok(positions),
                Answer::Lease(_) | Answer::Done => Err(confused()),
            }
        })
    }

    fn by_name<'a>(
        &'a self,
        org: &'a str,
        kind: &'a str,
        project: &'a str,
        name: &'a str,
    ) -> Later<'a, Option<Record>> {
        let [org, kind, project, name] = [org, kind, project, name].map(String::from);
        Box::pin(self.readers.ask(move |db| read::by_name(db, [&org, &kind, &project, &name])))
    }

    fn by_uid<'a>(&'a self, uid: &'a Uid) -> Later<'a, Option<Record>> {
        let uid = uid.clone();
        Box::pin(self.readers.ask(move |db| read::by_uid(db, uid.as_str())))
    }

    fn list<'a>(&'a self, query: &'a Query) -> Later<'a, Vec<Record>> {
        let query = query.clone();
        Box::pin(self.readers.ask(move |db| read::list(db, &query)))
    }

    fn count<'a>(&'a self, query: &'a Query) -> Later<'a, u64> {
        let query = query.clone();
        Box::pin(self.readers.ask(move |db| read::count(db, &query)))
    }

    fn changes(&self, after: u64, limit: u32) -> Later<'_, Vec<Change>> {
        Box::pin(self.readers.ask(move |db| read::changes(db, after, limit)))
    }

    fn history<'a>(&'a self, query: &'a ChangeQuery) -> Later<'a, Vec<Change>> {
        let query = query.clone();
        Box::pin(self.readers.ask(move |db| read::history(db, &query)))
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    fn kept<'a>(&'a self, space: &'a str, key: &'a str, now: Time) -> Later<'a, Option<String>> {
        let [space, key] = [space, key].map(String::from);
        Box::pin(self.readers.ask(move |db| read::kept(db, &space, &key, now)))
    }

    fn kept_all<'a>(&'a self, space: Option<&'a str>) -> Later<'a, Vec<Kept>> {
        let space = space.map(String::from);
        Box::pin(self.readers.ask(move |db| read::kept_all(db, space.as_deref())))
    }

    fn stream<'a>(&'a self, stream: &'a str, from: u64, limit: u32) -> Later<'a, Vec<(u64, String)>> {
        let stream = stream.to_string();
        Box::pin(self.readers.ask(move |db| read::stream(db, &stream, from, limit)))
    }

    fn streams<'a>(&'a self, prefix: &'a str, after: &'a str, limit: u32) -> Later<'a, Vec<String>> {
        let [prefix, after] = [prefix, after].map(String::from);
        Box::pin(self.readers.ask(move |db| read::streams(db, &prefix, after, limit)))
    }

    fn drop_stream<'a>(&'a self, stream: &'a str) -> Later<'a, ()> {
        Box::pin(self.do_it(Task::DropStream(stream.to_string())))
    }

    fn lease<'a>(&'a self, key: &'a str, holder: &'a str, now: Time, ttl_s: u32) -> Later<'a, Option<Lease>> {
        Box::pin(async move {
            let claim = Claim {
                key: key.to_string(),
                holder: holder.to_string(),
                now,
                expires: now.plus_s(i64::from(ttl_s)),
            };
            match self.writer.ask(Task::Lease(claim)).await? {
                Answer::Lease(lease) => Ok(lease),
                Answer::Positions(_) | Answer::Done => Err(confused()),
            }
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> Later<'a, ()> {
        Box::pin(self.do_it(Task::Release(lease.clone())))
    }

    fn empty<'a>(&'a self, outdated: &'a Outdated) -> Later<'a, Emptied> {
        Box::pin(async move {
            let which = outdated.clone();
            let found = self.readers.ask(move |db| read::outdated(db, &which)).await?;
            let (bodies, answer) = store_sql::emptied(outdated, &found);
            if !bodies.is_empty() {
                self.do_it(Task::Empty(bodies)).await?;
            }
            Ok(answer)
        })
    }

    fn replay<'a>(
        &'a self,
        changes: Vec<Change>,
        terms: &'a (dyn Fn(&Record) -> Vec<Term> + Send + Sync),
    ) -> Later<'a, ()> {
        Box::pin(async move {
            let uids = changes.iter().map(|change| change.uid.clone()).collect();
            let before = self.readers.ask(move |db| read::by_uids(db, uids)).await?;
            // If anybody writes in between, the entries no longer continue the journal and are refused.
            let steps = store_sql::steps(&changes, before, terms)?;
            self.do_it(Task::Replay(changes, steps)).await
        })
    }

    fn sweep(&self, now: Time) -> Later<'_, ()> {
        Box::pin(self.do_it(Task::Sweep(now)))
    }

    fn ping(&self) -> Later<'_, ()> {
        Box::pin(async move {
            self.readers.ask(read::ping).await?;
            self.do_it(Task::Ping).await
        })
    }
}

impl Sqlite {
    async fn do_it(&self, task: Task) -> Result<()> {
        self.writer.ask(task).await.map(drop)
    }
}

fn confused() -> base::Error {
    base::Error::internal("the writer answered another question")
}
