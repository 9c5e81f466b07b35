//! What is measured: an endpoint, or a version of a model without one; and how either is asked.

use std::collections::BTreeMap;

use asking::{ENDPOINTS, Known, Predicted, Row, VERSIONS};
use kernel::prelude::*;

/// The kind of models.
pub const MODELS: &str = "catalog.models";

/// What is read of a version.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    model: String,
    blob: Option<Digest>,
    input_example: Option<Value>,
    task: Option<String>,
    target: Option<String>,
    #[serde(default)]
    metrics: BTreeMap<String, f64>,
}

/// What is measured.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The endpoint, where one is asked.
    pub endpoint: Option<String>,
    /// The version's name, such as `churn.3`: of an endpoint, the one it answers with.
    pub version: String,
    /// The model.
    pub model: String,
    /// What it is for.
    pub task: Option<String>,
    /// The column it predicts.
    pub target: Option<String>,
    /// Metrics on the rows held out of its training.
    pub metrics: BTreeMap<String, f64>,
    /// Whether it surely has no row it can be tried with: code, servers and graphs tell only when they are loaded.
    pub lacks_example: bool,
    /// What has to be known to ask it; nothing before [`Self::known`].
    pub known: Known,
}

impl Subject {
    /// The endpoint of a name, or the version.
    pub async fn of(cx: &Cx, endpoint: Option<&str>, version: Option<&str>) -> Result<Self> {
        match (endpoint, version) {
            (Some(endpoint), _) => Self::of_endpoint(cx, endpoint).await,
            (None, Some(version)) => Self::of_version(cx, version).await,
            (None, None) => {
                Err(Error::invalid("missing-field", "name an `endpoint` or a `modelVersion`").at("endpoint"))
            }
        }
    }

    async fn of_endpoint(cx: &Cx, endpoint: &str) -> Result<Self> {
        let raw = cx.read(ENDPOINTS, endpoint).await?;
        let version = asking::serving(&raw)?;
        let it = Self::of_version(cx, version).await?;
        Ok(Self { endpoint: Some(raw.metadata.name), ..it })
    }

    async fn of_version(cx: &Cx, version: &str) -> Result<Self> {
        let raw = cx.read(VERSIONS, version).await?;
        let spec = raw.spec_as::<Spec>()?;
        Ok(Self {
            endpoint: None,
            version: raw.metadata.name,
            model: spec.model,
            task: spec.task,
            target: spec.target,
            metrics: spec.metrics,
            lacks_example: spec.blob.is_some() && spec.input_example.is_none(),
            known: Known::default(),
        })
    }

    /// The same, ready to be asked with rows of which one column may be the truth: a version that is code is loaded for it.
    pub async fn known(mut self, cx: &Cx, truth: Option<&str>) -> Result<Self> {
        let known = Known::of(cx, &cx.read(VERSIONS, &self.version).await?).await?;
        let target = truth.map(str::to_owned).or(known.target);
        self.known = Known { target, ..known };
        Ok(self)
    }

    /// Refuses whoever may not have it predict.
    pub async fn may_predict(&self, cx: &Cx) -> Result<()> {
        match &self.endpoint {
            Some(endpoint) => permitted(cx, "catalog.endpoints.predict", endpoint).await,
            None => permitted(cx, "catalog.models.predict", &self.model).await,
        }
    }

    /// Asks for predictions as whoever the context acts for, who has been found to be allowed.
    pub async fn ask(&self, cx: &Cx, rows: Vec<Value>) -> Result<Value> {
        match &self.endpoint {
            Some(endpoint) => {
                cx.call_action(ENDPOINTS, Some(endpoint), "predict", json!({"rows": rows})).await
            }
            None => asking::tried(&asking::inside(cx), &self.version, rows).await,
        }
    }

    /// What it predicts for rows, some thousands at a time.
    pub async fn predicted(&self, cx: &Cx, rows: &[Row]) -> Result<Vec<Predicted>> {
        let mut all = Vec::with_capacity(rows.len());
        for some in rows.chunks(asking::AT_ONCE) {
            let shown = some.iter().map(|row| self.known.shown(row)).collect();
            all.extend(asking::read(self.ask(cx, shown).await?)?);
        }
        Ok(all)
    }
}

/// Refuses whoever lacks a permission for an object.
pub async fn permitted(cx: &Cx, permission: &str, name: &str) -> Result<()> {
    if cx.decide_on(permission, (&cx.project, name)).await?.allowed {
        return Ok(());
    }
    Err(kernel::access::denied(permission))
}

/// The name of a model's version by its number, or of the latest.
pub async fn version_of(cx: &Cx, model: &str, number: Option<u64>) -> Result<String> {
    numbered(cx, (MODELS, model), number, "model-empty").await
}

/// The name of a dataset's version by its number, or of the latest.
pub async fn data_of(cx: &Cx, dataset: &str, number: Option<u64>) -> Result<String> {
    numbered(cx, ("catalog.datasets", dataset), number, "dataset-empty").await
}

async fn numbered(
    cx: &Cx,
    (kind, name): (&str, &str),
    number: Option<u64>,
    code: &'static str,
) -> Result<String> {
    if let Some(number) = number {
        return Ok(format!("{name}.{number}"));
    }
    let raw = cx.read(kind, name).await?;
    let latest = raw.status.get("latest").and_then(Value::as_str).map(str::to_owned);
    latest.ok_or_else(|| Error::conflict(code, format!("`{name}` has no version yet")))
}

/// The end of a fresh name: short, and of letters and digits.
pub fn tail(cx: &Cx) -> String {
    let id = cx.uid("x").as_str().trim_start_matches("x_").to_lowercase();
    id[id.len().saturating_sub(12)..].to_owned()
}
