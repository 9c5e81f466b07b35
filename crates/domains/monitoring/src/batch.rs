//! Predictions of a whole version of a dataset, as durable work: part by part, so that what was predicted before a crash is
//! not predicted again, into a new version of a dataset.

use kernel::{journal::Change, prelude::*};
use ports::table::Format;

use crate::sight;

mod work;

pub use work::predicting;

/// The kind of datasets.
const DATASETS: &str = "catalog.datasets";
/// The kind of their versions.
const DATASET_VERSIONS: &str = "catalog.dataset-versions";

/// What batch predictions serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<BatchPrediction>) -> KindBuilder<BatchPrediction> {
    kind.admit(possible)
        .without(&["update", "clone", "import"])
        .action("cancel", "Asks the run to stop; parts that are predicted stay so.", cancel)
        .action_on_all(
            "start",
            "Predicts a version of a dataset with what an endpoint answers with, or with a model's latest version.",
            start,
        )
        .needs("create")
}

/// Predictions of a whole version of a dataset.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "batch-prediction", prefix = "bpr", status = "Status")]
pub struct BatchPrediction {
    /// The endpoint with whose version is predicted.
    #[field(reference = "catalog.endpoints", indexed, immutable)]
    pub endpoint: Option<Ref>,
    /// The version of a model, instead of an endpoint; found from the endpoint else.
    #[field(reference = "catalog.model-versions", indexed, immutable)]
    pub model_version: Option<Ref>,
    /// The version of a dataset whose rows are predicted.
    #[field(reference = "catalog.dataset-versions", indexed, immutable)]
    pub dataset_version: Ref,
    /// The dataset the result becomes a version of; `DATASET-predictions` when not given.
    #[field(max = 253, immutable)]
    pub into: Option<Name>,
}

/// One part that is predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Part {
    /// Its file.
    pub blob: Digest,
    /// Its rows.
    pub rows: u64,
}

/// How far it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The run that does the work.
    pub run: Option<String>,
    /// The run that makes what the version needs before it can be asked.
    pub preparing: Option<String>,
    /// Rows there are.
    pub rows: Option<u64>,
    /// Rows that are predicted.
    #[field(default = 0)]
    pub done: u64,
    /// The parts that are predicted.
    pub parts: Vec<Part>,
    /// The version of a dataset that came of it.
    pub version: Option<String>,
}

/// What is read of a version of a dataset.
#[derive(Deserialize)]
struct Source {
    dataset: String,
    blob: Digest,
    format: Format,
}

/// Which version predicts, and whether the caller may have it predict these rows.
async fn possible(
    cx: Cx,
    mut it: Object<BatchPrediction>,
    old: Option<Object<BatchPrediction>>,
) -> Result<Object<BatchPrediction>> {
    if old.is_some() {
        return Ok(it);
    }
    let permitted = async |permission: &str, name: &str| -> Result<()> {
        if cx.decide_on(permission, (&cx.project, name)).await?.allowed {
            return Ok(());
        }
        Err(kernel::access::denied(permission))
    };
    match (&it.spec.endpoint, &it.spec.model_version) {
        (Some(endpoint), _) => {
            permitted("catalog.endpoints.predict", endpoint).await?;
            let watched = sight::watched(&cx, endpoint).await.map_err(|error| error.at("spec.endpoint"))?;
            it.spec.model_version = Some(Ref::to(watched.version));
        }
        (None, Some(version)) => {
            let raw = cx.read(asking::VERSIONS, version).await?;
            let model = raw.spec.get("model").and_then(Value::as_str).unwrap_or_default();
            permitted("catalog.models.predict", model).await?;
        }
        (None, None) => {
            return Err(
                Error::invalid("missing-field", "name an `endpoint` or a `modelVersion`").at("spec.endpoint")
            );
        }
    }
    let raw = cx.read(DATASET_VERSIONS, &it.spec.dataset_version).await?;
    let source = raw.spec_as::<Source>()?;
    permitted("catalog.datasets.download", &source.dataset).await?;
    let into =
        it.spec.into.as_ref().map_or_else(|| format!("{}-predictions", source.dataset), ToString::to_string);
    let into = Name::new(into)?;
    permitted("catalog.datasets.upload", into.as_str()).await?;
    if raw.status.get("profile").is_none() {
        return Err(Error::conflict("version-not-ready", "this version has not been profiled")
            .at("spec.datasetVersion")
            .hint("wait for its run"));
    }
    let columns = raw.status.get("profile").map(|it| it["columns"].clone()).unwrap_or_default();
    let taken = |name: &str| name == "prediction" || name.starts_with("probability_");
    if columns.as_array().into_iter().flatten().any(|it| it["name"].as_str().is_some_and(taken)) {
        let message = "the data has a column `prediction` or `probability_…` already";
        return Err(Error::invalid("table-duplicate-column", message)
            .at("spec.datasetVersion")
            .hint("drop or rename it by a `transform` first"));
    }
    it.spec.into = Some(into);
    Ok(it)
}

