//! What it costs to log a metric, to log a thousand at once, and to search 500 runs.

use std::{
    io::{Error, Result},
    time::Instant,
};

use serde_json::{Value, json};

use crate::side::{Side, basic, shown};

/// Runs of the search, and how much each has.
const RUNS: usize = 500;
const KEYS: usize = 10;

/// How many clients a crowd has.
pub const CROWD: usize = 16;

/// How often each is asked: enough for ticks of 10 ms to count.
pub struct Amount {
    metrics: usize,
    batches: usize,
    searches: usize,
}

impl Amount {
    /// For a server that takes milliseconds.
    pub fn of_stock() -> Self {
        Self { metrics: 300, batches: 20, searches: 10 }
    }

    /// For one that takes less.
    pub fn of_ours() -> Self {
        Self { metrics: 6_000, batches: 300, searches: 200 }
    }
}

/// Milliseconds of processor time a request.
pub struct Costs {
    /// Of a metric.
    pub metric_ms: f64,
    /// Of a metric while [`CROWD`] clients log to runs of their own.
    pub crowd_ms: f64,
    /// How many metrics a second that were.
    pub crowd_rate: f64,
    /// Of a metric logged by somebody who shows a password.
    pub basic_ms: f64,
    /// Of a batch of 1,000 metrics.
    pub batch_ms: f64,
    /// Of a search that answers 500 runs with 10 metrics and 10 parameters each.
    pub search_ms: f64,
    /// How long a metric took on the clock.
    pub wall_ms: f64,
}

fn metric(run: &str, step: usize) -> Value {
    json!({"run_id": run, "key": "loss", "value": 1.0 / (step + 1) as f64, "timestamp": 1_700_000_000_000 + step, "step": step})
}

fn batch(run: &str, number: usize) -> Value {
    let metric = |at: usize| {
        json!({"key": format!("m{}", at % 50), "value": at as f64 * 0.001 + number as f64,
            "timestamp": 1_700_000_000_000 + number, "step": number * 20 + at / 50})
    };
    json!({"run_id": run, "metrics": (0..1_000).map(metric).collect::<Vec<_>>()})
}

/// Milliseconds of processor time a metric, and metrics a second, while many log at once.
fn crowd(side: &Side, experiment: &str, metrics: usize) -> Result<(f64, f64)> {
    let mut other = side.client()?;
    let runs = (0..CROWD).map(|_| side.run(&mut other, experiment)).collect::<Result<Vec<String>>>()?;
    let each = metrics / CROWD;
    let logs = |run: &String| -> Result<()> {
        let mut client = side.client()?;
        for step in 0..each {
            client.json(&side.request("POST", "runs/log-metric", &metric(run, step)))?;
        }
        Ok(())
    };
    let (before, began) = (side.cpu_s(), Instant::now());
    std::thread::scope(|scope| {
        let threads: Vec<_> = runs.iter().map(|run| scope.spawn(move || logs(run))).collect();
        let ended = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| {
            thread.join().unwrap_or_else(|_| Err(Error::other("a client of the crowd gave up")))
        };
        threads.into_iter().try_for_each(ended)
    })?;
    let all = (each * CROWD) as f64;
    Ok(((side.cpu_s() - before) * 1e3 / all, all / began.elapsed().as_secs_f64()))
}

/// Asks one server everything.
pub fn measure(side: &Side, amount: Amount) -> Result<Costs> {
    let spent = |requests: &[Vec<u8>]| -> Result<f64> {
        // A connection that was idle for seconds is closed by the stock server.
        let mut client = side.client()?;
        let before = side.cpu_s();
        for request in requests {
            client.json(request)?;
        }
        Ok((side.cpu_s() - before) * 1e3 / requests.len() as f64)
    };
    let mut other = side.client()?;
    let experiment = side.experiment(&mut other, "logging")?;
    let run = side.run(&mut other, &experiment)?;
    let ask = |step| side.request("POST", "runs/log-metric", &metric(&run, step));
    let asks: Vec<Vec<u8>> = (0..amount.metrics).map(ask).collect();
    let began = Instant::now();
    let metric_ms = spent(&asks)?;
    let wall_ms = began.elapsed().as_secs_f64() * 1e3 / amount.metrics as f64;
    let (crowd_ms, crowd_rate) = crowd(side, &experiment, amount.metrics * 2)?;
    let who = basic();
    let ask = |step| shown(&who, "POST", "runs/log-metric", &metric(&run, amount.metrics + step));
    let basic_ms = spent(&(0..amount.metrics).map(ask).collect::<Vec<_>>())?;
    let mut other = side.client()?;
    let run = side.run(&mut other, &experiment)?;
    let ask = |number| side.request("POST", "runs/log-batch", &batch(&run, number));
    let batch_ms = spent(&(0..amount.batches).map(ask).collect::<Vec<_>>())?;
    let mut other = side.client()?;
    let experiment = side.experiment(&mut other, "searched")?;
    for number in 0..RUNS {
        let run = side.run(&mut other, &experiment)?;
        let at = |key: usize| (number * 7 + key) as f64 / 10.0;
        let metrics: Vec<Value> = (0..KEYS)
            .map(|key| json!({"key": format!("m{key}"), "value": at(key), "timestamp": 1_700_000_000_000_u64, "step": 0}))
            .collect();
        let params: Vec<Value> =
            (0..KEYS).map(|key| json!({"key": format!("p{key}"), "value": at(key).to_string()})).collect();
        side.ask(
            &mut other,
            "runs/log-batch",
            &json!({"run_id": run, "metrics": metrics, "params": params}),
        )?;
    }
    let asked = json!({"experiment_ids": [experiment], "max_results": RUNS});
    let found = side.ask(&mut other, "runs/search", &asked)?;
    assert_eq!(found["runs"].as_array().map(Vec::len), Some(RUNS), "a search that misses runs costs less");
    let search_ms = spent(&vec![side.request("POST", "runs/search", &asked); amount.searches])?;
    Ok(Costs { metric_ms, crowd_ms, crowd_rate, basic_ms, batch_ms, search_ms, wall_ms })
}
