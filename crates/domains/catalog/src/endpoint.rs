//! An endpoint: an address that answers with a model's predictions.

use kernel::{journal::Change, prelude::*, read};

use crate::{
    gate,
    model::Model,
    model_version::Version,
    predict::{self, Explained, Predicted, Rows},
    serving::Serving,
    tensor_json,
};

mod counted;
mod operate;

pub use operate::Desired;

/// What endpoints serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Endpoint>) -> KindBuilder<Endpoint> {
    let kind = counted::serve(operate::serve(kind));
    kind.admit(resolve)
        .admit(gate::deployed)
        .action("predict", "Predicts for rows given as objects of columns.", predict_rows)
        .action(
            "explain",
            "Predicts and says what each column added; the parts sum to the margin.",
            explain_rows,
        )
        .action("infer", "Predicts for tensors: the Open Inference Protocol v2.", infer)
        .needs("predict")
        .action("test", "Predicts for the model's own example and answers the result.", test)
        .needs("predict")
        .action("redeploy", "Resolves the version again, and loads it.", redeploy)
        .needs("update")
        .view("schema", "What the endpoint takes and gives.", schema)
        .needs("get")
        .view("health", "Whether the endpoint answers.", health)
        .needs("get")
}

/// An address that answers with a model's predictions.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "endpoint", prefix = "ept", short = "ep", status = "Status")]
pub struct Endpoint {
    /// The model.
    #[field(reference = "catalog.models", indexed)]
    pub model: Ref,
    /// The number of the version; the latest when not given.
    #[field(max = 20, example = "1")]
    pub version: Option<String>,
    /// The version that is meant, found from model and number.
    #[field(reference = "catalog.model-versions", indexed)]
    pub model_version: Option<Ref>,
    /// What it is for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Whether it shall answer.
    #[field(indexed, default = "Serving")]
    pub desired: Desired,
    /// What callers are told when it shall not.
    #[field(max = 500)]
    pub reason: Option<String>,
    /// The most rows one request may carry.
    #[field(min = 1, max = 10000, default = 10000)]
    pub rows_max: u32,
}

impl Endpoint {
    /// An endpoint of a model with nothing further said.
    pub fn of_model(model: &str, version: Option<String>) -> Self {
        Self {
            model: Ref::to(model),
            version,
            model_version: None,
            description: None,
            desired: Desired::Serving,
            reason: None,
            rows_max: 10_000,
        }
    }
}

/// Where an endpoint is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Phase {
    /// Being loaded.
    #[default]
    Pending,
    /// Answering.
    Ready,
    /// Not answering.
    Failed,
}

/// How an endpoint is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "Pending")]
    pub phase: Phase,
    /// The version it answers with.
    pub serving: Option<String>,
    /// Why it does not answer.
    pub message: Option<String>,
    /// The Kubernetes conditions: `Ready`.
    pub conditions: Vec<Condition>,
    /// The generation the status is about.
    pub observed_generation: Option<u64>,
}

/// A condition as Kubernetes has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// Since when.
    pub last_transition_time: Option<Time>,
}

/// Model and number become the version that is meant.
async fn resolve(
    cx: Cx,
    mut it: Object<Endpoint>,
    old: Option<Object<Endpoint>>,
) -> Result<Object<Endpoint>> {
    let changed =
        old.is_none_or(|old| old.spec.model != it.spec.model || old.spec.version != it.spec.version);
    if !changed && it.spec.model_version.is_some() {
        return Ok(it);
    }
    let name = match &it.spec.version {
        Some(number) => format!("{}.{number}", it.spec.model),
        None => {
            let model = cx.get::<Model>(&it.spec.model).await.map_err(|error| error.at("spec.model"))?;
            model.status.latest.ok_or_else(|| {
                Error::conflict("model-empty", format!("model `{}` has no version yet", it.spec.model))
                    .at("spec.model")
                    .hint("train it, or register a version")
            })?
        }
    };
    let version = cx.get_opt::<Version>(&name).await?.ok_or_else(|| {
        Error::invalid("bad-reference", format!("there is no version `{name}`"))
            .at("spec.version")
            .hint("`aic get model-versions` lists what there is")
    })?;
    if version.status.deprecated {
        return Err(Error::conflict("version-deprecated", format!("version `{name}` is deprecated"))
            .at("spec.version")
            .hint("deploy a newer version"));
    }
    it.spec.model_version = Some(Ref::to(name));
    Ok(it)
}

