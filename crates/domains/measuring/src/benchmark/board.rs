//! The leaderboard: what was measured on the same data under the same load, side by side, by one metric.

use std::collections::BTreeMap;

use kernel::prelude::*;

use super::{Benchmark, Load, Results};
use crate::{OBJECTS_MAX, quality::more_is_better};

/// Which, and by what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    /// `p50Ms`, `p95Ms`, `p99Ms`, `meanMs`, `throughput`, `rowsPerSecond`, `errorRate`, or a metric of quality such as `accuracy`.
    #[field(max = 100, default = "p95Ms")]
    metric: String,
    /// What models are for.
    #[field(max = 100)]
    task: Option<String>,
    /// The dataset.
    #[field(max = 253)]
    dataset: Option<String>,
    /// The version of a dataset.
    #[field(max = 253)]
    dataset_version: Option<String>,
    /// How many ask at the same time.
    concurrency: Option<u32>,
    /// How many rows a request carries.
    rows_per_request: Option<u32>,
    /// Whether what was measured elsewhere is left out.
    #[field(default = false)]
    measured_here: bool,
    /// The number of the first line, from 0.
    #[field(default = 0)]
    from: u64,
    /// How many lines at most.
    #[field(min = 1, max = 1000, default = 100)]
    limit: u32,
}

/// Lines of boards, one board behind the other.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Board {
    /// The metric.
    metric: String,
    /// Whether more of it is better.
    descending: bool,
    /// The lines.
    items: Vec<Line>,
    /// The number of the next line, where there are more.
    next: Option<u64>,
}

/// One line: the newest measurement of something on some data under some load.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its rank on its board: among what was measured for the same task, on the same data, and under the same load.
    rank: u64,
    /// The benchmark.
    benchmark: String,
    /// The endpoint that was asked.
    endpoint: Option<Ref>,
    /// The version that answered.
    model_version: Option<Ref>,
    /// What it is for.
    task: Option<String>,
    /// The version of a dataset whose rows were sent.
    dataset_version: Option<Ref>,
    /// How many asked at the same time.
    concurrency: u32,
    /// How many rows a request carried.
    rows_per_request: u32,
    /// How many requests were due in a second.
    rate: Option<f64>,
    /// The metric.
    value: f64,
    /// What was measured.
    results: Results,
    /// Who told of it, where it was measured elsewhere.
    submitted_by: Option<String>,
    /// What it was measured on.
    hardware: Option<String>,
    /// When it was measured.
    measured_at: Option<Time>,
}

/// A metric of results by its name.
pub fn value(it: &Results, metric: &str) -> Option<f64> {
    match metric {
        "p50Ms" => it.p50_ms,
        "p90Ms" => it.p90_ms,
        "p95Ms" => it.p95_ms,
        "p99Ms" => it.p99_ms,
        "meanMs" => it.mean_ms,
        "minMs" => it.min_ms,
        "maxMs" => it.max_ms,
        "throughput" => it.throughput,
        "rowsPerSecond" => it.rows_per_second,
        "errorRate" => it.error_rate,
        quality => it.metrics.get(quality).copied(),
    }
}

/// Whether more of it is better.
pub fn descends(metric: &str) -> bool {
    match metric {
        "throughput" | "rowsPerSecond" => true,
        other => more_is_better(other).unwrap_or(false),
    }
}

/// Benchmarks and their values, by whom they are of.
type Measured = BTreeMap<String, (f64, Object<Benchmark>)>;

/// What lines of one board have in common.
fn board(it: &Object<Benchmark>, load: &Load) -> [String; 5] {
    let text = |it: &Option<Ref>| it.as_ref().map(ToString::to_string).unwrap_or_default();
    [
        it.spec.task.clone().unwrap_or_default(),
        text(&it.spec.dataset_version),
        format!("{:03}", load.concurrency),
        format!("{:06}", load.rows_per_request),
        load.rate.map(|rate| format!("{rate:012.3}")).unwrap_or_default(),
    ]
}

/// The lines.
pub async fn leaderboard(cx: Cx, ask: Ask) -> Result<Board> {
    let mut filter = "status.measured = true".to_owned();
    for (field, wanted) in [("task", &ask.task), ("datasetVersion", &ask.dataset_version)] {
        if let Some(wanted) = wanted {
            filter.push_str(&format!(" AND spec.{field} = {}", kernel::literal(wanted)));
        }
    }
    let mut boards: BTreeMap<[String; 5], Measured> = BTreeMap::new();
    for it in cx.list::<Benchmark>(&filter, OBJECTS_MAX).await? {
        let load = it.spec.load.clone().unwrap_or_default();
        let data = it.spec.dataset_version.as_deref().and_then(|it| it.rsplit_once('.'));
        let fits = ask.dataset.as_deref().is_none_or(|wanted| data.is_some_and(|it| it.0 == wanted))
            && ask.concurrency.is_none_or(|wanted| wanted == load.concurrency)
            && ask.rows_per_request.is_none_or(|wanted| wanted == load.rows_per_request)
            && !(ask.measured_here && it.spec.submitted.is_some());
        let value = it.status.results.as_ref().and_then(|results| value(results, &ask.metric));
        if let (true, Some(value)) = (fits, value) {
            let endpoint = it.spec.endpoint.as_deref().unwrap_or_default();
            let version = it.spec.model_version.as_deref().unwrap_or_default();
            // Somebody's own figures never stand for ours.
            let whose = it.status.submitted_by.as_deref().unwrap_or_default();
            let key = format!("{endpoint}/{version}/{whose}");
            // The list is in the order of making: the newest stays.
            boards.entry(board(&it, &load)).or_default().insert(key, (value, it));
        }
    }
    let descending = descends(&ask.metric);
    let mut lines = Vec::new();
    for board in boards.into_values() {
        let mut board: Vec<(f64, Object<Benchmark>)> = board.into_values().collect();
        board.sort_by(|a, b| if descending { b.0.total_cmp(&a.0) } else { a.0.total_cmp(&b.0) });
        lines.extend(board.into_iter().zip(1..).map(|((value, it), rank)| line(it, (rank, value))));
    }
    let end = ask.from + u64::from(ask.limit);
    let next = (lines.len() as u64 > end).then_some(end);
    let items = lines.into_iter().skip(ask.from as usize).take(ask.limit as usize).collect();
    Ok(Board { metric: ask.metric, descending, items, next })
}

fn line(it: Object<Benchmark>, (rank, value): (u64, f64)) -> Line {
    let load = it.spec.load.unwrap_or_default();
    Line {
        rank,
        benchmark: it.metadata.name,
        endpoint: it.spec.endpoint,
        model_version: it.spec.model_version,
        task: it.spec.task,
        dataset_version: it.spec.dataset_version,
        concurrency: load.concurrency,
        rows_per_request: load.rows_per_request,
        rate: load.rate,
        value,
        results: it.status.results.unwrap_or_default(),
        submitted_by: it.status.submitted_by,
        hardware: it.status.hardware,
        measured_at: it.status.measured_at,
    }
}
