//! The PostgreSQL store shows the behaviour every store must.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use kernel::{
    Later, journal,
    store::{Commit, Store},
};
use testing::{Home, postgres::Server, store_suite::Draft};
use tokio::task::JoinSet;

struct Database {
    server: Arc<Mutex<Server>>,
    url: String,
}

type Opening<'a> = Pin<Box<dyn Future<Output = Arc<dyn Store>> + Send + 'a>>;

fn fresh(server: &Arc<Mutex<Server>>) -> Database {
    let url = server.lock().unwrap().database();
    let server = Arc::clone(server);
    Database { server, url }
}

impl Home for Database {
    fn open(&self) -> Later<'_, Arc<dyn Store>> {
        Box::pin(store_postgres::open(&self.url))
    }

    fn another(&self) -> Opening<'_> {
        let other = fresh(&self.server);
        Box::pin(async move { other.open().await.unwrap() })
    }

    fn shared(&self) -> bool {
        true
    }
}

/// A server, unless the machine has none: then the test says so and is over.
#[expect(clippy::print_stderr, reason = "a test that was skipped must be seen")]
fn server() -> Option<Arc<Mutex<Server>>> {
    match Server::start() {
        Ok(server) => Some(Arc::new(Mutex::new(server))),
        Err(why) => {
            eprintln!("skipped: {why}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_behaves_like_every_store() {
    let Some(server) = server() else { return };
    testing::store_suite(|| async { Arc::new(fresh(&server)) as Arc<dyn Home> }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_comes_back_when_its_server_does() {
    let Some(server) = server() else { return };
    let home = fresh(&server);
    let store = home.open().await.unwrap();
    let write = |name: &str| Commit { writes: vec![Draft::new(name).create()], ..Commit::default() };
    store.commit(write("before")).await.unwrap();
    tokio::task::spawn_blocking(move || server.lock().unwrap().crash()).await.unwrap();
    // The first answers may tell of the connections that broke, the next must not.
    while let Err(error) = store.ping().await {
        assert_eq!(error.code(), "store-unavailable");
    }
    store.commit(write("after")).await.unwrap();
    let names: Vec<String> = store.changes(0, 9).await.unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["before", "after"]);
    assert_eq!(journal::verify(&*store).await.unwrap().first_bad, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loses_nothing_that_was_acknowledged() {
    let Some(server) = server() else { return };
    let store = fresh(&server).open().await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        writers.spawn(async move {
            let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
            for number in 0.. {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let name = format!("w{writer}-{number}");
                let writes = vec![Draft::new(&name).create()];
                match store.commit(Commit { writes, ..Commit::default() }).await {
                    Ok(_) => acknowledged.push(name),
                    Err(error) => {
                        assert_eq!(error.code(), "store-unavailable", "{error:?}");
                        refused.push(name);
                    }
                }
            }
            (acknowledged, refused)
        });
    }
    let mut head = store.head();
    for target in [500, 1_000, 1_500] {
        head.wait_for(|position| *position > target).await.unwrap();
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || server.lock().unwrap().crash()).await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    let done = writers.join_all().await;
    while store.ping().await.is_err() {}
    let journal: Vec<String> = all(&*store).await;
    let written: HashSet<&String> = journal.iter().collect();
    assert_eq!(written.len(), journal.len(), "a write was doubled");
    for (acknowledged, refused) in &done {
        for name in acknowledged {
            assert!(written.contains(name), "`{name}` was acknowledged and lost");
        }
        for name in refused {
            assert!(!written.contains(name), "`{name}` was refused and is there");
        }
    }
    assert_eq!(journal::verify(&*store).await.unwrap().first_bad, None);
}

async fn all(store: &dyn Store) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    loop {
        let changes = store.changes(names.len() as u64, 1_000).await.unwrap();
        if changes.is_empty() {
            return names;
        }
        names.extend(changes.into_iter().map(|it| it.name));
    }
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_refused() {
    let error = store_postgres::open("nonsense").await.map(drop).unwrap_err();
    assert_eq!(error.code(), "invalid-database-url");
    let nowhere = "host=/nowhere/at/all user=aic dbname=none";
    let error = store_postgres::open(nowhere).await.map(drop).unwrap_err();
    assert_eq!(error.code(), "store-unavailable");
}
