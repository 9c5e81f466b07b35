//! The journal: what it tells of the past, and how it builds the present again.

use base::{Digest, Time, Uid};
use kernel::{
    journal::{self, Change},
    predicate::Place as At,
    store::{ChangeQuery, Outdated, Projects, Query, Sort, Store},
};
use serde_json::json;

use super::{
    Draft, Place,
    draft::{START, commit, terms},
    questions::pages,
};

pub async fn history_is_found_by_every_mark(home: Place) {
    let store = home.open().await.unwrap();
    for number in 0..60_i64 {
        let org = ["acme", "other"][number as usize % 2];
        let project = ["p1", "p2", ""][number as usize % 3];
        let mut draft = Draft::new(&format!("n{number}")).within(org, project);
        draft.record.kind = ["demo.things", "demo.others"][number as usize % 4 / 2].into();
        let mut write = draft.create();
        write.actor = format!("user:u{}", number % 5);
        write.verb = ["create", "import"][number as usize % 7 / 4].into();
        write.time = Time::from_micros(START).plus_s(number);
        store.commit(commit([write])).await.unwrap();
    }
    let all: Vec<Change> = store.changes(0, 100).await.unwrap();
    let seconds = |second| Some(Time::from_micros(START).plus_s(second));
    let base = || ChangeQuery { limit: 100, ..ChangeQuery::default() };
    let text = |text: &str| Some(text.to_string());
    #[rustfmt::skip]
    let queries = [
        base(),
        ChangeQuery { org: text("acme"), ..base() },
        ChangeQuery { project: text(""), ..base() },
        ChangeQuery { kind: text("demo.others"), org: text("other"), ..base() },
        ChangeQuery { uid: Some(Uid::known("thg_n7")), ..base() },
        ChangeQuery { uid: Some(Uid::known("thg_n7")), org: text("acme"), ..base() },
        ChangeQuery { actor: text("user:u3"), verb: text("import"), ..base() },
        ChangeQuery { since: seconds(10), until: seconds(20), ..base() },
        ChangeQuery { before: Some(31), org: text("acme"), ..base() },
        ChangeQuery { limit: 7, ..base() },
        ChangeQuery { limit: 0, ..base() },
    ];
    for query in queries {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|it| it == found);
        let mut expected: Vec<Change> = all
            .iter()
            .filter(|it| is(&query.org, &it.org) && is(&query.project, &it.project))
            .filter(|it| is(&query.kind, &it.kind) && is(&query.actor, &it.actor))
            .filter(|it| is(&query.verb, &it.verb))
            .filter(|it| query.uid.as_ref().is_none_or(|uid| *uid == it.uid))
            .filter(|it| query.since.is_none_or(|since| it.time >= since))
            .filter(|it| query.until.is_none_or(|until| it.time < until))
            .filter(|it| query.before.is_none_or(|before| it.position < before))
            .cloned()
            .collect();
        expected.reverse();
        expected.truncate(query.limit as usize);
        assert_eq!(store.history(&query).await.unwrap(), expected, "{query:?}");
    }
}

/// A store with a past: objects changed, trashed, brought back, purged, and a name used twice.
async fn lived(store: &dyn Store) {
    let draft = |name: &str, size: i64| Draft::new(name).spec(json!({"size": size}));
    let a = draft("a", 1);
    let a2 = draft("a", 2);
    let mut b = draft("b", 3);
    let mut c = draft("c", 4);
    let d = draft("d", 5).labels(json!({"team": "x"}));
    let b2 = draft("b", 6).uid("thg_again");
    let writes = [a.create(), b.create(), c.create(), d.create()];
    store.commit(commit(writes)).await.unwrap();
    store.commit(commit([a2.replace(1, &a)])).await.unwrap();
    store.commit(commit([b.trash(2)])).await.unwrap();
    store.commit(commit([b2.create()])).await.unwrap();
    store.commit(commit([c.trash(3)])).await.unwrap();
    store.commit(commit([c.restore(8)])).await.unwrap();
    store.commit(commit([d.purge(4)])).await.unwrap();
}

/// Everything a store shows of its objects.
async fn shown(store: &dyn Store) -> Vec<String> {
    let mut shown = Vec::new();
    for deleted in [false, true] {
        for place in [At::Name, At::Uid, At::Created, At::Version, At::Term("spec.size".into())] {
            let query = Query {
                org: None,
                kind: "demo.things".into(),
                projects: Projects::All,
                deleted,
                filter: None,
                sort: Sort { place, descending: false },
                after: None,
                limit: 2,
            };
            for record in pages(store, &query).await {
                shown.push(format!("{:?} {record:?}", query.sort.place));
            }
        }
    }
    shown
}

