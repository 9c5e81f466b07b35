//! Asking: whatever the question, a store answers what a plain evaluation of it answers.

use std::{cmp::Ordering, sync::Arc};

use base::Time;
use kernel::{
    index::Cell,
    predicate::{Op, Place as At, Predicate},
    store::{Projects, Query, Record, Sort, Store, sort_cell},
};
use proptest::{
    prelude::{Just, Strategy, any},
    prop_oneof,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use super::{
    Draft, Place,
    draft::{START, commit, terms},
    oracle::holds,
};

/// How many questions are asked.
const QUESTIONS: u32 = 1_500;

fn texts() -> Vec<String> {
    let long = "x".repeat(199);
    let mut texts: Vec<String> = [
        "",
        "a",
        "A",
        "aa",
        "ab",
        "ä",
        "z\u{10ffff}",
        "\u{d7ff}",
        "\u{e000}",
        "100%",
        "_",
        "'",
        "\"",
        "\\",
        "true",
        "1",
        "null",
        "two words",
    ]
    .map(String::from)
    .to_vec();
    // Around the length a term holds, and one letter across it.
    for tail in ["", "y", "yy", "yyz", "ä", "yä"] {
        texts.push(format!("{long}{tail}"));
    }
    texts
}

fn numbers() -> Vec<f64> {
    vec![-1e300, -2.5, -1.0, 0.0, 0.1, 1.0, 2.0, 3.0, 9_007_199_254_740_993.0, 1e300]
}

fn times() -> Vec<Time> {
    let offsets = [-86_400_000_000, 0, 1, 500_000, 1_000_000, 86_400_000_000];
    offsets.map(|micros| Time::from_micros(START + micros)).to_vec()
}

/// A JSON value of any kind a body may hold.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        select(numbers()).prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        select(texts()).prop_map(Value::from),
        select(times()).prop_map(|time| json!(time)),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(select(texts()), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn maybe<T: Into<Value> + Clone + std::fmt::Debug + 'static>(pool: Vec<T>) -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 4 => select(pool).prop_map(Into::into)]
}

fn moments() -> Vec<String> {
    times().iter().map(Time::to_string).collect()
}

fn specs() -> impl Strategy<Value = (Value, Value)> {
    let indexed = (
        maybe(texts()),
        maybe(numbers()),
        maybe(vec![true, false]),
        maybe(moments()),
        proptest::collection::vec(select(texts()), 0..3),
    );
    let label = prop_oneof![Just(json!({})), select(texts()).prop_map(|text| json!({"team": text})),];
    (indexed, anything(), anything(), label).prop_map(|(indexed, free, odd, labels)| {
        let (title, size, on, at, tags) = indexed;
        let spec = json!({
            "title": title, "size": size, "on": on, "at": at, "tags": tags,
            "free": free, "odd \" key.é": {"0": odd},
        });
        (spec, labels)
    })
}

fn cells() -> impl Strategy<Value = Cell> {
    prop_oneof![
        Just(Cell::Null),
        any::<bool>().prop_map(Cell::Bool),
        select(numbers()).prop_map(Cell::Number),
        (-3_i64..3).prop_map(|number| Cell::Number(number as f64)),
        select(texts()).prop_map(Cell::Text),
        select(times()).prop_map(Cell::Time),
        select(vec!["o003", "thg_o0", "p1", "o"]).prop_map(|text| Cell::Text(text.into())),
    ]
}

fn places() -> impl Strategy<Value = At> {
    let body = |path: &[&str]| At::Body(path.iter().map(|name| (*name).to_string()).collect());
    let term = |key: &str| At::Term(key.to_string());
    select(vec![
        At::Name,
        At::Uid,
        At::Project,
        At::Created,
        At::Version,
        At::Generation,
        term("spec.title"),
        term("spec.size"),
        term("spec.on"),
        term("spec.at"),
        term("spec.tags"),
        term("label:team"),
        body(&["spec", "title"]),
        body(&["spec", "size"]),
        body(&["spec", "at"]),
        body(&["spec", "tags"]),
        body(&["spec", "free"]),
        body(&["spec", "free", "0"]),
        body(&["spec", "free", "\""]),
        body(&["spec", "odd \" key.é"]),
        body(&["spec", "odd \" key.é", "0"]),
        body(&["metadata", "labels"]),
        body(&["none", "at", "all"]),
    ])
}

fn ops() -> impl Strategy<Value = Op> {
    select(vec![
        Op::Equal,
        Op::NotEqual,
        Op::Less,
        Op::LessOrEqual,
        Op::Greater,
        Op::GreaterOrEqual,
        Op::StartsWith,
        Op::Has,
    ])
}

fn predicates() -> impl Strategy<Value = Predicate> {
    let leaf =
        (places(), ops(), cells()).prop_map(|(place, op, cell)| Predicate::Compare { place, op, cell });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Predicate::All),
            2 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Predicate::Any),
            1 => inner.prop_map(|part| Predicate::Not(Box::new(part))),
        ]
    })
}

