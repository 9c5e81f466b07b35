//! An experiment: runs that try to answer one question, side by side.

use std::collections::BTreeMap;

use kernel::prelude::*;

use ports::tracking::{Condition, Field, Found, Order, Search, Test, Tracking};

use crate::{
    logged,
    run::{ExperimentRun, number},
};

mod clear;
mod look;

/// What experiments serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Experiment>) -> KindBuilder<Experiment> {
    look::serve(kind)
        .admit(note_change)
        .view("metrics", "The final metrics of each run.", metrics)
        .needs("get")
        .view("parameters", "The parameters of each run.", parameters)
        .needs("get")
        .action("archive", "Marks the experiment as no longer in use.", archive)
        .view_of_all("leaderboard", "Runs by one metric, best first.", leaderboard)
        .needs("list")
        .action_on_all(
            "clear-trash",
            "Forgets for good what lies in the trash: runs, logged models and experiments, with all that was logged to them, their traces and files.",
            clear::clear,
        )
        .action_on_all("compare", "Runs side by side, and what they differ in.", compare)
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
    if it.says_more_than(old.as_ref())? {
        it.status.updated = Some(cx.now());
    }
    Ok(it)
}

/// The most runs of a table.
const RUNS_MAX: u32 = 1000;

/// The runs of some experiments, as a search finds them.
async fn search(cx: &Cx, experiments: Vec<Uid>, ask: Search) -> Result<Vec<Found>> {
    if experiments.is_empty() {
        return Ok(Vec::new());
    }
    let ask = Search { org: cx.org.to_string(), experiments, ..ask };
    Ok(cx.port::<dyn Tracking>()?.search(ask).await?.runs)
}

/// The latest runs of an experiment.
async fn runs(cx: &Cx, it: &Object<Experiment>) -> Result<Vec<Found>> {
    search(cx, vec![it.metadata.uid.clone()], Search { limit: RUNS_MAX, ..Search::default() }).await
}

/// The last value of each metric of each run, the latest runs first.
async fn metrics(cx: Cx, it: Object<Experiment>, _: Nothing) -> Result<Value> {
    let shown = |found: &Found| {
        let metrics: BTreeMap<&str, Value> =
            found.metrics.iter().map(|it| (it.key.as_str(), number(it.value))).collect();
        json!({"run": found.run.id, "name": found.run.name, "metrics": metrics})
    };
    Ok(json!({"items": runs(&cx, &it).await?.iter().map(shown).collect::<Vec<_>>()}))
}

/// The parameters of each run, the latest runs first.
async fn parameters(cx: Cx, it: Object<Experiment>, _: Nothing) -> Result<Value> {
    let shown = |found: &Found| {
        let params: BTreeMap<&str, &str> =
            found.params.iter().map(|it| (it.key.as_str(), it.value.as_str())).collect();
        json!({"run": found.run.id, "name": found.run.name, "parameters": params})
    };
    Ok(json!({"items": runs(&cx, &it).await?.iter().map(shown).collect::<Vec<_>>()}))
}

/// What is compared.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Comparison {
    /// The runs, by name or identifier.
    #[field(min = 2, max = 100)]
    runs: Vec<String>,
}

/// Runs side by side: every metric and parameter with its value in each run, and whether the runs differ in it.
async fn compare(cx: Cx, ask: Comparison) -> Result<Value> {
    let mut found = Vec::new();
    for run in &ask.runs {
        let it = cx.get::<ExperimentRun>(run).await?;
        if *it.metadata.namespace != *cx.project {
            // What another project has is answered for like what is nowhere.
            return Err(Error::not_found("not-found", format!("there is no run `{run}`")).at("runs"));
        }
        let run = it;
        found.push(logged::found(&cx, &run).await?);
    }
    let mut metrics: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut params: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (at, run) in found.iter().enumerate() {
        for metric in &run.metrics {
            metrics.entry(&metric.key).or_insert_with(|| vec![Value::Null; found.len()])[at] =
                number(metric.value);
        }
        for pair in &run.params {
            params.entry(&pair.key).or_insert_with(|| vec![Value::Null; found.len()])[at] = json!(pair.value);
        }
    }
    let rows = |table: BTreeMap<&str, Vec<Value>>| -> Vec<Value> {
        let row = |(key, values): (&str, Vec<Value>)| {
            let differs = values.windows(2).any(|pair| pair[0] != pair[1]);
            json!({"key": key, "values": values, "differs": differs})
        };
        table.into_iter().map(row).collect()
    };
    let runs: Vec<Value> = (found.iter())
        .map(|it| json!({"run": it.run.id, "name": it.run.name, "phase": it.run.state.as_str()}))
        .collect();
    Ok(json!({"runs": runs, "metrics": rows(metrics), "parameters": rows(params)}))
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
    let experiments = match &ask.experiment {
        Some(experiment) => vec![cx.get::<Experiment>(experiment).await?],
        None => cx.list::<Experiment>("", RUNS_MAX).await?,
    };
    let names: BTreeMap<Uid, String> =
        experiments.into_iter().map(|it| (it.metadata.uid, it.metadata.name)).collect();
    let ascending =
        ask.ascending.unwrap_or_else(|| LESS_IS_BETTER.iter().any(|word| ask.metric.contains(word)));
    let field = Field::Metric(ask.metric.clone());
    let search_for = Search {
        conditions: vec![Condition { field: field.clone(), test: Test::Present }],
        order: vec![Order { field, descending: !ascending }],
        limit: ask.limit,
        ..Search::default()
    };
    let found = search(&cx, names.keys().cloned().collect(), search_for).await?;
    let row = |(at, it): (usize, &Found)| {
        let value =
            it.metrics.iter().find(|metric| metric.key == ask.metric).map(|metric| number(metric.value));
        json!({
            "rank": at + 1,
            "run": it.run.id,
            "name": it.run.name,
            "experiment": names.get(&it.run.experiment),
            "value": value,
        })
    };
    let items: Vec<Value> = found.iter().enumerate().map(row).collect();
    Ok(json!({"metric": ask.metric, "items": items}))
}
