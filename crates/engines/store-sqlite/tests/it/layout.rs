//! The layout: what an older version wrote is read, what a newer one wrote is refused.

use std::path::Path;

use kernel::journal;
use rusqlite::Connection;
use testing::store_suite::Draft;

/// What version 0.1 of the platform leaves behind: a dump of its file after three commits.
const FIRST: &str = include_str!("../fixtures/layout-0001.sql");

fn written_by(directory: &Path, dump: &str, layout: i64) {
    let db = Connection::open(directory.join("store.db")).unwrap();
    db.execute_batch(dump).unwrap();
    db.pragma_update(None, "user_version", layout).unwrap();
}

#[tokio::test]
async fn a_store_of_the_first_layout_is_read() {
    let directory = tempfile::tempdir().unwrap();
    written_by(directory.path(), FIRST, 1);
    let store = store_sqlite::open(directory.path()).unwrap();
    let verdict = journal::verify(&*store).await.unwrap();
    assert_eq!((verdict.entries, verdict.first_bad), (4, None));
    let found = store.by_name("acme", "demo.things", "default", "churn").await.unwrap();
    assert_eq!(found.unwrap().version, 3);
    let entries = store.stream("log/run_1", 0, 9).await.unwrap();
    assert_eq!(entries, [(0, "one".into()), (1, "two".into())]);
    let next = kernel::store::Commit { writes: vec![Draft::new("next").create()], ..Default::default() };
    assert_eq!(store.commit(next).await.unwrap(), [5]);
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    written_by(directory.path(), FIRST, 999);
    let error = store_sqlite::open(directory.path()).map(drop).unwrap_err();
    assert_eq!(error.code(), "store-too-new");
}

/// Writes the dump anew. A released one stays as it is; a new layout gets a file of its own.
#[tokio::test]
#[ignore = "it prints the fixture of the present layout"]
async fn print_the_fixture() {
    use serde_json::json;
    let directory = tempfile::tempdir().unwrap();
    let store = store_sqlite::open(directory.path()).unwrap();
    let churn = Draft::new("churn").spec(json!({"title": "it's", "size": 1.5}));
    let later = churn.clone().spec(json!({"title": "ä", "size": 2}));
    let mut gone = Draft::new("gone").labels(json!({"team": "x"}));
    let mut first =
        kernel::store::Commit { writes: vec![churn.create(), gone.create()], ..Default::default() };
    first.appends.push(kernel::store::Append {
        stream: "log/run_1".into(),
        entries: vec!["one".into(), "two".into()],
    });
    store.commit(first).await.unwrap();
    let second =
        kernel::store::Commit { writes: vec![later.replace(1, &churn), gone.trash(2)], ..Default::default() };
    store.commit(second).await.unwrap();
    drop(store);
    let dump = std::process::Command::new("sqlite3")
        .arg(directory.path().join("store.db"))
        .arg(".dump")
        .output()
        .unwrap();
    println!("{}", String::from_utf8(dump.stdout).unwrap());
}
