//! An experiment: runs that try to answer one question, side by side.

use std::collections::BTreeMap;

use kernel::prelude::*;

use crate::{run::ExperimentRun, touched};

/// What experiments serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Experiment>) -> KindBuilder<Experiment> {
    kind.admit(note_change)
        .view("metrics", "The final metrics of each run.", metrics)
        .view("parameters", "The parameters of each run.", parameters)
        .action("archive", "Marks the experiment as no longer in use.", archive)
        .view_of_all("leaderboard", "Runs by one metric, best first.", leaderboard)
        .needs("list")
}

/// Runs that try to answer one question.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "experiment", prefix = "exp", status = "Status")]
pub struct Experiment {
    /// What it tries to answer.
    #[field(max = 10000)]
    pub description: Option<String>,
    /// Whether it is no longer in use.
    #[field(default = false, indexed)]
    pub archived: bool,
    /// What people call it, where that is more than a name can be.
    #[field(max = 500, indexed)]
    pub title: Option<String>,
    /// Short texts about it.
    pub tags: BTreeMap<String, String>,
    /// Where its runs keep their files, if that is elsewhere.
    #[field(max = 5000, immutable)]
    pub artifact_location: Option<String>,
}

/// What is known of an experiment.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Status {
    /// When it was changed last.
    pub updated: Option<Time>,
}

/// Says when the experiment was changed last.
async fn note_change(
    cx: Cx,
    mut it: Object<Experiment>,
    old: Option<Object<Experiment>>,
) -> Result<Object<Experiment>> {
    if touched::is_changed(&it, old.as_ref())? {
        it.status.updated = Some(cx.now());
    }
    Ok(it)
}

/// The most runs looked at for a table.
const RUNS_MAX: u32 = 1000;

async fn runs(cx: &Cx, experiment: &str) -> Result<Vec<Object<ExperimentRun>>> {
    cx.list::<ExperimentRun>(&format!("spec.experiment = \"{experiment}\""), RUNS_MAX).await
}

/// The final metrics of each run.
async fn metrics(cx: Cx, it: Object<Experiment>, _: Nothing) -> Result<Value> {
    let runs = runs(&cx, it.name()).await?;
    let items: Vec<Value> =
        runs.iter().map(|run| json!({"run": run.name(), "metrics": run.status.metrics})).collect();
    Ok(json!({"items": items}))
}

/// The parameters of each run.
async fn parameters(cx: Cx, it: Object<Experiment>, _: Nothing) -> Result<Value> {
    let runs = runs(&cx, it.name()).await?;
    let items: Vec<Value> =
        runs.iter().map(|run| json!({"run": run.name(), "parameters": run.spec.parameters})).collect();
    Ok(json!({"items": items}))
}

/// Marks the experiment as no longer in use.
async fn archive(cx: Cx, mut it: Object<Experiment>, _: Nothing) -> Result<Nothing> {
    it.spec.archived = true;
    cx.save(&it).await?;
    Ok(Nothing {})
}

/// By what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Board {
    /// The metric, for example `accuracy`.
    #[field(max = 250, example = "accuracy")]
    metric: String,
    /// Only runs of this experiment.
    experiment: Option<String>,
    /// Whether less is better; found from the metric's name when absent.
    ascending: Option<bool>,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 20)]
    limit: u32,
}

/// Metrics of which less is better.
const LESS_IS_BETTER: [&str; 6] = ["loss", "error", "rmse", "mae", "mse", "mape"];

/// Runs by one metric, best first.
async fn leaderboard(cx: Cx, ask: Board) -> Result<Value> {
    let found = match &ask.experiment {
        Some(experiment) => runs(&cx, experiment).await?,
        None => cx.list::<ExperimentRun>("", RUNS_MAX).await?,
    };
    let ascending =
        ask.ascending.unwrap_or_else(|| LESS_IS_BETTER.iter().any(|word| ask.metric.contains(word)));
    let mut rows: Vec<(f64, Object<ExperimentRun>)> =
        found.into_iter().filter_map(|run| Some((*run.status.metrics.get(&ask.metric)?, run))).collect();
    rows.sort_by(|a, b| if ascending { a.0.total_cmp(&b.0) } else { b.0.total_cmp(&a.0) });
    let items: Vec<Value> = rows
        .into_iter()
        .take(ask.limit as usize)
        .enumerate()
        .map(|(i, (value, run))| {
            json!({"rank": i + 1, "run": run.name(), "experiment": run.spec.experiment, "value": value})
        })
        .collect();
    Ok(json!({"metric": ask.metric, "items": items}))
}
