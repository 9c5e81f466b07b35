//! A training job: the wish for a model that predicts one column of a dataset.

use std::collections::BTreeMap;

use kernel::{
    declare::Body,
    dispatch::{Answer, Call, Verb, call},
    journal::Change,
    prelude::*,
};
use ports::learn::Task as EngineTask;

use crate::{cost, dataset::Dataset, dataset_version, reproduce::Reproduction};

/// What training jobs serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<TrainingJob>) -> KindBuilder<TrainingJob> {
    kind.also_at("system/training/jobs")
        .admit(learnable)
        .without(&["update"])
        .action("cancel", "Asks the job's run to stop.", cancel)
        .view("config", "What the job was asked.", |_, it, _: Nothing| async move { Ok(it.spec) })
        .needs("get")
        .view("hyperparameters", "What the search for a model starts from.", hyperparameters)
        .needs("get")
        .download("logs", "The log of the job's run.", logs)
        .needs("get")
}

/// What the search for a model starts from.
async fn hyperparameters(_: Cx, it: Object<TrainingJob>, _: Nothing) -> Result<Value> {
    let spec = it.spec;
    Ok(json!({
        "budgetSeconds": spec.budget_seconds,
        "folds": spec.folds,
        "testShare": spec.test_share,
        "seed": spec.seed,
        "ignore": spec.ignore,
    }))
}

/// The log of the job's run, as whoever may read that.
async fn logs(cx: Cx, it: Object<TrainingJob>, _: Nothing) -> Result<Output> {
    let run = it.status.run.ok_or_else(|| Error::conflict("run-not-started", "the job has no run yet"))?;
    let asked = Call {
        kind: cx.platform().kind("system.runs")?,
        verb: Verb::View("logs".to_owned()),
        id: Some(run),
        parent: None,
        params: BTreeMap::new(),
        body: Body::Empty,
        if_match: None,
    };
    match call(cx, asked).await? {
        Answer::Bytes(bytes) => Ok(bytes),
        _ => Err(Error::internal("a log is bytes")),
    }
}

/// The wish for a model.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "training-job", prefix = "trj", status = "Status")]
pub struct TrainingJob {
    /// The dataset to learn from.
    #[field(reference = "catalog.datasets", indexed, immutable)]
    pub dataset: Ref,
    /// The number of its version; the latest when not given.
    #[field(immutable)]
    pub dataset_version: Option<u64>,
    /// The column to predict.
    #[field(immutable, max = 500, example = "status")]
    pub target: String,
    /// What sort of question the target asks; found from its values when not given.
    #[field(immutable)]
    pub task: Option<Task>,
    /// Columns not to learn from.
    #[field(immutable)]
    pub ignore: Vec<String>,
    /// Seconds after which no further candidate is tried.
    #[field(immutable, min = 1, max = 86400, default = 60)]
    pub budget_seconds: u32,
    /// Folds of the cross-validation.
    #[field(immutable, min = 2, max = 20, default = 5)]
    pub folds: u32,
    /// Share of the rows held out for the final test.
    #[field(immutable, min = 0.05, max = 0.5, default = 0.2)]
    pub test_share: f64,
    /// What all shuffling starts from; the same seed gives the same model.
    #[field(immutable, default = 7)]
    pub seed: u64,
    /// The model to register the result under; the dataset's name when not given.
    #[field(immutable)]
    pub model: Option<Name>,
    /// The experiment to record the run in; the dataset's name when not given.
    #[field(immutable)]
    pub experiment: Option<Name>,
    /// The version that is learned again to compare; none is registered then.
    #[field(reference = "catalog.model-versions", indexed, immutable)]
    pub reproduces: Option<Ref>,
}

/// What sort of question the target asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Two classes.
    Binary,
    /// Three or more classes.
    Multiclass,
    /// A number.
    Regression,
}

impl Task {
    /// The engine's word for it.
    pub fn engine(self) -> EngineTask {
        match self {
            Self::Binary => EngineTask::Binary,
            Self::Multiclass => EngineTask::Multiclass,
            Self::Regression => EngineTask::Regression,
        }
    }
}

/// Where a job is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The durable run that does the work.
    pub run: Option<String>,
    /// The experiment run it is recorded in.
    pub experiment_run: Option<String>,
    /// The model version that came of it.
    pub model_version: Option<String>,
    /// How what came of it compares with the version it reproduces.
    pub reproduction: Option<Reproduction>,
}

/// The target is a column of the data.
async fn learnable(
    cx: Cx,
    it: Object<TrainingJob>,
    old: Option<Object<TrainingJob>>,
) -> Result<Object<TrainingJob>> {
    if old.is_some() {
        return Ok(it);
    }
    cost::affordable(&cx, it.spec.budget_seconds).await?;
    let version = version(&cx, &it.spec).await?;
    let columns = version.status.columns();
    let names: Vec<&str> = columns.iter().filter_map(|column| column["name"].as_str()).collect();
    if !names.contains(&it.spec.target.as_str()) {
        let shown: String = it.spec.target.chars().take(60).collect();
        return Err(Error::invalid("target-missing", format!("the data has no column `{shown}`"))
            .at("spec.target")
            .hint(format!("its columns are: {}", names.join(", "))));
    }
    Ok(it)
}

/// The version of the data a job learns from.
pub async fn version(cx: &Cx, job: &TrainingJob) -> Result<Object<dataset_version::Version>> {
    let name = match job.dataset_version {
        Some(number) => format!("{}.{number}", job.dataset),
        None => {
            let dataset = cx.get_opt::<Dataset>(&job.dataset).await?.ok_or_else(|| {
                Error::invalid("bad-reference", format!("there is no dataset `{}`", job.dataset))
                    .at("spec.dataset")
            })?;
            dataset.status.latest.ok_or_else(|| {
                Error::conflict(
                    "dataset-empty",
                    format!("dataset `{}` has no profiled version yet", job.dataset),
                )
                .at("spec.dataset")
                .hint("upload a file, and wait for the run that profiles it")
            })?
        }
    };
    cx.get::<dataset_version::Version>(&name).await
}

/// Seconds after which the run of a job fails.
pub fn deadline_s(job: &TrainingJob) -> u32 {
    job.budget_seconds * 3 + 600
}

/// Orders the run of a new job.
pub async fn order(cx: Cx, change: Change) -> Result<()> {
    if change.deleted {
        return Ok(());
    }
    let Some(job) = cx.get_opt::<TrainingJob>(change.uid.as_str()).await? else { return Ok(()) };
    if job.status.run.is_some() {
        return Ok(());
    }
    let mut order = Order::new("catalog.train", json!({"job": job.name()}));
    order.subject = Some(format!("system.training-jobs/{}", job.name()));
    order.deadline_seconds = deadline_s(&job.spec);
    let run = cx.order(order).await?;
    let name = run.metadata.name;
    cx.update_status::<TrainingJob>(job.metadata.uid.as_str(), |status| status.run = Some(name.clone()))
        .await?;
    Ok(())
}

/// Asks the job's run to stop.
async fn cancel(cx: Cx, it: Object<TrainingJob>, _: Nothing) -> Result<Value> {
    let run = it.status.run.ok_or_else(|| Error::conflict("run-not-started", "the job has no run yet"))?;
    cx.call_action("system.runs", Some(&run), "cancel", json!({})).await
}
