//! Experiments from other sides: their files, their curves, and all of it as a report.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{blob::Stored, declare::Incoming, prelude::*};
use ports::tracking::{
    Found, Sample, Tracking,
    file::{Artifacts, File, Place, path_fits},
};

use super::{Experiment, runs};
use crate::{
    files,
    run::{self, ExperimentRun, number},
};

/// Adds these views.
pub fn serve(kind: KindBuilder<Experiment>) -> KindBuilder<Experiment> {
    kind.view("artifacts", "The files of the experiment's runs.", artifacts)
        .upload("artifacts", "Takes a file of one of the runs.", take_artifact)
        .needs("update")
        .view("visualizations", "The curves of the experiment's metrics, sampled for a chart.", curves)
        .needs("get")
        .view("report", "What was tried and what came of it.", report)
        .action("metrics", "Adds values of metrics to one of the runs.", log_metrics)
        .needs("update")
        .action("parameters", "Adds parameters to one of the runs.", log_parameters)
        .needs("update")
}

/// How many files of one run are listed.
const FILES_MAX: u32 = 1_000;
/// How many runs have curves in one answer.
const CURVES_MAX: usize = 100;

async fn artifacts(cx: Cx, it: Object<Experiment>, _: Nothing) -> Result<Value> {
    let kept = cx.port::<dyn Artifacts>()?;
    let mut items = Vec::new();
    for found in runs(&cx, &it).await? {
        let place = Place { tree: &found.run.id, path: "" };
        for file in kept.files(&it.org, place, "", FILES_MAX).await? {
            items.push(json!({
                "run": found.run.id, "path": file.path, "bytes": file.bytes, "blob": file.blob,
                "time": Time::from_micros(file.time_ms.saturating_mul(1_000)),
            }));
        }
    }
    Ok(json!({"items": items}))
}

/// Where a file goes.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Goes {
    /// The run.
    #[field(max = 253)]
    run: String,
    /// The path among the run's files.
    #[field(min = 1, max = 1000, example = "plots/roc.png")]
    path: String,
}

/// Takes a file of a run: it is there whole or not at all, and replaces what was at its path.
async fn take_artifact(cx: Cx, it: Object<Experiment>, ask: Goes, incoming: Incoming) -> Result<Value> {
    let run = own(&cx, &it, &ask.run).await?;
    if !path_fits(&ask.path) {
        return Err(
            Error::invalid("bad-path", "a path is relative, without `.`, `..` and empty parts").at("path")
        );
    }
    let Stored { digest, bytes } = files::keep(&cx, incoming.bytes).await?;
    let tree = run.metadata.uid.clone();
    let file = File { tree, path: ask.path.clone(), blob: digest, bytes, time_ms: cx.now().millis() };
    cx.port::<dyn Artifacts>()?.place(&it.org, vec![file]).await?;
    Ok(json!({"run": run.metadata.uid, "path": ask.path, "blob": digest, "bytes": bytes}))
}

/// Which curves.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Curves {
    /// Only this metric; all of the latest run's when not given.
    #[field(max = 250)]
    metric: Option<String>,
    /// How many points of each curve at most.
    #[field(min = 2, max = 2000, default = 200)]
    points: u32,
}

async fn curves(cx: Cx, it: Object<Experiment>, ask: Curves) -> Result<Value> {
    let found: Vec<Found> = runs(&cx, &it).await?.into_iter().take(CURVES_MAX).collect();
    let keys: BTreeSet<String> = match ask.metric {
        Some(metric) => BTreeSet::from([metric]),
        None => found.first().into_iter().flat_map(|run| &run.metrics).map(|it| it.key.clone()).collect(),
    };
    let tracking = cx.port::<dyn Tracking>()?;
    let mut charts = Vec::new();
    for key in keys {
        let ids = found.iter().map(|it| it.run.id.clone()).collect();
        let sample = Sample { runs: ids, key: key.clone(), from: None, to: None, points: ask.points };
        let curves: Vec<Value> = tracking
            .sampled(&it.org, sample)
            .await?
            .into_iter()
            .filter(|(_, points)| !points.is_empty())
            .map(|(run, points)| {
                let points: Vec<Value> =
                    points.iter().map(|it| json!([it.step, it.time_ms, number(it.value)])).collect();
                json!({"run": run, "points": points})
            })
            .collect();
        charts.push(json!({"metric": key, "columns": ["step", "timeMs", "value"], "curves": curves}));
    }
    Ok(json!({"charts": charts}))
}

async fn report(cx: Cx, it: Object<Experiment>, _: Nothing) -> Result<Value> {
    let found = runs(&cx, &it).await?;
    let mut phases: BTreeMap<&str, u64> = BTreeMap::new();
    let mut metrics: BTreeMap<&str, Vec<(f64, &Found)>> = BTreeMap::new();
    let mut params: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for run in &found {
        *phases.entry(run.run.state.as_str()).or_default() += 1;
        for metric in run.metrics.iter().filter(|it| it.value.is_finite()) {
            metrics.entry(&metric.key).or_default().push((metric.value, run));
        }
        for pair in &run.params {
            params.entry(&pair.key).or_default().insert(&pair.value);
        }
    }
    let told = |(key, mut values): (&str, Vec<(f64, &Found)>)| {
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let end = |at: Option<&(f64, &Found)>| {
            at.map(|(value, run)| json!({"value": value, "run": run.run.id, "name": run.run.name}))
        };
        let mean = values.iter().map(|it| it.0).sum::<f64>() / values.len().max(1) as f64;
        json!({"metric": key, "runs": values.len(), "mean": mean, "least": end(values.first()), "most": end(values.last())})
    };
    let varied: BTreeMap<&str, usize> = params
        .iter()
        .filter(|(_, values)| values.len() > 1)
        .map(|(key, values)| (*key, values.len()))
        .collect();
    Ok(json!({
        "experiment": it.name(),
        "description": it.spec.description,
        "runs": found.len(),
        "phases": phases,
        "metrics": metrics.into_iter().map(told).collect::<Vec<_>>(),
        "variedParameters": varied,
    }))
}

/// A run of the experiment, by name or uid.
async fn own(cx: &Cx, it: &Object<Experiment>, run: &str) -> Result<Object<ExperimentRun>> {
    let found = cx.get_opt::<ExperimentRun>(run).await?;
    let is_own = |run: &Object<ExperimentRun>| {
        *run.spec.experiment == *it.name() || *run.spec.experiment == *it.metadata.uid.as_str()
    };
    found
        .filter(is_own)
        .ok_or_else(|| Error::not_found("not-found", format!("the experiment has no run `{run}`")).at("run"))
}

/// Values for a run.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct ToRun {
    /// The run.
    #[field(max = 253)]
    run: String,
    /// The values.
    #[field(min = 1, max = 1000)]
    points: Vec<run::Logged>,
}

async fn log_metrics(cx: Cx, it: Object<Experiment>, ask: ToRun) -> Result<Nothing> {
    let run = own(&cx, &it, &ask.run).await?;
    run::log_metrics(cx, run, run::Log { points: ask.points }).await
}

/// Parameters for a run.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct SetOfRun {
    /// The run.
    #[field(max = 253)]
    run: String,
    /// The parameters; what has a value keeps it.
    parameters: BTreeMap<String, String>,
}

async fn log_parameters(cx: Cx, it: Object<Experiment>, ask: SetOfRun) -> Result<Nothing> {
    let run = own(&cx, &it, &ask.run).await?;
    run::log_parameters(cx, run, run::Set { parameters: ask.parameters }).await
}
