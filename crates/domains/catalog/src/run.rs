//! A run of an experiment: what was tried, with which parameters and data, and how well it went.

use std::collections::BTreeMap;

use kernel::prelude::*;
use ports::learn::Point;

/// What runs serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<ExperimentRun>) -> KindBuilder<ExperimentRun> {
    kind.child_of("experiments", "experiment")
        .view("metrics", "Every value of the run's metrics, by step.", metrics)
        .action("metrics", "Adds values of metrics.", log_metrics)
        .view("parameters", "The run's parameters.", parameters)
        .download("held-out", "The rows held out for the test, one JSON object a line.", held_out)
        .needs("get")
        .action("finish", "Says how the run ended.", finish)
}

/// What was tried.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "experiment-run", plural = "runs", prefix = "xrn", status = "Status")]
pub struct ExperimentRun {
    /// The experiment it belongs to.
    #[field(reference = "catalog.experiments", indexed, immutable)]
    pub experiment: Ref,
    /// What was set before it began.
    pub parameters: BTreeMap<String, String>,
    /// The data it learned from.
    #[field(reference = "catalog.dataset-versions", indexed, immutable)]
    pub dataset_version: Option<Ref>,
    /// The digest of that data.
    #[field(immutable)]
    pub dataset_digest: Option<Digest>,
    /// The durable work behind it.
    #[field(reference = "system.runs", indexed, immutable)]
    pub work: Option<Ref>,
    /// What people call it; need not be unique.
    #[field(max = 8000)]
    pub title: Option<String>,
    /// Who began it, as its client told.
    #[field(max = 256, immutable)]
    pub user: Option<String>,
    /// When it began, where that is not when it was made.
    #[field(immutable)]
    pub started_at: Option<Time>,
}

/// Where a run is; the words are MLflow's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "UPPERCASE")]
pub enum Phase {
    /// Under way.
    #[default]
    Running,
    /// To be begun.
    Scheduled,
    /// Done.
    Finished,
    /// Given up.
    Failed,
    /// Stopped.
    Killed,
}

/// How well it went.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "RUNNING")]
    pub phase: Phase,
    /// The last value of each metric.
    pub metrics: BTreeMap<String, f64>,
    /// The task that was found.
    pub task: Option<String>,
    /// Every candidate that was tried, best first.
    pub trials: Option<Value>,
    /// The confusion matrix or the residuals on the held-out rows.
    pub errors: Option<Value>,
    /// Mean absolute contribution of each input, largest first.
    pub importance: Option<Value>,
    /// The blob of the rows held out for the test, one JSON object a line.
    pub held_out: Option<Digest>,
    /// When it ended.
    pub finished_at: Option<Time>,
}

/// The stream of a run's metrics.
pub fn stream_of(uid: &Uid) -> String {
    format!("metrics/{uid}")
}

/// Which values.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// Only this metric.
    #[field(max = 250)]
    metric: Option<String>,
    /// The number of the first value, from 0.
    #[field(default = 0)]
    from: u64,
    /// How many at most.
    #[field(min = 1, max = 10000, default = 1000)]
    limit: u32,
}

/// Every value of the run's metrics, by step.
async fn metrics(cx: Cx, it: Object<ExperimentRun>, ask: Which) -> Result<Value> {
    let entries = cx.platform().store.stream(&stream_of(&it.metadata.uid), ask.from, ask.limit).await?;
    let next = entries.last().filter(|_| entries.len() == ask.limit as usize).map(|(number, _)| number + 1);
    let points: Vec<Point> = entries
        .iter()
        .filter_map(|(_, text)| serde_json::from_str::<Point>(text).ok())
        .filter(|point| ask.metric.as_ref().is_none_or(|metric| *metric == point.metric))
        .collect();
    Ok(json!({"items": points, "next": next, "last": it.status.metrics}))
}

/// One value.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Logged {
    /// The metric.
    #[field(min = 1, max = 250)]
    metric: String,
    /// The value.
    value: f64,
    /// The step.
    #[field(default = 0)]
    step: u64,
}

/// Values to add.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Log {
    /// The values.
    #[field(min = 1, max = 1000)]
    points: Vec<Logged>,
}

/// Adds values of metrics.
async fn log_metrics(cx: Cx, it: Object<ExperimentRun>, ask: Log) -> Result<Nothing> {
    let line = |point: &Logged| {
        json!({"metric": point.metric, "step": point.step, "value": point.value}).to_string()
    };
    cx.append(stream_of(&it.metadata.uid), ask.points.iter().map(line).collect()).await?;
    cx.update_status::<ExperimentRun>(it.metadata.uid.as_str(), |status| {
        for point in &ask.points {
            status.metrics.insert(point.metric.clone(), point.value);
        }
    })
    .await?;
    Ok(Nothing {})
}

/// The run's parameters.
async fn parameters(_: Cx, it: Object<ExperimentRun>, _: Nothing) -> Result<BTreeMap<String, String>> {
    Ok(it.spec.parameters)
}

/// The rows held out for the test.
async fn held_out(cx: Cx, it: Object<ExperimentRun>, _: Nothing) -> Result<Output> {
    let digest = it.status.held_out.ok_or_else(|| {
        Error::not_found("no-held-out-rows", "the run has held out no rows")
            .hint("only trainings hold rows out")
    })?;
    Ok(crate::files::give(&cx, digest, "application/jsonl", format!("{}.held-out.jsonl", it.name())))
}

/// How it ended.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct End {
    /// Where it is now.
    phase: Phase,
    /// When it ended; now, when it is not told.
    finished_at: Option<Time>,
}

/// Says how the run ended.
async fn finish(cx: Cx, it: Object<ExperimentRun>, ask: End) -> Result<Nothing> {
    let now = cx.now();
    cx.update_status::<ExperimentRun>(it.metadata.uid.as_str(), |status| {
        status.phase = ask.phase;
        let is_over = !matches!(ask.phase, Phase::Running | Phase::Scheduled);
        status.finished_at = ask.finished_at.or(is_over.then_some(now));
    })
    .await?;
    Ok(Nothing {})
}
