//! An evaluation: how right a version of a model is on a labelled version of a dataset, as durable work.

use std::collections::BTreeMap;

use behalf::Actor;
use kernel::{journal::Change, prelude::*};

use crate::{
    rows::Source,
    subject::{self, Subject, data_of, version_of},
};

mod work;

pub use work::evaluating;

/// What evaluations serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Evaluation>) -> KindBuilder<Evaluation> {
    kind.admit(possible)
        .without(&["update", "clone", "import"])
        .action("cancel", "Asks the run to stop; nothing is said of the model then.", cancel)
        .action_on_all("start", "Evaluates a model's version on a version of a dataset.", start)
        .needs("create")
}

/// How right a version of a model is on a labelled version of a dataset.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "evaluation", prefix = "evl", status = "Status")]
pub struct Evaluation {
    /// The version of a model.
    #[field(reference = "catalog.model-versions", indexed, immutable)]
    pub model_version: Ref,
    /// The version of a dataset whose rows are predicted.
    #[field(reference = "catalog.dataset-versions", indexed, immutable)]
    pub dataset_version: Ref,
    /// The column whose values are the truth; the one the version predicts when not given.
    #[field(max = 500, immutable)]
    pub target: Option<String>,
}

/// How far it is, and what was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The run that does the work.
    #[field(indexed)]
    pub run: Option<String>,
    /// The run that makes what the version needs before it can be asked.
    pub preparing: Option<String>,
    /// With whose rights it reads and predicts.
    pub actor: Option<Actor>,
    /// Whether it is done.
    #[field(indexed, default = false)]
    pub measured: bool,
    /// Rows there are.
    pub rows: Option<u64>,
    /// Rows whose truth is known.
    pub judged: Option<u64>,
    /// `accuracy`, `balanced_accuracy`, `f1`, `logloss` and `auc` of classes; `rmse`, `mae` and `r2` of numbers.
    pub metrics: BTreeMap<String, f64>,
    /// The classes in the order of the counts.
    pub classes: Vec<String>,
    /// Rows by true and by predicted class.
    pub counts: Vec<Vec<u64>>,
    /// Seconds that predicting took.
    pub seconds: Option<f64>,
    /// When it was done.
    pub measured_at: Option<Time>,
}

/// What is held against what, and whether whoever orders it may.
async fn possible(
    cx: Cx,
    mut it: Object<Evaluation>,
    old: Option<Object<Evaluation>>,
) -> Result<Object<Evaluation>> {
    if old.is_some() {
        return Ok(it);
    }
    let subject = Subject::of(&cx, None, Some(&it.spec.model_version)).await?;
    subject.may_predict(&cx).await?;
    let source = Source::of(&cx, &it.spec.dataset_version).await?;
    let target = it.spec.target.take().or(subject.target).ok_or_else(|| {
        Error::invalid("target-unknown", "it is not known which column the version predicts")
            .at("spec.target")
            .hint("name it, or register the version with its `target`")
    })?;
    if !source.has(&target) {
        let message = format!("the data has no column `{target}`");
        return Err(Error::invalid("target-missing", message).at("spec.target"));
    }
    it.spec.target = Some(target);
    it.status.actor = Some(Actor::of(&cx));
    Ok(it)
}

/// What to evaluate on what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Ask {
    /// The model.
    #[field(max = 253)]
    model: Name,
    /// The number of its version; the latest when not given.
    version: Option<u64>,
    /// The dataset.
    #[field(max = 253)]
    dataset: Name,
    /// The number of its version; the latest when not given.
    dataset_version: Option<u64>,
    /// The column whose values are the truth; the one the version predicts when not given.
    #[field(max = 500)]
    target: Option<String>,
}

/// An evaluation that was ordered.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Ordered {
    /// The evaluation; its status says how far it is.
    evaluation: String,
    /// The version that is evaluated.
    model_version: Ref,
    /// The version of a dataset.
    dataset_version: Ref,
}

async fn start(cx: Cx, ask: Ask) -> Result<Ordered> {
    let model_version = Ref::to(version_of(&cx, ask.model.as_str(), ask.version).await?);
    let dataset_version = Ref::to(data_of(&cx, ask.dataset.as_str(), ask.dataset_version).await?);
    let spec = Evaluation { model_version, dataset_version, target: ask.target };
    let name = format!("evaluation-{}", subject::tail(&cx));
    let made = cx.doing("create").create(Draft::new(name, spec)).await?;
    Ok(Ordered {
        evaluation: made.metadata.name,
        model_version: made.spec.model_version,
        dataset_version: made.spec.dataset_version,
    })
}

/// Orders the run of a new one.
pub async fn order(cx: Cx, change: Change) -> Result<()> {
    if change.deleted {
        return Ok(());
    }
    let Some(it) = cx.get_opt::<Evaluation>(change.uid.as_str()).await? else { return Ok(()) };
    if it.status.run.is_some() {
        return Ok(());
    }
    let mut order = Order::new(work::WORKFLOW, json!({"evaluation": it.name()}));
    order.subject = Some(format!("system.evaluations/{}", it.name()));
    let name = cx.order(order).await?.metadata.name;
    cx.update_status::<Evaluation>(it.metadata.uid.as_str(), |status| status.run = Some(name.clone()))
        .await?;
    Ok(())
}

async fn cancel(cx: Cx, it: Object<Evaluation>, _: Nothing) -> Result<Value> {
    let run = it.status.run.ok_or_else(|| Error::conflict("run-not-started", "the work has no run yet"))?;
    cx.call_action("system.runs", Some(&run), "cancel", json!({})).await
}

/// The newest evaluation of a version that is done.
pub async fn newest(cx: &Cx, version: &str) -> Result<Option<Object<Evaluation>>> {
    let filter = format!("status.measured = true AND spec.modelVersion = {}", kernel::literal(version));
    Ok(cx.list::<Evaluation>(&filter, 1_000).await?.pop())
}
