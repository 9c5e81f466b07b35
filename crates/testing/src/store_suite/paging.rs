//! Paging: what stays put is seen once, whatever happens around it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use base::Time;
use kernel::{
    predicate::Place as At,
    store::{Projects, Query, Sort, Store},
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Draft, Place,
    draft::{START, commit, fill},
    questions::pages,
};

fn query(place: At, descending: bool, limit: u32) -> Query {
    Query {
        org: Some("acme".into()),
        kind: "demo.things".into(),
        projects: Projects::All,
        deleted: false,
        filter: None,
        sort: Sort { place, descending },
        after: None,
        limit,
    }
}

/// Makes, changes and removes objects around those that stay put.
async fn churn(store: Arc<dyn Store>, writer: usize, done: Arc<AtomicBool>) {
    let mut round = 0;
    while !done.load(Ordering::SeqCst) {
        let name = format!("{:04}-churn{writer}-{round}", (round * 37) % 400);
        let mut draft = Draft::new(&name).spec(json!({"size": round % 90}));
        draft.record.created = Time::from_micros(START + (round as i64 % 400) * 1_000);
        let made = store.commit(commit([draft.create()])).await.unwrap()[0];
        let other = draft.clone().spec(json!({"size": (round + 45) % 90}));
        let changed = store.commit(commit([other.replace(made, &draft)])).await;
        let mut gone = other.clone();
        if round % 2 == 0 {
            store.commit(commit([gone.trash(changed.unwrap()[0])])).await.unwrap();
        }
        round += 1;
    }
}

pub async fn pages_lose_and_double_nothing_while_others_write(home: Place) {
    let store = home.open().await.unwrap();
    let stays: Vec<Draft> = (0..400)
        .map(|number| {
            let mut draft = Draft::new(&format!("{number:04}")).spec(json!({"size": (number * 7) % 90}));
            draft.record.created = Time::from_micros(START + number * 1_000);
            draft
        })
        .collect();
    store.commit(commit(stays.iter().map(Draft::create))).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        writers.spawn(churn(Arc::clone(&store), writer, Arc::clone(&done)));
    }
    let places = [At::Name, At::Uid, At::Created, At::Version, At::Term("spec.size".into())];
    for (place, descending) in places.iter().flat_map(|place| [(place, false), (place, true)]) {
        let mut seen: HashMap<String, u32> = HashMap::new();
        for record in pages(&*store, &query(place.clone(), descending, 23)).await {
            *seen.entry(record.name).or_default() += 1;
        }
        for draft in &stays {
            let times = seen.get(&draft.record.name).copied();
            assert_eq!(times, Some(1), "{} by {place:?}", draft.record.name);
        }
    }
    done.store(true, Ordering::SeqCst);
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
}

pub async fn a_list_ends_at_its_limit(home: Place) {
    let store = home.open().await.unwrap();
    fill(&*store, 250, |number| json!({"size": number})).await;
    for limit in [0, 1, 249, 250, 251, u32::MAX] {
        let found = store.list(&query(At::Uid, false, limit)).await.unwrap();
        assert_eq!(found.len(), limit.min(250) as usize);
        let changes = store.changes(0, limit).await.unwrap();
        assert_eq!(changes.len(), limit.min(250) as usize);
    }
    assert!(store.changes(u64::MAX, 10).await.unwrap().is_empty());
    // Deep pages hold what shallow ones do.
    let all = pages(&*store, &query(At::Term("spec.size".into()), true, 9)).await;
    let names: Vec<String> = all.into_iter().map(|record| record.name).collect();
    let expected: Vec<String> = (0..250).rev().map(|number| format!("{number:04}")).collect();
    assert_eq!(names, expected);
}
