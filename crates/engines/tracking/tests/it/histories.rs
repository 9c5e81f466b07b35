//! Histories keep every point, through blocks that are put together, and copies are the same.

use base::Uid;
use ports::tracking::{Data, Metric, Piece, Sample, Series, Tracking};

use crate::made::{id, metric, metrics, run};

async fn all(engine: &dyn Tracking, run: &Uid, key: &str, limit: u32) -> Vec<Metric> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = engine.history("acme", Series { run, key }, after.as_deref(), limit).await.unwrap();
        found.extend(page.points);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

pub async fn every_point_is_kept_once_and_in_order(engine: &dyn Tracking) {
    let long = id("long");
    engine.put(run("histories", "long")).await.unwrap();
    // More blocks than are left alone, more points than a block, and every third one twice.
    for step in 0..700 {
        let mut points = vec![metric("one", step as f64, step)];
        points.extend((0..10).map(|at| metric("ten", at as f64, (700 - step) * 10 + at)));
        if step % 3 == 0 {
            points.push(metric("one", step as f64, step));
        }
        engine.log("acme", &long, metrics(points)).await.unwrap();
    }
    let one = all(engine, &long, "one", 99).await;
    assert_eq!(one.len(), 700);
    assert!(one.iter().enumerate().all(|(at, it)| it.step == at as i64 && it.value == at as f64));
    let ten = all(engine, &long, "ten", 25_000).await;
    assert_eq!(ten.len(), 7_000);
    assert!(ten.is_sorted_by_key(|it| it.time_ms), "what came backwards is told in order");
    assert!(all(engine, &long, "none", 9).await.is_empty());
    let bad = engine.history("acme", Series { run: &long, key: "one" }, Some("x"), 9).await.unwrap_err();
    assert_eq!(bad.code(), "bad-page-token");
}

pub async fn a_sample_is_even_and_holds_the_ends(engine: &dyn Tracking) {
    let ask = Sample {
        runs: vec![id("long"), id("nobody")],
        key: "one".to_owned(),
        from: Some(100),
        to: None,
        points: 10,
    };
    let found = engine.sampled("acme", ask).await.unwrap();
    assert_eq!(found.len(), 1);
    let steps: Vec<i64> = found[0].1.iter().map(|it| it.step).collect();
    assert_eq!(steps, [100, 160, 220, 280, 340, 400, 460, 520, 580, 699]);
}

pub async fn what_was_measured_of_a_model_is_found_by_it(engine: &dyn Tracking) {
    let of = |value, step| Metric {
        model: Some("mdl_1".to_owned()),
        data: Some(Data { name: "iris".to_owned(), digest: "d".to_owned() }),
        ..metric("auc", value, step)
    };
    engine.put(run("histories", "models")).await.unwrap();
    let points = vec![of(0.5, 1), of(0.9, 2), metric("auc", 0.1, 3)];
    engine.log("acme", &id("models"), metrics(points)).await.unwrap();
    let found = engine.measured("acme", &["mdl_1".to_owned(), "mdl_2".to_owned()]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].run.clone(), found[0].metric.clone()), (id("models"), of(0.9, 2)));
    assert!(engine.measured("globex", &["mdl_1".to_owned()]).await.unwrap().is_empty());
    assert_eq!(all(engine, &id("models"), "auc", 9).await[1], of(0.9, 2));
}

async fn exported(engine: &dyn Tracking) -> Vec<Piece> {
    let (mut pieces, mut after) = (Vec::new(), None);
    loop {
        let (part, next) = engine.export(after).await.unwrap();
        pieces.extend(part);
        after = next;
        if after.is_none() {
            return pieces;
        }
    }
}

pub async fn a_copy_is_the_same(from: &dyn Tracking, to: &dyn Tracking) {
    let pieces = exported(from).await;
    // Through JSON, as in a backup; and twice, as in one that was broken off.
    let text = serde_json::to_string(&pieces).unwrap();
    for _ in 0..2 {
        let pieces: Vec<Piece> = serde_json::from_str(&text).unwrap();
        for part in pieces.chunks(7) {
            to.import(part.to_vec()).await.unwrap();
        }
    }
    let told = |pieces: &[Piece]| {
        let mut lines: Vec<String> = pieces.iter().map(|piece| format!("{piece:?}")).collect();
        lines.sort();
        lines
    };
    let (mut points, mut copied) = (0, 0);
    for (pieces, count) in [(&pieces, &mut points), (&exported(to).await, &mut copied)] {
        for piece in pieces.iter() {
            if let Piece::Logged(_, _, batch) = piece {
                *count += batch.metrics.len();
            }
        }
    }
    assert!(points >= 9_700 && copied >= 9_700, "{points} {copied}");
    assert!(pieces.iter().any(|it| matches!(it, Piece::File(..))));
    assert!(pieces.iter().any(|it| matches!(it, Piece::Trace(_))));
    assert!(pieces.iter().any(|it| matches!(it, Piece::Spans(..))));
    let fronts = |pieces: Vec<Piece>| {
        let histories = |it: &Piece| matches!(it, Piece::Logged(_, _, batch) if !batch.metrics.is_empty());
        told(&pieces.into_iter().filter(|it| !histories(it)).collect::<Vec<_>>())
    };
    assert_eq!(fronts(pieces), fronts(exported(to).await));
    for name in ["long", "crowd", "found", "models"] {
        let (a, b) = (from.run("acme", &id(name)).await.unwrap(), to.run("acme", &id(name)).await.unwrap());
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
        for metric in a.unwrap().metrics {
            let run = id(name);
            let (a, b) =
                (all(from, &run, &metric.key, 25_000).await, all(to, &run, &metric.key, 25_000).await);
            assert_eq!(format!("{a:?}"), format!("{b:?}"), "{name}");
        }
    }
}
