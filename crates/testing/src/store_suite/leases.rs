//! Leases: one holder at a time, and tokens that only grow.

use std::sync::Arc;

use base::Time;
use kernel::store::{Commit, Lease};
use tokio::task::JoinSet;

use super::{
    Draft, Place,
    draft::{START, commit},
};

fn at(second: i64) -> Time {
    Time::from_micros(START).plus_s(second)
}

fn fenced(name: &str, lease: &Lease) -> Commit {
    Commit { fence: Some((lease.key.clone(), lease.token)), ..commit([Draft::new(name).create()]) }
}

pub async fn a_lease_has_one_holder(home: Place) {
    let store = home.open().await.unwrap();
    let ask = async |holder: &str, second| store.lease("run", holder, at(second), 10).await;
    let ada = ask("ada", 0).await.unwrap().unwrap();
    assert_eq!((ada.holder.as_str(), ada.expires), ("ada", at(10)));
    assert_eq!(ask("bob", 9).await.unwrap(), None);
    // Prolonging keeps the token, a new holder gets a larger one.
    let longer = ask("ada", 5).await.unwrap().unwrap();
    assert_eq!((longer.token, longer.expires), (ada.token, at(15)));
    let bob = ask("bob", 15).await.unwrap().unwrap();
    assert!(bob.token > ada.token);
    assert_eq!(ask("ada", 16).await.unwrap(), None);
    // Whoever no longer holds it gives nothing back.
    store.release(&longer).await.unwrap();
    assert_eq!(ask("ada", 16).await.unwrap(), None);
    store.release(&bob).await.unwrap();
    let again = ask("ada", 16).await.unwrap().unwrap();
    assert!(again.token > bob.token);
    // Of many who ask at once, one gets it.
    let mut asking = JoinSet::new();
    for number in 0..32 {
        let store = Arc::clone(&store);
        asking.spawn(async move {
            let holder = format!("w{number}");
            store.lease("one", &holder, at(0), 10).await.unwrap()
        });
    }
    let won: usize = asking.join_all().await.iter().flatten().count();
    assert_eq!(won, 1);
}

pub async fn a_stale_holder_is_fenced_off(home: Place) {
    let store = home.open().await.unwrap();
    let ada = store.lease("run", "ada", at(0), 10).await.unwrap().unwrap();
    store.commit(fenced("a", &ada)).await.unwrap();
    let bob = store.lease("run", "bob", at(20), 10).await.unwrap().unwrap();
    let error = store.commit(fenced("b", &ada)).await.unwrap_err();
    assert_eq!((error.code(), error.status().code()), ("lease-lost", 409));
    store.commit(fenced("b", &bob)).await.unwrap();
    // Not even once the lease was swept away and given out again.
    store.sweep(at(99)).await.unwrap();
    assert_eq!(store.commit(fenced("c", &bob)).await.unwrap_err().code(), "lease-lost");
    let carl = store.lease("run", "carl", at(99), 10).await.unwrap().unwrap();
    assert!(carl.token > bob.token);
    assert_eq!(store.commit(fenced("c", &ada)).await.unwrap_err().code(), "lease-lost");
    store.commit(fenced("c", &carl)).await.unwrap();
    assert_eq!(store.changes(0, 9).await.unwrap().len(), 3);
}
