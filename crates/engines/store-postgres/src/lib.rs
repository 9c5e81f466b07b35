//! The store in PostgreSQL, with group commit, for several processes at once.
//!
//! Each process decides what waits in memory and writes it with a handful of statements, in its
//! turn: whoever writes holds the one row that says where the journal ends.

use std::sync::Arc;

use base::{Result, Time, Uid};
use deadpool_postgres::Pool;
use kernel::{
    Later,
    index::Term,
    journal::Change,
    store::{ChangeQuery, Commit, Emptied, Kept, Lease, Outdated, Query, Record, Store},
};
use store_sql::{Answer, Claim, Task};
use tokio::{sync::watch, task::JoinHandle};

mod connect;
mod fail;
mod flush;
mod layer;
mod ledger;
mod listen;
mod load;
mod read;
mod statements;
mod writer;

use writer::Writer;

/// Opens the store in a database, by its URL (`postgres://user:password@host/name`) or by settings
/// (`host=/run/postgresql dbname=name`), and brings its layout up to date.
///
/// # Errors
/// `invalid-database-url`, `store-too-new` when a later version wrote it, and `store-unavailable`.
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    let config = connect::settings(url)?;
    connect::migrate(&config).await?;
    let readers = connect::readers(&config)?;
    let (head, _) = watch::channel(read::head(&readers).await?);
    let listener = tokio::spawn(listen::follow(config.clone(), head.clone()));
    Ok(Arc::new(Postgres { readers, writer: Writer::start(config, head.clone()), head, listener }))
}

struct Postgres {
    readers: Pool,
    writer: Writer,
    head: watch::Sender<u64>,
    listener: JoinHandle<()>,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Store for Postgres {
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
        Box::pin(read::by_name(&self.readers, [org, kind, project, name]))
    }

    fn by_uid<'a>(&'a self, uid: &'a Uid) -> Later<'a, Option<Record>> {
        Box::pin(read::by_uid(&self.readers, uid.as_str()))
    }

    fn list<'a>(&'a self, query: &'a Query) -> Later<'a, Vec<Record>> {
        Box::pin(read::list(&self.readers, query))
    }

    fn count<'a>(&'a self, query: &'a Query) -> Later<'a, u64> {
        Box::pin(read::count(&self.readers, query))
    }

    fn changes(&self, after: u64, limit: u32) -> Later<'_, Vec<Change>> {
        Box::pin(read::changes(&self.readers, after, limit))
    }

    fn history<'a>(&'a self, query: &'a ChangeQuery) -> Later<'a, Vec<Change>> {
        Box::pin(read::history(&self.readers, query))
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    fn kept<'a>(&'a self, space: &'a str, key: &'a str, now: Time) -> Later<'a, Option<String>> {
        Box::pin(read::kept(&self.readers, space, key, now))
    }

    fn kept_all<'a>(&'a self, space: Option<&'a str>) -> Later<'a, Vec<Kept>> {
        Box::pin(read::kept_all(&self.readers, space))
    }

    fn stream<'a>(&'a self, stream: &'a str, from: u64, limit: u32) -> Later<'a, Vec<(u64, String)>> {
        Box::pin(read::stream(&self.readers, stream, from, limit))
    }

    fn streams<'a>(&'a self, prefix: &'a str, after: &'a str, limit: u32) -> Later<'a, Vec<String>> {
        Box::pin(read::streams(&self.readers, prefix, after, limit))
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
            let found = read::outdated(&self.readers, outdated).await?;
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
            let before = read::by_uids(&self.readers, uids).await?;
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
            read::ping(&self.readers).await?;
            self.do_it(Task::Ping).await
        })
    }
}

impl Postgres {
    async fn do_it(&self, task: Task) -> Result<()> {
        self.writer.ask(task).await.map(drop)
    }
}

fn confused() -> base::Error {
    base::Error::internal("the writer answered another question")
}
