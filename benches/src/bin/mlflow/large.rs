//! A search by a metric, filtered and ordered, over a hundred thousand runs.

use std::{
    io::{Error, Result},
    thread,
    time::Instant,
};

use benches::figures::{at_most, percentile, tell};
use serde_json::json;

use crate::side::Side;

/// How many clients load the runs.
const CLIENTS: usize = 32;
/// How many searches are timed.
const SEARCHES: usize = 100;

/// Loads the runs through the API, searches, and prints.
pub fn search(side: &Side, runs: usize) -> Result<()> {
    let experiment = side.experiment(&mut side.client()?, "large")?;
    let began = Instant::now();
    thread::scope(|scope| {
        let experiment = &experiment;
        let load = |number| scope.spawn(move || load(side, experiment, number, runs / CLIENTS));
        let threads: Vec<_> = (0..CLIENTS).map(load).collect();
        let lost = |_| Err(Error::other("a thread ended"));
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(lost))
    })?;
    let taken = began.elapsed().as_secs_f64();
    tell(&format!("runs begun and logged to, {CLIENTS} clients"), runs as f64 / taken, "/s");
    let mut client = side.client()?;
    let mut times = Vec::new();
    let mut first = 0.0;
    for number in 0..=SEARCHES {
        let asked = json!({
            "experiment_ids": [experiment], "max_results": 100, "order_by": ["metrics.acc DESC"],
            "filter": format!("metrics.acc > {} AND metrics.loss < 0.9", 0.1 + number as f64 / 200.0),
        });
        let began = Instant::now();
        let found = side.ask(&mut client, "runs/search", &asked)?;
        let took_ms = began.elapsed().as_secs_f64() * 1e3;
        assert_eq!(
            found["runs"].as_array().map(Vec::len),
            Some(100),
            "a search that misses runs is no figure"
        );
        if number == 0 {
            first = took_ms;
        } else {
            times.push(took_ms);
        }
    }
    let name = format!("search of {runs} runs by a metric, ordered");
    at_most(&format!("{name}, p50"), percentile(&mut times, 0.5), 50.0, "ms");
    tell(&format!("{name}, p99"), percentile(&mut times, 0.99), "ms");
    tell(&format!("{name}, the first"), first, "ms");
    Ok(())
}

fn load(side: &Side, experiment: &str, client: usize, runs: usize) -> Result<()> {
    let mut connection = side.client()?;
    for number in 0..runs {
        let run = side.run(&mut connection, experiment)?;
        // Values that have no order of their own.
        let part = |by: usize| ((number * CLIENTS + client) * by % 100_003) as f64 / 100_003.0;
        let metric = |key: &str, value: f64| json!({"key": key, "value": value, "timestamp": 1_700_000_000_000_u64, "step": 0});
        let metrics = [metric("acc", part(7_919)), metric("loss", part(104_729))];
        let params = [json!({"key": "lr", "value": part(31).to_string()})];
        side.ask(
            &mut connection,
            "runs/log-batch",
            &json!({"run_id": run, "metrics": metrics, "params": params}),
        )?;
    }
    Ok(())
}
