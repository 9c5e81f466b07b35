//! A benchmark: a load that can be repeated against an endpoint or a version of a model, and what was measured under it; or
//! what somebody measured elsewhere, marked as theirs.
//!
//! Our own are asked inside the platform, with the rights of whoever ordered them: policy, routing, queues and counting are
//! in the times, a network and a client are not.

use behalf::Actor;
use kernel::{journal::Change, prelude::*};

use crate::{
    OBJECTS_MAX,
    rows::Source,
    subject::{self, Subject, data_of, version_of},
};

mod board;
mod load;
mod work;

pub use board::value;
pub use load::{Load, Results};
pub use work::measuring;

/// What benchmarks serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Benchmark>) -> KindBuilder<Benchmark> {
    kind.also_at("system/benchmark")
        .admit(possible)
        .without(&["update", "clone", "import"])
        .action("cancel", "Asks the run to stop; nothing is measured then.", cancel)
        .action_on_all(
            "run",
            "Measures an endpoint, or a version of a model, under a load that can be repeated.",
            run,
        )
        .needs("create")
        .action_on_all("submit", "Keeps what was measured elsewhere: by whom, with what, on what.", submit)
        .needs("create")
        .view_of_all(
            "leaderboard",
            "What was measured on the same data under the same load, by one metric, best first.",
            board::leaderboard,
        )
        .needs("list")
}

/// A load against an endpoint or a version of a model, and what was measured under it.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "benchmark", prefix = "bmk", status = "Status")]
pub struct Benchmark {
    /// The endpoint that is asked.
    #[field(reference = "catalog.endpoints", indexed, immutable)]
    pub endpoint: Option<Ref>,
    /// The version of a model that is asked without an endpoint; of an endpoint, the one it answered with, found then.
    #[field(reference = "catalog.model-versions", indexed, immutable)]
    pub model_version: Option<Ref>,
    /// The version of a dataset whose rows are sent; the version's own example when not given.
    #[field(reference = "catalog.dataset-versions", indexed, immutable)]
    pub dataset_version: Option<Ref>,
    /// The column whose values are the truth; the one the version predicts when not given. Without such a column nothing is
    /// said of quality.
    #[field(max = 500, immutable)]
    pub target: Option<String>,
    /// What the model is for; found from the version when not given.
    #[field(max = 100, indexed, immutable)]
    pub task: Option<String>,
    /// How it is asked.
    #[field(immutable)]
    pub load: Option<Load>,
    /// What somebody measured elsewhere; nothing is asked then.
    #[field(immutable)]
    pub submitted: Option<Submitted>,
}

/// What somebody measured elsewhere, and how they say they did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Submitted {
    /// The program that measured.
    #[field(min = 1, max = 500, example = "hey 0.1.4")]
    pub tool: String,
    /// What it was measured on.
    #[field(min = 1, max = 1000, example = "8 cores of an AMD EPYC 7763, 32 GiB")]
    pub hardware: String,
    /// When.
    pub measured_at: Time,
    /// What is good to know of it.
    #[field(max = 5000)]
    pub note: Option<String>,
    /// What was measured.
    pub results: Results,
}

/// How far it is, and what was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The run that does the work.
    #[field(indexed)]
    pub run: Option<String>,
    /// The run that makes what the version needs before it can be asked.
    pub preparing: Option<String>,
    /// With whose rights it asks.
    pub actor: Option<Actor>,
    /// Who told of what was measured elsewhere.
    pub submitted_by: Option<String>,
    /// Whether there are results.
    #[field(indexed, default = false)]
    pub measured: bool,
    /// Different rows that were sent.
    pub rows: Option<u64>,
    /// What was measured.
    pub results: Option<Results>,
    /// What it was measured on.
    pub hardware: Option<String>,
    /// When it was measured.
    pub measured_at: Option<Time>,
}

/// Whom to ask what, and whether whoever orders it may.
async fn possible(
    cx: Cx,
    mut it: Object<Benchmark>,
    old: Option<Object<Benchmark>>,
) -> Result<Object<Benchmark>> {
    if old.is_some() {
        return Ok(it);
    }
    let (endpoint, version) = (it.spec.endpoint.as_deref(), it.spec.model_version.as_deref());
    let subject = Subject::of(&cx, endpoint, version).await.map_err(|error| error.at("spec.endpoint"))?;
    it.spec.model_version = Some(Ref::to(subject.version.clone()));
    it.spec.task = it.spec.task.or_else(|| subject.task.clone());
    if let Some(told) = &it.spec.submitted {
        told.results.sound("spec.submitted.results")?;
        it.status.submitted_by = Some(cx.principal.actor());
        it.status.measured = true;
        it.status.results = Some(told.results.clone());
        it.status.hardware = Some(told.hardware.clone());
        it.status.measured_at = Some(told.measured_at);
        return Ok(it);
    }
    subject.may_predict(&cx).await?;
    match &it.spec.dataset_version {
        Some(version) => {
            let source = Source::of(&cx, version).await?;
            let wanted = it.spec.target.clone();
            if let Some(target) = wanted.filter(|target| !source.has(target)) {
                let message = format!("the data has no column `{target}`");
                return Err(Error::invalid("target-missing", message).at("spec.target"));
            }
            it.spec.target = it.spec.target.or(subject.target).filter(|target| source.has(target));
        }
        None if subject.lacks_example => {
            return Err(Error::conflict("no-example", "the version has no example to send")
                .at("spec.datasetVersion")
                .hint("name the version of a dataset whose rows are sent"));
        }
        None => it.spec.target = None,
    }
    it.spec.load = Some(it.spec.load.unwrap_or_default());
    it.status.actor = Some(Actor::of(&cx));
    Ok(it)
}

