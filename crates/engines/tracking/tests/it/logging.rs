//! What is logged is there, whole or not at all.

use std::sync::Arc;

use engine_tracking::Engine;
use ports::tracking::{Batch, Data, Input, METRICS_MAX, Output, Pair, Series, State, Tracking};
use tokio::task::JoinSet;

use crate::made::{id, metric, metrics, params, run};

pub async fn what_is_logged_is_found(engine: &dyn Tracking) {
    assert_eq!(engine.run("acme", &id("found")).await.unwrap(), None);
    engine.put(run("logging", "found")).await.unwrap();
    let data = Data { name: "iris".to_owned(), digest: "d1".to_owned() };
    let tags = vec![Pair::new("mlflow.data.context", "training")];
    let input = Input {
        data,
        source_type: "local".to_owned(),
        source: "{}".to_owned(),
        schema: None,
        profile: Some("{}".to_owned()),
        tags,
    };
    let batch = Batch {
        metrics: vec![metric("loss", 0.5, 1), metric("loss", f64::NAN, 3), metric("loss", 0.2, 2)],
        params: vec![Pair::new("depth", "6"), Pair::new("a/b", "")],
        tags: vec![Pair::new("stage", "one"), Pair::new("stage", "two")],
        untag: Vec::new(),
        inputs: vec![input.clone(), input.clone()],
        models: vec!["m-1".to_owned()],
        outputs: vec![Output { model: "m-2".to_owned(), step: 4 }],
    };
    engine.log("acme", &id("found"), batch).await.unwrap();
    let ended = ports::tracking::Run { state: State::Finished, ended_ms: Some(9), ..run("logging", "found") };
    engine.put(ended.clone()).await.unwrap();
    let found = engine.run("acme", &id("found")).await.unwrap().unwrap();
    assert_eq!(found.run, ended);
    assert_eq!((found.metrics.len(), found.metrics[0].step), (1, 3), "the largest step is the latest");
    assert!(found.metrics[0].value.is_nan());
    assert_eq!(found.params, [Pair::new("a/b", ""), Pair::new("depth", "6")]);
    assert_eq!(found.tags, [Pair::new("stage", "two")]);
    assert_eq!(found.inputs, [input]);
    assert_eq!((found.models, found.outputs.len()), (vec!["m-1".to_owned()], 1));
    let untag = Batch { untag: vec!["stage".to_owned()], ..Batch::default() };
    engine.log("acme", &id("found"), untag.clone()).await.unwrap();
    let again = engine.log("acme", &id("found"), untag).await.unwrap_err();
    assert_eq!(again.code(), "tag-unknown");
}

pub async fn a_batch_is_whole_or_nothing(engine: &dyn Tracking) {
    let unknown = engine.log("acme", &id("nobody"), params(&[("a", "1")])).await.unwrap_err();
    assert_eq!(unknown.code(), "run-unknown");
    engine.put(run("logging", "whole")).await.unwrap();
    engine.log("acme", &id("whole"), params(&[("a", "1")])).await.unwrap();
    engine.log("acme", &id("whole"), params(&[("a", "1")])).await.unwrap();
    let batch = Batch { metrics: vec![metric("m", 1.0, 0)], ..params(&[("b", "1"), ("a", "2")]) };
    let error = engine.log("acme", &id("whole"), batch).await.unwrap_err();
    assert_eq!((error.code(), error.field()), ("param-differs", Some("a")));
    let many = metrics(vec![metric("m", 1.0, 0); METRICS_MAX + 1]);
    assert_eq!(engine.log("acme", &id("whole"), many).await.unwrap_err().code(), "batch-invalid");
    let found = engine.run("acme", &id("whole")).await.unwrap().unwrap();
    assert_eq!((found.metrics, found.params), (Vec::new(), vec![Pair::new("a", "1")]));
    let other = engine.log("globex", &id("whole"), params(&[("c", "1")])).await.unwrap_err();
    assert_eq!(other.code(), "run-unknown", "another organization's run is not there");
}

pub async fn a_hundred_clients_log_to_one_run(engine: &Arc<Engine>) {
    engine.put(run("logging", "crowd")).await.unwrap();
    let mut clients = JoinSet::new();
    for client in 0..100 {
        let engine = Arc::clone(engine);
        clients.spawn(async move {
            for step in 0..20 {
                let batch = Batch {
                    metrics: vec![metric("shared", f64::from(client), i64::from(step))],
                    params: vec![Pair::new(format!("p{client}"), "1")],
                    ..Batch::default()
                };
                engine.log("acme", &id("crowd"), batch).await.unwrap();
            }
            let won = engine.log("acme", &id("crowd"), params(&[("once", &client.to_string())])).await;
            won.is_ok()
        });
    }
    let winners = clients.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(winners, 1, "a parameter is set once");
    let found = engine.run("acme", &id("crowd")).await.unwrap().unwrap();
    assert_eq!(found.params.len(), 101);
    assert_eq!((found.metrics[0].value, found.metrics[0].step), (99.0, 19));
    let crowd = id("crowd");
    let series = Series { run: &crowd, key: "shared" };
    assert_eq!(engine.history("acme", series, None, 25_000).await.unwrap().points.len(), 2_000);
}

pub async fn a_run_is_forgotten_with_everything(engine: &dyn Tracking) {
    engine.put(run("logging", "gone")).await.unwrap();
    engine.log("acme", &id("gone"), metrics(vec![metric("m", 1.0, 0)])).await.unwrap();
    engine.forget("acme", &id("gone")).await.unwrap();
    engine.forget("acme", &id("gone")).await.unwrap();
    assert_eq!(engine.run("acme", &id("gone")).await.unwrap(), None);
    let error = engine.log("acme", &id("gone"), params(&[("a", "1")])).await.unwrap_err();
    assert_eq!(error.code(), "run-unknown");
    let gone = id("gone");
    engine.put(run("logging", "gone")).await.unwrap();
    let series = Series { run: &gone, key: "m" };
    assert!(engine.history("acme", series, None, 9).await.unwrap().points.is_empty());
}
