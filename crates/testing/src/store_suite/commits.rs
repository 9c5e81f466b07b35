//! Writing: whole or not at all, in order, and never over somebody else's change.

use std::sync::Arc;

use base::Uid;
use kernel::{
    journal,
    store::{Ceiling, ChangeQuery, Commit, Store},
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Draft, Place, draft::commit};

fn uid(name: &str) -> Uid {
    Uid::known(format!("thg_{name}"))
}

async fn alive(store: &dyn Store, name: &str) -> Option<u64> {
    let found = store.by_name("acme", "demo.things", "default", name).await;
    found.unwrap().map(|record| record.version)
}

pub async fn a_commit_happens_whole_or_not_at_all(home: Place) {
    let store = home.open().await.unwrap();
    let [a, b] = ["a", "b"].map(Draft::new);
    assert_eq!(store.commit(commit([a.create()])).await.unwrap(), [1]);
    // The second write fails, so the first must leave no trace either.
    let error = store.commit(commit([b.create(), a.create()])).await.unwrap_err();
    assert_eq!(error.code(), "already-exists");
    assert_eq!(alive(&*store, "b").await, None);
    assert_eq!(store.changes(0, 10).await.unwrap().len(), 1);
    // And its place in the journal is free.
    assert_eq!(store.commit(commit([b.create()])).await.unwrap(), [2]);
    assert_eq!(*store.head().borrow(), 2);
    // What happens within one commit happens in its order.
    let mut old = a.clone();
    let new = Draft::new("a").uid("thg_new");
    let both = commit([old.trash(1), new.create()]);
    assert_eq!(store.commit(both).await.unwrap(), [3, 4]);
    let verdict = journal::verify(&*store).await.unwrap();
    assert_eq!((verdict.entries, verdict.first_bad), (4, None));
}

pub async fn of_64_writers_no_more_than_the_ceiling_get_in(home: Place) {
    let store = home.open().await.unwrap();
    let limited = |write| {
        let (org, kind, project) = ("acme".into(), "demo.things".into(), "default".into());
        let ceiling = Ceiling { org, kind, project, max: 5, rule: "quota/small".into() };
        Commit { ceilings: vec![ceiling], ..commit([write]) }
    };
    let mut writers = JoinSet::new();
    for number in 0..64 {
        let (store, write) = (Arc::clone(&store), Draft::new(&format!("thing{number}")).create());
        writers.spawn(async move { (number, store.commit(limited(write)).await) });
    }
    let (mut inside, mut refused) = (Vec::new(), 0);
    while let Some(done) = writers.join_next().await {
        match done.unwrap() {
            (number, Ok(positions)) => inside.push((number, positions[0])),
            (_, Err(error)) => {
                assert_eq!((error.code(), error.status().code()), ("quota-exceeded", 403));
                refused += 1;
            }
        }
    }
    assert_eq!((inside.len(), refused), (5, 59));
    // What is in the trash makes room; another project has room of its own.
    let (number, version) = inside[0];
    let elsewhere = Draft::new("elsewhere").within("acme", "other");
    store.commit(commit([elsewhere.create()])).await.unwrap();
    assert!(store.commit(limited(Draft::new("late").create())).await.is_err());
    store.commit(commit([Draft::new(&format!("thing{number}")).trash(version)])).await.unwrap();
    store.commit(limited(Draft::new("late").create())).await.unwrap();
    assert!(store.commit(limited(Draft::new("later").create())).await.is_err());
}

pub async fn a_stale_write_is_refused(home: Place) {
    let store = home.open().await.unwrap();
    let small = Draft::new("a").spec(json!({"size": 1}));
    let large = small.clone().spec(json!({"size": 2}));
    store.commit(commit([small.create()])).await.unwrap();
    store.commit(commit([large.replace(1, &small)])).await.unwrap();
    let error = store.commit(commit([small.replace(1, &large)])).await.unwrap_err();
    assert_eq!((error.code(), error.status().code()), ("stale-version", 409));
    let missing = Draft::new("none");
    let error = store.commit(commit([missing.replace(1, &missing)])).await.unwrap_err();
    assert_eq!(error.code(), "stale-version");
    let kept = store.by_uid(&uid("a")).await.unwrap().unwrap();
    assert_eq!((kept.version, kept.body), (2, large.record().body));
}

