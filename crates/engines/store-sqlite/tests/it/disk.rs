//! A disk that is full or fails: writing is refused clearly, reading goes on, and all is well afterwards.

use std::{path::Path, process::Command};

use kernel::{
    journal,
    store::{Commit, Store},
};
use serde_json::json;
use testing::store_suite::Draft;

use crate::faulty::{Faults, register};

/// A file system of a few megabytes, unmounted at the end.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Result<Self, String> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
            .arg(directory.path())
            .output()
            .map_err(|error| error.to_string())?;
        if mounted.status.success() {
            return Ok(Self(directory));
        }
        Err(String::from_utf8_lossy(&mounted.stderr).trim().to_string())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

fn large(name: &str) -> Commit {
    let draft = Draft::new(name).spec(json!({"title": "x".repeat(40_000)}));
    Commit { writes: vec![draft.create()], ..Commit::default() }
}

/// Everything that was acknowledged is there, nothing else is, and the chain holds.
async fn sound(store: &dyn Store, written: &[String]) {
    let journal = store.changes(0, 10_000).await.unwrap();
    let names: Vec<String> = journal.into_iter().map(|change| change.name).collect();
    assert_eq!(names, written);
    assert_eq!(journal::verify(store).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_recovers() {
    let small = match Small::mount() {
        Ok(small) => small,
        Err(why) => {
            eprintln!("skipped: no small file system can be mounted here: {why}");
            return;
        }
    };
    let ballast = small.path().join("ballast");
    std::fs::write(&ballast, vec![0; 2 << 20]).unwrap();
    let store = store_sqlite::open(small.path()).unwrap();
    let mut written = Vec::new();
    let mut refused = 0;
    // Full once, and filled up to the last byte by smaller and smaller attempts.
    for number in 0..400 {
        let name = format!("n{number}");
        match store.commit(large(&name)).await {
            Ok(_) => written.push(name),
            Err(error) => {
                assert_eq!((error.code(), error.status().code()), ("store-full", 507));
                refused += 1;
                if refused > 20 {
                    break;
                }
            }
        }
    }
    assert!(written.len() > 10 && refused > 20);
    sound(&*store, &written).await;
    assert!(store.by_name("acme", "demo.things", "default", "n0").await.unwrap().is_some());
    std::fs::remove_file(&ballast).unwrap();
    store.commit(large("again")).await.unwrap();
    written.push("again".into());
    sound(&*store, &written).await;
    drop(store);
    let store = store_sqlite::open(small.path()).unwrap();
    sound(&*store, &written).await;
}

#[tokio::test]
async fn a_disk_that_cannot_sync_refuses_writes_and_recovers() {
    failing(&Faults::sync).await;
}

#[tokio::test]
async fn a_disk_that_cannot_write_refuses_writes_and_recovers() {
    failing(&Faults::write).await;
}

async fn failing(fault: &dyn Fn(&Faults, bool)) {
    let directory = tempfile::Builder::new().prefix("faulty-").tempdir().unwrap();
    let faults = register();
    let store = store_sqlite::open(directory.path()).unwrap();
    let mut written = Vec::new();
    for round in 0..20 {
        let name = format!("good{round}");
        store.commit(large(&name)).await.unwrap();
        written.push(name);
        fault(faults, true);
        for attempt in 0..3 {
            let error = store.commit(large(&format!("bad{round}-{attempt}"))).await.unwrap_err();
            assert_eq!((error.code(), error.status().code()), ("store-unavailable", 503));
            // If the process died now, what was refused must not be there afterwards.
            let copy = tempfile::tempdir().unwrap();
            for file in ["store.db", "store.db-wal"] {
                std::fs::copy(directory.path().join(file), copy.path().join(file)).unwrap();
            }
            sound(&*store_sqlite::open(copy.path()).unwrap(), &written).await;
            assert_eq!(store.ping().await.unwrap_err().code(), "store-unavailable");
            sound(&*store, &written).await;
        }
        fault(faults, false);
    }
    sound(&*store, &written).await;
    drop(store);
    sound(&*store_sqlite::open(directory.path()).unwrap(), &written).await;
}