/// What to predict, with what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Start {
    /// The endpoint.
    #[field(max = 253)]
    endpoint: Option<Name>,
    /// The model, instead of an endpoint: its latest version.
    #[field(max = 253)]
    model: Option<Name>,
    /// The dataset.
    #[field(max = 253)]
    dataset: Name,
    /// The number of its version; the latest when not given.
    version: Option<u64>,
    /// The dataset the result becomes a version of; `DATASET-predictions` when not given.
    #[field(max = 253)]
    into: Option<Name>,
}

async fn start(cx: Cx, ask: Start) -> Result<Value> {
    let latest = async |kind: &str, name: &str, code: &'static str| -> Result<String> {
        let raw = cx.read(kind, name).await?;
        let latest = raw.status.get("latest").and_then(Value::as_str).map(str::to_owned);
        latest.ok_or_else(|| Error::conflict(code, format!("`{name}` has no version yet")))
    };
    let dataset_version = match ask.version {
        Some(number) => format!("{}.{number}", ask.dataset),
        None => latest(DATASETS, ask.dataset.as_str(), "dataset-empty").await?,
    };
    let model_version = match (&ask.endpoint, &ask.model) {
        (None, Some(model)) => Some(Ref::to(latest("catalog.models", model.as_str(), "model-empty").await?)),
        (Some(_), _) | (None, None) => None,
    };
    let spec = BatchPrediction {
        endpoint: ask.endpoint.map(|name| Ref::to(name.to_string())),
        model_version,
        dataset_version: Ref::to(dataset_version),
        into: ask.into,
    };
    let tail = cx.uid("x").as_str().trim_start_matches("x_").to_lowercase();
    let name = format!("batch-{}", &tail[tail.len().saturating_sub(12)..]);
    let made = cx.doing("create").create(Draft::new(name, spec)).await?;
    Ok(
        json!({"batchPrediction": made.metadata.name, "modelVersion": made.spec.model_version, "into": made.spec.into}),
    )
}

/// Orders the run of a new one.
pub async fn order(cx: Cx, change: Change) -> Result<()> {
    if change.deleted {
        return Ok(());
    }
    let Some(it) = cx.get_opt::<BatchPrediction>(change.uid.as_str()).await? else { return Ok(()) };
    if it.status.run.is_some() {
        return Ok(());
    }
    let mut order = Order::new("catalog.batch-predict", json!({"batch": it.name()}));
    order.subject = Some(format!("catalog.batch-predictions/{}", it.name()));
    let name = cx.order(order).await?.metadata.name;
    cx.update_status::<BatchPrediction>(it.metadata.uid.as_str(), |status| status.run = Some(name.clone()))
        .await?;
    Ok(())
}

async fn cancel(cx: Cx, it: Object<BatchPrediction>, _: Nothing) -> Result<Value> {
    let run = it.status.run.ok_or_else(|| Error::conflict("run-not-started", "the work has no run yet"))?;
    cx.call_action("system.runs", Some(&run), "cancel", json!({})).await
}
