//! Pages of fifty out of many objects, near and deep, by an indexed field, by name and within a label.

use std::time::Instant;

use base::Uid;
use kernel::{
    index::{Cell, encode},
    predicate::{Op, Place, Predicate},
    store::{Commit, Projects, Query, Sort, Store},
};
use serde_json::json;
use testing::store_suite::Draft;

use crate::percentile;

/// How many pages are read at each depth.
const PAGES: usize = 200;

/// How many objects one commit brings.
const BATCH: usize = 1_000;

fn draft(number: usize, objects: usize) -> Draft {
    // Sizes are all different, and in another order than names.
    let size = number * 7_919 % objects;
    let team = if number.is_multiple_of(2) { "red" } else { "green" };
    Draft::new(&format!("p{number:08}"))
        .spec(json!({"title": format!("page {number}"), "size": size, "text": "x".repeat(200)}))
        .labels(json!({"team": team}))
}

async fn fill(store: &dyn Store, objects: usize) -> bool {
    for start in (0..objects).step_by(BATCH) {
        let writes =
            (start..(start + BATCH).min(objects)).map(|number| draft(number, objects).create()).collect();
        let commit = Commit { writes, ..Commit::default() };
        if let Err(error) = store.commit(commit).await {
            println!("the objects cannot be made: {error:?}");
            return false;
        }
    }
    true
}

/// Fills the store and reads.
pub async fn run(name: &str, store: &dyn Store, objects: usize) {
    let start = Instant::now();
    if !fill(store, objects).await {
        return;
    }
    let rate = objects as f64 / start.elapsed().as_secs_f64();
    println!("{name:<10} {objects} objects made   {rate:>10.0} /s");
    let team = Predicate::Compare {
        place: Place::Term("label:team".into()),
        op: Op::Equal,
        cell: Cell::Text("red".into()),
    };
    let lists = [
        ("by field", Place::Term("spec.size".into()), None),
        ("by name", Place::Name, None),
        ("in a label, by uid", Place::Uid, Some(team)),
    ];
    for (what, place, filter) in lists {
        for depth in [0.0, 0.1, 0.5, 0.9, 0.99] {
            let mut took = Vec::with_capacity(PAGES);
            for page in 0..PAGES {
                let number = (objects as f64 * depth) as usize + page * 17;
                let query = page_behind(&place, filter.clone(), number);
                let begun = Instant::now();
                let found = store.list(&query).await.map_or(0, |found| found.len());
                took.push(begun.elapsed().as_secs_f64() * 1e3);
                if found != 50 {
                    println!("{name} {what}: a page of {found} objects at {number}");
                }
            }
            took.sort_by(f64::total_cmp);
            let (p50, p99) = (percentile(&took, 0.5), percentile(&took, 0.99));
            println!(
                "{name:<10} page of 50 {what:<20} at {:>3.0} %   p50 {p50:.3} ms   p99 {p99:.3} ms",
                depth * 100.0
            );
        }
    }
}

fn page_behind(place: &Place, filter: Option<Predicate>, number: usize) -> Query {
    let name = format!("p{number:08}");
    let uid = Uid::known(format!("thg_{name}"));
    let after = match place {
        Place::Term(_) => (Cell::Text(encode(&Cell::Number(number as f64))), uid),
        Place::Name => (Cell::Text(name), uid),
        _ => (Cell::Null, uid),
    };
    Query {
        org: Some("acme".into()),
        kind: "demo.things".into(),
        projects: Projects::These(vec!["default".into()]),
        deleted: false,
        filter,
        sort: Sort { place: place.clone(), descending: false },
        after: Some(after),
        limit: 50,
    }
}