fn sorts() -> impl Strategy<Value = Sort> {
    let keys = ["spec.title", "spec.size", "spec.on", "spec.at", "label:team"];
    let mut places = vec![At::Name, At::Uid, At::Created, At::Version];
    places.extend(keys.map(|key| At::Term(key.into())));
    (select(places), any::<bool>()).prop_map(|(place, descending)| Sort { place, descending })
}

fn queries() -> impl Strategy<Value = Query> {
    let org = select(vec![Some("acme"), Some("other"), Some("none"), None]);
    let projects = select(vec![
        Projects::All,
        Projects::These(vec!["p1".into()]),
        Projects::These(vec!["p2".into(), String::new(), "none".into()]),
        Projects::These(vec![]),
    ]);
    let deleted = prop_oneof![4 => Just(false), 1 => Just(true)];
    let filter = proptest::option::weighted(0.9, predicates());
    (org, projects, deleted, filter, sorts()).prop_map(|(org, projects, deleted, filter, sort)| Query {
        org: org.map(String::from),
        kind: "demo.things".into(),
        projects,
        deleted,
        filter,
        sort,
        after: None,
        limit: 7,
    })
}

/// 120 objects over two organizations and their projects, every ninth in the trash.
async fn populate(store: &dyn Store, samples: Vec<(Value, Value)>) -> Vec<Record> {
    let mut records = Vec::new();
    for (number, (spec, labels)) in samples.into_iter().enumerate() {
        let org = if number % 4 == 0 { "other" } else { "acme" };
        let mut draft = Draft::new(&format!("o{number:03}"))
            .within(org, ["p1", "p2", ""][number % 3])
            .spec(spec)
            .labels(labels);
        // Several were made at the same moment, and the order of names is not that of uids.
        draft.record.created = Time::from_micros(START + (number as i64 % 5) * 1_000_000);
        draft.record.generation = 1 + number as u64 % 4;
        let scrambled = format!("thg_o{:03}", number * 37 % 120);
        let mut draft = draft.uid(&scrambled);
        let mut version = store.commit(commit([draft.create()])).await.unwrap()[0];
        if number % 9 == 0 {
            version = store.commit(commit([draft.trash(version)])).await.unwrap()[0];
        }
        let mut record = draft.record();
        record.version = version;
        records.push(record);
    }
    // Another kind must never show up.
    let mut alien = Draft::new("alien");
    alien.record.kind = "demo.others".into();
    store.commit(commit([alien.create()])).await.unwrap();
    records
}

/// What a query must find, in its order.
fn expected(query: &Query, records: &[Record]) -> Vec<Record> {
    let within = |record: &Record| match &query.projects {
        Projects::All => true,
        Projects::These(these) => these.contains(&record.project),
    };
    let mut found: Vec<Record> = records
        .iter()
        .filter(|record| {
            query.org.as_ref().is_none_or(|org| *org == record.org)
                && within(record)
                && record.deleted.is_some() == query.deleted
                && query.filter.as_ref().is_none_or(|it| holds(it, record))
        })
        .cloned()
        .collect();
    found.sort_by(|left, right| {
        let by_place = match &query.sort.place {
            At::Name => left.name.cmp(&right.name),
            At::Created => left.created.cmp(&right.created),
            At::Version => left.version.cmp(&right.version),
            At::Term(key) if !query.deleted => value(left, key).cmp(&value(right, key)),
            _ => Ordering::Equal,
        };
        let order = by_place.then_with(|| left.uid.cmp(&right.uid));
        if query.sort.descending { order.reverse() } else { order }
    });
    found
}

fn value(record: &Record, key: &str) -> String {
    let found = terms(record).into_iter().find(|term| term.key == key);
    found.map(|term| term.value).unwrap_or_default()
}

/// Every page of a query, one behind the other.
pub async fn pages(store: &dyn Store, query: &Query) -> Vec<Record> {
    let mut query = query.clone();
    let mut all = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        assert!(page.len() <= query.limit as usize);
        let Some(last) = page.last() else { return all };
        let cell = sort_cell(last, &terms(last), &query.sort.place).unwrap();
        query.after = Some((cell, last.uid.clone()));
        let full = page.len() == query.limit as usize;
        all.extend(page);
        if !full {
            return all;
        }
    }
}

pub async fn every_question_is_answered_as_plainly_evaluated(home: Place) {
    let store = home.open().await.unwrap();
    let config =
        Config { cases: QUESTIONS, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let seeded = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, seeded);
    let sample = |_| specs().new_tree(&mut runner).expect("a spec can be made").current();
    let samples = (0..120).map(sample).collect();
    let records = populate(&*store, samples).await;
    let asked = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Handle::current();
        runner
            .run(&queries(), |query| {
                let expected = expected(&query, &records);
                let store: Arc<dyn Store> = Arc::clone(&store);
                let (found, count) =
                    runtime.block_on(async { (pages(&*store, &query).await, store.count(&query).await) });
                let names = |records: &[Record]| -> Vec<String> {
                    records.iter().map(|record| record.name.clone()).collect()
                };
                proptest::prop_assert_eq!(names(&found), names(&expected));
                proptest::prop_assert_eq!(count.unwrap(), expected.len() as u64);
                proptest::prop_assert_eq!(found, expected);
                Ok(())
            })
            .map_err(|error| error.to_string())
    });
    asked.await.unwrap().unwrap();
}
