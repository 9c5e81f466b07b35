//! Several processes on one store, as far as the store can be shared.

use std::{sync::Arc, time::Duration};

use kernel::journal;
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};

use super::{Draft, Place, draft::commit};

/// Longer than any announcement takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn what_one_process_writes_the_others_hear_of(home: Place) {
    if !home.shared() {
        return;
    }
    let stores = [home.open().await.unwrap(), home.open().await.unwrap()];
    let mut head = stores[1].head();
    let heard = head.wait_for(|position| *position >= 1);
    let written = stores[0].commit(commit([Draft::new("a").create()]));
    assert_eq!(written.await.unwrap(), [1]);
    assert_eq!(*timeout(PATIENCE, heard).await.unwrap().unwrap(), 1);
    let seen = stores[1].by_name("acme", "demo.things", "default", "a").await.unwrap();
    assert_eq!(seen.unwrap().version, 1);
    // A lease taken through one is taken for all.
    let now = seen_at();
    assert!(stores[0].lease("x", "one", now, 10).await.unwrap().is_some());
    assert!(stores[1].lease("x", "two", now, 10).await.unwrap().is_none());
}

fn seen_at() -> base::Time {
    base::Time::from_micros(super::draft::START)
}

pub async fn processes_that_write_at_once_leave_no_gaps(home: Place) {
    if !home.shared() {
        return;
    }
    let stores = [home.open().await.unwrap(), home.open().await.unwrap(), home.open().await.unwrap()];
    let counter = Draft::new("counter").spec(json!({"size": 0}));
    stores[0].commit(commit([counter.create()])).await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..24 {
        let store = Arc::clone(&stores[writer % 3]);
        let counter = counter.clone();
        writers.spawn(async move {
            for number in 0..10 {
                let name = format!("w{writer}-{number}");
                store.commit(commit([Draft::new(&name).create()])).await.unwrap();
            }
            loop {
                let seen = store.by_uid(&counter.record.uid).await.unwrap().unwrap();
                let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
                let size = body["spec"]["size"].as_u64().unwrap();
                let before = counter.clone().spec(json!({"size": size}));
                let after = counter.clone().spec(json!({"size": size + 1}));
                match store.commit(commit([after.replace(seen.version, &before)])).await {
                    Ok(_) => return,
                    Err(error) => assert_eq!(error.code(), "stale-version"),
                }
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let verdict = journal::verify(&*stores[1]).await.unwrap();
    assert_eq!((verdict.entries, verdict.first_bad), (1 + 240 + 24, None));
    let last = stores[2].by_uid(&counter.record.uid).await.unwrap().unwrap();
    assert!(last.body.contains(r#""size":24"#), "{}", last.body);
}
