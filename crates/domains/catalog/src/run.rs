//! A run of an experiment: what was tried, with which parameters and data, and how well it went.

use std::collections::BTreeMap;

use kernel::prelude::*;
use ports::tracking::{Batch, Metric, Pair, Series, Tracking};

use crate::logged;

/// What runs serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<ExperimentRun>) -> KindBuilder<ExperimentRun> {
    kind.child_of("experiments", "experiment")
        .view("metrics", "Every value of the run's metrics, by step.", metrics)
        .needs("get")
        .action("metrics", "Adds values of metrics.", log_metrics)
        .view("parameters", "The run's parameters.", parameters)
        .needs("get")
        .action("parameters", "Adds parameters.", log_parameters)
        .download("held-out", "The rows held out for the test, one JSON object a line.", held_out)
        .needs("get")
        .action("finish", "Says how the run ended.", finish)
        .action("stop", "Stops the run, and the work of the platform behind it.", stop)
        .needs("update")
        .action(
            "resume",
            "Takes a run that has ended up again, with the work of the platform behind it.",
            resume,
        )
        .needs("update")
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
    /// The version of the code it ran, such as a commit.
    #[field(max = 500, immutable)]
    pub code: Option<String>,
    /// What it ran in: versions of programs and packages by name.
    #[field(immutable)]
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
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
    /// The last value of each metric, as it was when the run ended.
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

/// Which values.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// Only this metric.
    #[field(max = 250)]
    metric: Option<String>,
    /// What `next` of the answer before said.
    #[field(max = 1000)]
    after: Option<String>,
    /// How many at most.
    #[field(min = 1, max = 10000, default = 1000)]
    limit: u32,
}

/// Every value of the run's metrics, one metric after the other, by time and step.
async fn metrics(cx: Cx, it: Object<ExperimentRun>, ask: Which) -> Result<Value> {
    let found = logged::found(&cx, &it).await?;
    let tracking = cx.port::<dyn Tracking>()?;
    // Where it goes on: the place within a metric, and the metric.
    let (mut after, from) = match ask.after.as_deref().map(|after| after.split_once('/')) {
        Some(Some((place, key))) => (Some(place.to_owned()).filter(|it| !it.is_empty()), key.to_owned()),
        Some(None) => return Err(bad_place()),
        None => (None, String::new()),
    };
    let keys = found.metrics.iter().map(|metric| metric.key.as_str());
    let keys = keys.filter(|key| ask.metric.as_ref().is_none_or(|it| it == key) && *key >= from.as_str());
    let (mut items, mut next) = (Vec::new(), None);
    for key in keys {
        let room = ask.limit - items.len() as u32;
        if room == 0 {
            next = Some(format!("/{key}"));
            break;
        }
        let series = Series { run: &it.metadata.uid, key };
        let part = tracking.history(&it.org, series, after.take().as_deref(), room).await?;
        items.extend(part.points.iter().map(shown));
        if let Some(place) = part.next {
            next = Some(format!("{place}/{key}"));
            break;
        }
    }
    let last: BTreeMap<&str, Value> =
        found.metrics.iter().map(|metric| (metric.key.as_str(), number(metric.value))).collect();
    Ok(json!({"items": items, "next": next, "last": last}))
}

fn bad_place() -> Error {
    Error::bad_request("bad-page-token", "`after` is not from an answer to this question")
        .at("after")
        .hint("leave it out to begin at the first value")
}

fn shown(point: &Metric) -> Value {
    let time = Time::from_micros(point.time_ms.saturating_mul(1_000));
    json!({"metric": point.key, "value": number(point.value), "step": point.step, "time": time})
}

/// A number in JSON; what is none there is its name.
pub fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    }
}

/// One value.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Logged {
    /// The metric.
    #[field(min = 1, max = 250)]
    metric: String,
    /// The value.
    value: f64,
    /// The step.
    #[field(default = 0)]
    step: i64,
    /// When it was measured; now, when it is not told.
    time: Option<Time>,
}

/// Values to add.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Log {
    /// The values.
    #[field(min = 1, max = 1000)]
    pub points: Vec<Logged>,
}

/// Adds values of metrics.
pub async fn log_metrics(cx: Cx, it: Object<ExperimentRun>, ask: Log) -> Result<Nothing> {
    let now = cx.now();
    let metric = |point: Logged| Metric {
        key: point.metric,
        value: point.value,
        step: point.step,
        time_ms: point.time.unwrap_or(now).millis(),
        model: None,
        data: None,
    };
    let metrics = ask.points.into_iter().map(metric).collect();
    logged::write(&cx, &it, Batch { metrics, ..Batch::default() }).await?;
    Ok(Nothing {})
}

/// The run's parameters.
async fn parameters(cx: Cx, it: Object<ExperimentRun>, _: Nothing) -> Result<BTreeMap<String, String>> {
    let found = logged::found(&cx, &it).await?;
    Ok(found.params.into_iter().map(|pair| (pair.key, pair.value)).collect())
}

/// Parameters to add.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Set {
    /// The parameters; what has a value keeps it.
    pub parameters: BTreeMap<String, String>,
}

/// Adds parameters.
pub async fn log_parameters(cx: Cx, it: Object<ExperimentRun>, ask: Set) -> Result<Nothing> {
    let params = ask.parameters.into_iter().map(|(key, value)| Pair { key, value }).collect();
    logged::write(&cx, &it, Batch { params, ..Batch::default() }).await?;
    Ok(Nothing {})
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
    let last = logged::found(&cx, &it).await?.metrics;
    let done = cx.update_status::<ExperimentRun>(it.metadata.uid.as_str(), |status| {
        let finite = last.iter().filter(|metric| metric.value.is_finite());
        status.metrics = finite.map(|metric| (metric.key.clone(), metric.value)).collect();
        status.phase = ask.phase;
        let is_over = !matches!(ask.phase, Phase::Running | Phase::Scheduled);
        status.finished_at = ask.finished_at.or(is_over.then_some(now));
    });
    logged::put(&cx, &done.await?).await?;
    Ok(Nothing {})
}

/// The kind of the work behind a run.
const WORK: &str = "system.runs";

/// Stops the run, and the work of the platform behind it.
async fn stop(cx: Cx, it: Object<ExperimentRun>, _: Nothing) -> Result<Nothing> {
    if !matches!(it.status.phase, Phase::Running | Phase::Scheduled) {
        return Err(Error::conflict("run-has-ended", format!("run `{}` has ended", it.name())));
    }
    if let Some(work) = &it.spec.work {
        match cx.call_action(WORK, Some(work), "cancel", json!({})).await {
            // It has just ended by itself.
            Err(error) if error.status() == base::Status::Conflict => {}
            other => other.map(drop)?,
        }
    }
    finish(cx, it, End { phase: Phase::Killed, finished_at: None }).await
}

/// Takes a run that has ended up again.
async fn resume(cx: Cx, it: Object<ExperimentRun>, _: Nothing) -> Result<Nothing> {
    if matches!(it.status.phase, Phase::Running | Phase::Scheduled) {
        return Err(Error::conflict("run-not-ended", format!("run `{}` is under way", it.name())));
    }
    if let Some(work) = &it.spec.work {
        cx.call_action(WORK, Some(work), "retry", json!({})).await?;
    }
    let changed = cx.update_status::<ExperimentRun>(it.metadata.uid.as_str(), |status| {
        status.phase = Phase::Running;
        status.finished_at = None;
    });
    logged::put(&cx, &changed.await?).await?;
    Ok(Nothing {})
}
