//! Measures the engine alone, through its port: what logging costs, and searches and charts of many runs.
//!
//! `cargo run --release --example scale -- [--runs 1000000] [--points 10] [--dir DIR] [--database URL]`

#![allow(clippy::print_stdout)]

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use base::Uid;
use engine_tracking::{COLUMNS_BYTES, Engine};
use ports::tracking::{
    Batch, Condition, Field, Metric, Op, Order, Pair, Piece, Run, Sample, Search, State, Test, Tracking,
};

type Done = Result<(), base::Error>;

/// Metrics and parameters of each run that is searched for.
const EACH: usize = 10;
/// Searches of a figure.
const ASKED: usize = 100;
/// Processor time is told in hundredths of a second.
const TICKS: f64 = 100.0;

fn run(experiment: &str, name: &str, started_ms: i64) -> Run {
    Run {
        org: "acme".to_owned(),
        project: "default".to_owned(),
        experiment: Uid::known(format!("exp_{experiment}")),
        id: Uid::known(format!("xrn_{name}")),
        name: name.to_owned(),
        user: "ada".to_owned(),
        state: State::Finished,
        started_ms,
        ended_ms: None,
        deleted_ms: None,
        artifacts: format!("mlflow-artifacts:/exp_{experiment}/xrn_{name}/artifacts"),
    }
}

fn metric(key: &str, value: f64, step: i64) -> Metric {
    let time_ms = 1_700_000_000_000 + step * 250;
    Metric { key: key.to_owned(), value, step, time_ms, model: None, data: None }
}

/// A number between 0 and 1 that looks random.
fn noise(of: u64) -> f64 {
    let mixed = (of + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Seconds of processor time of this process.
fn cpu_s() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS
}

fn resident_mib() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) * 4 / 1_024
}

fn told(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!("{what:<58} p50 {:>8.2} ms   p99 {:>8.2} ms", at(50), at(99));
}

async fn logging(engine: &Arc<Engine>) -> Done {
    let crowd = Uid::known("xrn_crowd");
    engine.put(run("logging", "crowd", 1)).await?;
    let (cpu, begun) = (cpu_s(), Instant::now());
    for step in 0..2_000 {
        let metrics = vec![metric("loss", noise(step), step as i64)];
        engine.log("acme", &crowd, Batch { metrics, ..Batch::default() }).await?;
    }
    let (cpu, each) = ((cpu_s() - cpu) / 2.0, begun.elapsed().as_secs_f64() / 2.0);
    println!("a metric, one client after another: {cpu:.4} CPU-ms, {each:.3} ms");
    let (cpu, begun) = (cpu_s(), Instant::now());
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..100 {
        let (engine, crowd) = (Arc::clone(engine), crowd.clone());
        clients.spawn(async move {
            for step in 0..200 {
                let metrics = vec![metric("shared", f64::from(client), step)];
                engine.log("acme", &crowd, Batch { metrics, ..Batch::default() }).await?;
            }
            Done::Ok(())
        });
    }
    for done in clients.join_all().await {
        done?;
    }
    let (cpu, rate) = ((cpu_s() - cpu) / 20.0, 20_000.0 / begun.elapsed().as_secs_f64());
    println!("a metric, 100 clients to one run: {cpu:.4} CPU-ms, {rate:.0} /s");
    let cpu = cpu_s();
    for number in 0..100_u64 {
        let metrics =
            (0..1_000).map(|at| metric(&format!("m{}", at % 10), noise(at), (number * 100 + at / 10) as i64));
        let metrics = metrics.collect();
        engine.log("acme", &crowd, Batch { metrics, ..Batch::default() }).await?;
    }
    println!("a batch of 1,000 metrics: {:.3} CPU-ms", (cpu_s() - cpu) * 10.0);
    Ok(())
}

/// Loads runs with metrics, each of so many points, and parameters.
async fn load(engine: &Engine, experiment: &str, (runs, points): (u64, u64)) -> Done {
    let begun = Instant::now();
    let mut pieces = Vec::new();
    for number in 0..runs {
        let made = run(experiment, &format!("{experiment}{number:08}"), number as i64);
        let id = made.id.clone();
        pieces.push(Piece::Run(made));
        let curve = |at: usize| {
            (0..points).map(move |step| {
                metric(&format!("m{at}"), noise((number * 16 + at as u64) * points + step), step as i64)
            })
        };
        let metrics = (0..EACH).flat_map(curve).collect();
        let params =
            (0..EACH).map(|at| Pair::new(format!("p{at}"), format!("{}", (number + at as u64) % 100)));
        let batch = Batch { metrics, params: params.collect(), ..Batch::default() };
        pieces.push(Piece::Logged("acme".to_owned(), id, Box::new(batch)));
        if pieces.len() >= 4_000 {
            engine.import(std::mem::take(&mut pieces)).await?;
        }
    }
    engine.import(pieces).await?;
    let (all, taken) = (runs * points * EACH as u64, begun.elapsed().as_secs_f64());
    println!("{runs} runs with {all} points loaded in {taken:.1} s, {} MiB resident", resident_mib());
    Ok(())
}