/// What to measure, under which load.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Ask {
    /// What the benchmark is called; a fresh name when not given.
    #[field(max = 253)]
    name: Option<Name>,
    /// The endpoint.
    #[field(max = 253)]
    endpoint: Option<Name>,
    /// The model, instead of an endpoint.
    #[field(max = 253)]
    model: Option<Name>,
    /// The number of its version; the latest when not given.
    model_version: Option<u64>,
    /// The dataset whose rows are sent; the version's own example when not given.
    #[field(max = 253)]
    dataset: Option<Name>,
    /// The number of its version; the latest when not given.
    dataset_version: Option<u64>,
    /// The column whose values are the truth.
    #[field(max = 500)]
    target: Option<String>,
    /// How it is asked.
    load: Option<Load>,
}

/// A benchmark that was ordered.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Ordered {
    /// The benchmark.
    benchmark: String,
    /// The version that is measured.
    model_version: Option<Ref>,
    /// The version of a dataset whose rows are sent.
    dataset_version: Option<Ref>,
}

async fn run(cx: Cx, ask: Ask) -> Result<Ordered> {
    let (model, data) = ((ask.model, ask.model_version), (ask.dataset, ask.dataset_version));
    let spec = named(&cx, ask.endpoint, model, data).await?;
    ordered(&cx, ask.name, Benchmark { target: ask.target, load: ask.load, ..spec }).await
}

/// A benchmark of what is named: an endpoint, or else a version of a model; on a version of a dataset.
async fn named(
    cx: &Cx,
    endpoint: Option<Name>,
    (model, version): (Option<Name>, Option<u64>),
    (dataset, number): (Option<Name>, Option<u64>),
) -> Result<Benchmark> {
    let model_version = match model.filter(|_| endpoint.is_none()) {
        Some(model) => Some(Ref::to(version_of(cx, model.as_str(), version).await?)),
        None => None,
    };
    let dataset_version = match dataset {
        Some(dataset) => Some(Ref::to(data_of(cx, dataset.as_str(), number).await?)),
        None => None,
    };
    let endpoint = endpoint.map(|name| Ref::to(name.to_string()));
    Ok(Benchmark {
        endpoint,
        model_version,
        dataset_version,
        target: None,
        task: None,
        load: None,
        submitted: None,
    })
}

async fn ordered(cx: &Cx, name: Option<Name>, spec: Benchmark) -> Result<Ordered> {
    let name = name.map_or_else(|| format!("benchmark-{}", subject::tail(cx)), |name| name.to_string());
    let made = cx.doing("create").create(Draft::new(name, spec)).await?;
    Ok(Ordered {
        benchmark: made.metadata.name,
        model_version: made.spec.model_version,
        dataset_version: made.spec.dataset_version,
    })
}

/// What was measured elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// What the benchmark is called; a fresh name when not given.
    #[field(max = 253)]
    name: Option<Name>,
    /// The endpoint that was measured.
    #[field(max = 253)]
    endpoint: Option<Name>,
    /// The model, instead of an endpoint.
    #[field(max = 253)]
    model: Option<Name>,
    /// The number of its version; the latest when not given.
    model_version: Option<u64>,
    /// The dataset it was measured on.
    #[field(max = 253)]
    dataset: Option<Name>,
    /// The number of its version; the latest when not given.
    dataset_version: Option<u64>,
    /// The load it was measured under.
    load: Option<Load>,
    /// What was measured, when, with what, on what.
    submitted: Submitted,
}

async fn submit(cx: Cx, ask: Told) -> Result<Ordered> {
    let (model, data) = ((ask.model, ask.model_version), (ask.dataset, ask.dataset_version));
    let spec = named(&cx, ask.endpoint, model, data).await?;
    ordered(&cx, ask.name, Benchmark { load: ask.load, submitted: Some(ask.submitted), ..spec }).await
}

/// Orders the run of a new one.
pub async fn order(cx: Cx, change: Change) -> Result<()> {
    if change.deleted {
        return Ok(());
    }
    let Some(it) = cx.get_opt::<Benchmark>(change.uid.as_str()).await? else { return Ok(()) };
    if it.status.run.is_some() || it.status.measured {
        return Ok(());
    }
    let mut order = Order::new(work::WORKFLOW, json!({"benchmark": it.name()}));
    order.subject = Some(format!("system.benchmarks/{}", it.name()));
    // Reading the rows comes before the load, and a machine may be busy.
    order.deadline_seconds = it.spec.load.clone().unwrap_or_default().seconds + 3_600;
    let name = cx.order(order).await?.metadata.name;
    cx.update_status::<Benchmark>(it.metadata.uid.as_str(), |status| status.run = Some(name.clone())).await?;
    Ok(())
}

async fn cancel(cx: Cx, it: Object<Benchmark>, _: Nothing) -> Result<Value> {
    let run = it.status.run.ok_or_else(|| Error::conflict("run-not-started", "the work has no run yet"))?;
    cx.call_action("system.runs", Some(&run), "cancel", json!({})).await
}

/// Benchmarks that were measured here and are done, in the order of their making; the filter says which.
pub async fn measured(cx: &Cx, filter: &str) -> Result<Vec<Object<Benchmark>>> {
    let mut found =
        cx.list::<Benchmark>(&format!("status.measured = true AND {filter}"), OBJECTS_MAX).await?;
    found.retain(|it| it.spec.submitted.is_none());
    Ok(found)
}
