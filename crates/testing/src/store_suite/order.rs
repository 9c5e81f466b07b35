//! The journal's order: whoever reads along sees every position once, without gaps.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Draft, Place, draft::commit};

pub async fn positions_have_no_gaps_for_whoever_reads_along(home: Place) {
    let store = home.open().await.unwrap();
    let total = 400;
    let mut followers = JoinSet::new();
    for _ in 0..3 {
        let store = Arc::clone(&store);
        followers.spawn(async move {
            let mut head = store.head();
            let mut seen = 0;
            while seen < total {
                head.wait_for(|position| *position > seen).await.unwrap();
                for change in store.changes(seen, 1000).await.unwrap() {
                    assert_eq!(change.position, seen + 1);
                    seen += 1;
                }
                // What the head announces can be read.
                assert!(*head.borrow() <= seen + 400);
            }
        });
    }
    let mut writers = JoinSet::new();
    for writer in 0..40 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let mut last = 0;
            for number in 0..5 {
                let pair = ["x", "y"].map(|it| Draft::new(&format!("{it}{writer}-{number}")));
                let written = store.commit(commit(pair.map(|it| it.create()))).await.unwrap();
                // Writes of one commit stand together, and an acknowledged one is announced.
                assert_eq!(written[1], written[0] + 1);
                assert!(written[0] > last && *store.head().borrow() >= written[1]);
                last = written[1];
            }
        });
    }
    for mut set in [writers, followers] {
        while let Some(done) = set.join_next().await {
            done.unwrap();
        }
    }
}