fn ask(experiment: &str, at: usize, limit: u32) -> Search {
    let field = Field::Metric(format!("m{}", at % 3));
    let bound = 0.5 + 0.4 * noise(at as u64);
    Search {
        org: "acme".to_owned(),
        experiments: vec![Uid::known(format!("exp_{experiment}"))],
        conditions: vec![Condition { field: field.clone(), test: Test::Number(Op::More, bound) }],
        order: vec![Order { field, descending: true }],
        limit,
        ..Search::default()
    }
}

async fn searches(engine: &Engine, experiment: &str, (runs, points): (u64, u64)) -> Done {
    load(engine, experiment, (runs, points)).await?;
    let begun = Instant::now();
    engine.search(ask(experiment, 0, 100)).await?;
    println!("the first search of a column among {runs}: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    for at in 1..3 {
        engine.search(ask(experiment, at, 100)).await?;
    }
    let mut times = Vec::new();
    for at in 0..ASKED {
        let begun = Instant::now();
        engine.search(ask(experiment, at, 100)).await?;
        times.push(begun.elapsed());
    }
    told(&format!("by a metric, filtered and ordered, 100 of {runs}"), &mut times);
    println!("columns {} MiB, resident {} MiB", engine.columns_bytes() >> 20, resident_mib());
    Ok(())
}

async fn chart(engine: &Engine) -> Done {
    let long = Uid::known("xrn_long");
    engine.put(run("chart", "long", 1)).await?;
    for part in 0..1_000 {
        let metrics = (0..1_000).map(|at| {
            let step = part * 1_000 + at;
            metric("loss", 1.0 / (1.0 + step as f64) + 0.01 * noise(step as u64), step)
        });
        engine.log("acme", &long, Batch { metrics: metrics.collect(), ..Batch::default() }).await?;
    }
    let mut times = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let ask =
            Sample { runs: vec![long.clone()], key: "loss".to_owned(), from: None, to: None, points: 1_000 };
        assert_eq!(engine.sampled("acme", ask).await?[0].1.len(), 1_000);
        times.push(begun.elapsed());
    }
    told("1,000 of a metric's 1,000,000 points", &mut times);
    Ok(())
}

async fn few(engine: &Engine) -> Done {
    load(engine, "few", (500, 1)).await?;
    engine.search(ask("few", 0, 500)).await?;
    let cpu = cpu_s();
    for _ in 0..100 {
        let all = Search { conditions: Vec::new(), order: Vec::new(), ..ask("few", 0, 500) };
        assert_eq!(engine.search(all).await?.runs.len(), 500);
    }
    println!("a search that answers 500 runs whole: {:.2} CPU-ms", (cpu_s() - cpu) * 10.0);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let (mut runs, mut points, mut directory, mut database) = (1_000_000, 10, PathBuf::from("."), None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("`{word}` wants a value"))?;
        match word.as_str() {
            "--runs" => runs = value.parse::<u64>().map_err(|error| error.to_string())?,
            "--points" => points = value.parse::<u64>().map_err(|error| error.to_string())?,
            "--dir" => directory = PathBuf::from(value),
            "--database" => database = Some(value),
            _ => return Err(format!("`{word}` is no setting")),
        }
    }
    let directory = tempfile::tempdir_in(&directory).map_err(|error| error.to_string())?;
    let engine = match &database {
        Some(url) => engine_tracking::open_url(url, COLUMNS_BYTES).await,
        None => engine_tracking::open(directory.path(), COLUMNS_BYTES),
    };
    let measured = async {
        let engine = engine?;
        logging(&engine).await?;
        few(&engine).await?;
        chart(&engine).await?;
        searches(&engine, "hundred", (100_000.min(runs), points)).await?;
        if runs > 100_000 {
            searches(&engine, "million", (runs, points)).await?;
        }
        Done::Ok(())
    };
    measured.await.map_err(|error| format!("{error:?}"))?;
    if database.is_none() {
        let bytes = fs::metadata(directory.path().join("tracking.db")).map_or(0, |it| it.len());
        println!("the file has {} MiB", bytes >> 20);
    }
    Ok(())
}