pub async fn a_name_is_free_again_once_its_object_is_in_the_trash(home: Place) {
    let store = home.open().await.unwrap();
    let mut old = Draft::new("a");
    let new = Draft::new("a").uid("thg_new");
    store.commit(commit([old.create()])).await.unwrap();
    let error = store.commit(commit([new.create()])).await.unwrap_err();
    assert_eq!(error.code(), "already-exists");
    store.commit(commit([old.trash(1)])).await.unwrap();
    assert_eq!(alive(&*store, "a").await, None);
    assert!(store.by_uid(&uid("a")).await.unwrap().unwrap().deleted.is_some());
    store.commit(commit([new.create()])).await.unwrap();
    assert_eq!(alive(&*store, "a").await, Some(3));
    // The old one may not come back while another has its name.
    let error = store.commit(commit([old.restore(2)])).await.unwrap_err();
    assert_eq!(error.code(), "already-exists");
    store.commit(commit([new.purge(3)])).await.unwrap();
    store.commit(commit([old.restore(2)])).await.unwrap();
    let back = store.by_uid(&uid("a")).await.unwrap().unwrap();
    assert_eq!((back.version, back.deleted), (5, None));
}

pub async fn a_purged_object_is_gone_but_its_history_stays(home: Place) {
    let store = home.open().await.unwrap();
    let a = Draft::new("a").spec(json!({"size": 1}));
    store.commit(commit([a.create()])).await.unwrap();
    store.commit(commit([a.purge(1)])).await.unwrap();
    assert_eq!(store.by_uid(&uid("a")).await.unwrap(), None);
    let query = ChangeQuery { uid: Some(uid("a")), limit: 10, ..ChangeQuery::default() };
    let history = store.history(&query).await.unwrap();
    let told: Vec<_> = history.iter().map(|it| (it.verb.as_str(), it.deleted)).collect();
    assert_eq!(told, [("purge", true), ("create", false)]);
    // A journal tells by the verb what is gone, so nothing else may use it.
    let mut lie = a.create();
    lie.verb = "purge".into();
    assert_eq!(store.commit(commit([lie])).await.unwrap_err().code(), "internal");
}

pub async fn of_64_writers_of_one_object_each_version_is_won_once(home: Place) {
    let store = home.open().await.unwrap();
    let draft = Draft::new("a").spec(json!({"size": 0}));
    store.commit(commit([draft.create()])).await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..64 {
        let (store, draft) = (Arc::clone(&store), draft.clone());
        writers.spawn(async move {
            loop {
                let seen = store.by_uid(&draft.record.uid).await.unwrap().unwrap();
                let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
                let size = body["spec"]["size"].as_u64().unwrap();
                let before = draft.clone().spec(json!({"size": size}));
                let after = draft.clone().spec(json!({"size": size + 1, "by": writer}));
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
    let last = store.by_uid(&draft.record.uid).await.unwrap().unwrap();
    assert!(last.body.contains(r#""size":64"#), "{}", last.body);
    assert_eq!(last.version, 65);
}

pub async fn a_refused_write_does_not_disturb_its_neighbours(home: Place) {
    let store = home.open().await.unwrap();
    store.commit(commit([Draft::new("taken").create()])).await.unwrap();
    let mut writers = JoinSet::new();
    for number in 0..200 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let good = Draft::new(&format!("n{number:03}"));
            let bad = Draft::new("taken");
            let writes = match number % 4 {
                // Refused at once, and refused after a write that must be undone.
                0 => vec![bad.create()],
                1 => vec![good.create(), bad.create()],
                2 => vec![good.create()],
                _ => vec![good.create(), Draft::new(&format!("m{number:03}")).create()],
            };
            let fine = number % 4 > 1;
            let expected = writes.len();
            let done = store.commit(commit(writes)).await;
            assert_eq!(done.is_ok(), fine);
            done.map_or(0, |positions| {
                assert_eq!(positions.len(), expected);
                expected
            })
        });
    }
    let mut written = 1;
    while let Some(count) = writers.join_next().await {
        written += count.unwrap() as u64;
    }
    assert_eq!(written, 151);
    let verdict = journal::verify(&*store).await.unwrap();
    assert_eq!((verdict.entries, verdict.first_bad), (written, None));
    for number in 0..200 {
        let there = alive(&*store, &format!("n{number:03}")).await.is_some();
        assert_eq!(there, number % 4 > 1, "{number}");
    }
}

pub async fn a_store_opened_again_shows_what_was_written(home: Place) {
    let a = Draft::new("a").spec(json!({"title": "x"}));
    let store = home.open().await.unwrap();
    store.commit(commit([a.create()])).await.unwrap();
    let before = store.by_uid(&uid("a")).await.unwrap();
    drop(store);
    let store = home.open().await.unwrap();
    assert_eq!(store.by_uid(&uid("a")).await.unwrap(), before);
    assert_eq!(*store.head().borrow(), 1);
    store.ping().await.unwrap();
    let written = store.commit(commit([Draft::new("b").create()])).await.unwrap();
    assert_eq!(written, [2]);
    assert_eq!(store.commit(Commit::default()).await.unwrap(), Vec::<u64>::new());
    let verdict = journal::verify(&*store).await.unwrap();
    assert_eq!((verdict.entries, verdict.first_bad), (2, None));
}