/// Loads what is wanted and says how it went.
pub async fn make_ready(cx: Cx, change: Change) -> Result<()> {
    if change.deleted || change.actor.starts_with("system:endpoints") {
        return Ok(());
    }
    let Some(it) = cx.get_opt::<Endpoint>(change.uid.as_str()).await? else { return Ok(()) };
    if it.status.observed_generation == Some(it.metadata.generation) && change.verb != "redeploy" {
        return Ok(());
    }
    let version = it.spec.model_version.as_ref().map(ToString::to_string).unwrap_or_default();
    let loaded = cx.port::<Serving>()?.model(&cx, &version).await;
    let (phase, word, reason, message) = match &loaded {
        Ok(_) => (Phase::Ready, "True", "Loaded", None),
        Err(error) => (Phase::Failed, "False", "LoadFailed", Some(error.message().to_owned())),
    };
    let (event, told) = match &message {
        None => ("loaded", format!("version {version} answers")),
        Some(message) => ("load-failed", format!("version {version}: {message}")),
    };
    counted::note(&cx, &it.metadata.uid, event, &told).await?;
    let now = cx.now();
    let generation = it.metadata.generation;
    cx.doing("ready")
        .update_status::<Endpoint>(it.metadata.uid.as_str(), |status| {
            status.phase = phase;
            status.serving = Some(version.clone()).filter(|_| phase == Phase::Ready);
            status.message.clone_from(&message);
            status.observed_generation = Some(generation);
            status.conditions = vec![Condition {
                kind: "Ready".to_owned(),
                status: word.to_owned(),
                reason: reason.to_owned(),
                message: message.clone().unwrap_or_default(),
                last_transition_time: Some(now),
            }];
        })
        .await?;
    Ok(())
}

async fn loaded(cx: &Cx, it: &Object<Endpoint>) -> Result<std::sync::Arc<crate::serving::Loaded>> {
    operate::in_service(it)?;
    let Some(version) = &it.spec.model_version else {
        return Err(Error::conflict("endpoint-not-ready", "the endpoint has no version yet"));
    };
    if it.status.phase == Phase::Failed {
        let message = it.status.message.clone().unwrap_or_default();
        return Err(Error::unavailable(
            "endpoint-failed",
            format!("the endpoint does not answer: {message}"),
        )
        .hint("deploy another version, or `redeploy` once the cause is mended"));
    }
    cx.port::<Serving>()?.model(cx, version).await
}

/// Predicts for rows.
async fn predict_rows(cx: Cx, it: Object<Endpoint>, ask: Rows) -> Result<Predicted> {
    let rows = ask.rows.len();
    few_enough(&it, rows)?;
    let answer = async {
        let loaded = loaded(&cx, &it).await?;
        predict::rows(&cx, loaded, ask).await
    };
    counted::call(&cx, &it, rows, answer).await
}

/// Refuses more rows than the endpoint takes.
fn few_enough(it: &Object<Endpoint>, rows: usize) -> Result<()> {
    let most = it.spec.rows_max as usize;
    if rows <= most {
        return Ok(());
    }
    Err(Error::invalid("too-many-rows", format!("{rows} rows at once, {most} are the most here")).at("rows"))
}

/// Predicts and says what each column added.
async fn explain_rows(cx: Cx, it: Object<Endpoint>, ask: Rows) -> Result<Explained> {
    few_enough(&it, ask.rows.len())?;
    let rows = ask.rows.len();
    let answer = async {
        let loaded = loaded(&cx, &it).await?;
        predict::explained(&cx, loaded, ask).await
    };
    counted::call(&cx, &it, rows, answer).await
}

/// Predicts for tensors.
async fn infer(cx: Cx, it: Object<Endpoint>, ask: tensor_json::Request) -> Result<Value> {
    let rows = ask.rows();
    few_enough(&it, rows)?;
    let answer = async {
        let loaded = loaded(&cx, &it).await?;
        tensor_json::infer(&cx, loaded, it.name(), ask).await
    };
    counted::call(&cx, &it, rows, answer).await
}

/// Predicts for the model's own example.
async fn test(cx: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Predicted> {
    let loaded = loaded(&cx, &it).await?;
    let version = cx.get::<Version>(&loaded.version).await?;
    let example = version.spec.input_example.ok_or_else(|| {
        Error::conflict("no-example", "the version has no example to try")
            .hint("predict with a row of your own")
    })?;
    predict::rows(&cx, loaded, Rows { rows: vec![example] }).await
}

/// Resolves the version again, and loads it.
async fn redeploy(cx: Cx, mut it: Object<Endpoint>, _: Nothing) -> Result<Status> {
    it.spec.model_version = None;
    it.status.phase = Phase::Pending;
    it.status.observed_generation = None;
    Ok(cx.save(&it).await?.status)
}

/// What the endpoint takes and gives.
async fn schema(cx: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Value> {
    let loaded = loaded(&cx, &it).await?;
    serde_json::to_value(&loaded.signature).map_err(Error::internal)
}

/// Whether the endpoint answers.
async fn health(cx: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Value> {
    let raw = cx.read("catalog.endpoints", it.name()).await?;
    let kind = cx.platform().kind("catalog.endpoints")?;
    let answers = loaded(&cx, &it).await.is_ok();
    Ok(json!({
        "healthy": answers && it.status.phase == Phase::Ready,
        "phase": it.status.phase,
        "message": it.status.message,
        "serving": it.status.serving,
        "resourceVersion": read::masked(&raw.shown(&kind), "metadata.resourceVersion")["metadata"]["resourceVersion"],
    }))
}