pub async fn a_journal_builds_the_store_again(home: Place) {
    let store = home.open().await.unwrap();
    lived(&*store).await;
    let (past, before) = (store.changes(0, 100).await.unwrap(), shown(&*store).await);
    drop(store);
    for batch in [1, 3, 100] {
        let empty = home.another().await;
        for changes in past.chunks(batch) {
            empty.replay(changes.to_vec(), &terms).await.unwrap();
        }
        assert_eq!(empty.changes(0, 100).await.unwrap(), past);
        assert_eq!(shown(&*empty).await, before, "in batches of {batch}");
        assert_eq!(*empty.head().borrow(), past.len() as u64);
        let verdict = journal::verify(&*empty).await.unwrap();
        assert_eq!((verdict.entries, verdict.first_bad), (10, None));
        // Life goes on where the journal ended.
        let next = Draft::new("next").create();
        assert_eq!(empty.commit(commit([next])).await.unwrap(), [11]);
        assert_eq!(journal::verify(&*empty).await.unwrap().first_bad, None);
    }
}

pub async fn a_tampered_journal_is_refused(home: Place) {
    let store = home.open().await.unwrap();
    lived(&*store).await;
    let past = store.changes(0, 100).await.unwrap();
    let empty = home.another().await;
    let spoil: [fn(&mut Vec<Change>); 5] = [
        |it| it[2].body = it[2].body.replace('4', "5"),
        |it| it[2].actor = "user:eve".into(),
        |it| drop(it.remove(2)),
        |it| it.swap(2, 3),
        |it| {
            // A hash that fits the change is of no use, for the next entry names the old one.
            it[2].name = "evil".into();
            it[2].hash = it[2].expected_hash();
        },
    ];
    for spoil in spoil {
        let mut changes = past.clone();
        spoil(&mut changes);
        let error = empty.replay(changes, &terms).await.unwrap_err();
        assert_eq!((error.code(), error.status().code()), ("chain-broken", 409));
        assert_eq!(empty.changes(0, 9).await.unwrap(), []);
    }
    // Into a store that has entries already, only what follows them fits.
    let error = store.replay(past.clone(), &terms).await.unwrap_err();
    assert_eq!(error.code(), "chain-broken");
    let mut next = past[9].clone();
    next.verb = "replace".into();
    next.seal(11, Digest::ZERO);
    assert_eq!(store.replay(vec![next.clone()], &terms).await.unwrap_err().code(), "chain-broken");
    next.seal(11, past[9].hash);
    store.replay(vec![next], &terms).await.unwrap();
    assert_eq!(journal::verify(&*store).await.unwrap().entries, 11);
}

pub async fn what_is_outdated_is_emptied_and_still_proven(home: Place) {
    let store = home.open().await.unwrap();
    lived(&*store).await;
    let (past, before) = (store.changes(0, 100).await.unwrap(), shown(&*store).await);
    let uid = past[0].uid.to_string();
    let outdated = |spared: Vec<String>| Outdated {
        org: past[0].org.clone(),
        before: Time::from_micros(i64::MAX),
        after: 0,
        spared,
    };
    let kept = store.empty(&Outdated { before: past[0].time, ..outdated(Vec::new()) }).await.unwrap();
    assert_eq!(
        (kept.entries, store.changes(0, 100).await.unwrap()),
        (0, past.clone()),
        "nothing is that old"
    );
    store.empty(&outdated(vec![uid.clone()])).await.unwrap();
    let spared = store.changes(0, 100).await.unwrap();
    assert!(spared.iter().filter(|it| it.uid.as_str() == uid).all(|it| !it.is_emptied()));
    store.empty(&outdated(Vec::new())).await.unwrap();
    let (now, again) =
        (store.changes(0, 100).await.unwrap(), store.empty(&outdated(Vec::new())).await.unwrap());
    assert_eq!(again.entries, 0, "once is enough");
    for (was, is) in past.iter().zip(&now) {
        let last = past.iter().rfind(|it| it.uid == is.uid).is_some_and(|it| it.position == is.position);
        let goes = is.org == past[0].org && (!last || is.verb == journal::PURGE);
        assert_eq!(is.is_emptied(), goes, "{} at {}", is.verb, is.position);
        assert_eq!((is.body_digest(), is.hash, &is.actor), (was.body_digest(), was.hash, &was.actor));
    }
    assert_eq!(journal::verify(&*store).await.unwrap().first_bad, None);
    assert_eq!(shown(&*store).await, before, "the objects are as they were");
    drop(store);
    // A backup of it brings the same objects back, however it is cut.
    for batch in [1, 3, 100] {
        let empty = home.another().await;
        for changes in now.chunks(batch) {
            empty.replay(changes.to_vec(), &terms).await.unwrap();
        }
        assert_eq!(shown(&*empty).await, before, "in batches of {batch}");
    }
}
