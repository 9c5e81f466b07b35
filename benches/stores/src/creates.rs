//! Durable creates: clients that each wait for their object to be on the disk before the next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use kernel::store::{Commit, Store};
use serde_json::json;
use testing::store_suite::Draft;
use tokio::task::JoinSet;

use crate::percentile;

/// What came of it.
pub struct Measured {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Names differ over all runs of the program.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Objects of about 1 KiB with five index terms.
fn next() -> Commit {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut draft = Draft::new(&format!("c{number:012}")).spec(json!({
        "title": format!("create {number}"),
        "size": number,
        "text": "x".repeat(700),
    }));
    draft.record.kind = "demo.created".into();
    Commit { writes: vec![draft.create()], ..Commit::default() }
}

/// Lets so many clients create for a while.
pub async fn run(store: &Arc<dyn Store>, clients: usize, lasting: Duration) -> Measured {
    let mut running = JoinSet::new();
    let start = Instant::now();
    for _ in 0..clients {
        let store = Arc::clone(store);
        running.spawn(async move {
            let mut took = Vec::new();
            while start.elapsed() < lasting {
                let commit = next();
                let begun = Instant::now();
                if store.commit(commit).await.is_ok() {
                    took.push(begun.elapsed().as_secs_f64() * 1e3);
                }
            }
            took
        });
    }
    let mut took: Vec<f64> = running.join_all().await.into_iter().flatten().collect();
    let per_second = took.len() as f64 / start.elapsed().as_secs_f64();
    took.sort_by(f64::total_cmp);
    Measured { per_second, p50_ms: percentile(&took, 0.5), p99_ms: percentile(&took, 0.99) }
}
