//! What is measured: an endpoint, or a version of a model without one; and how either is asked.

use std::collections::BTreeMap;

use kernel::{access::Principal, prelude::*};

use crate::rows::Row;

/// The kind of endpoints.
pub const ENDPOINTS: &str = "catalog.endpoints";
/// The kind of models.
pub const MODELS: &str = "catalog.models";
/// The kind of versions of models.
pub const VERSIONS: &str = "catalog.model-versions";

/// What is read of a version.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    model: String,
    signature: Option<Value>,
    input_example: Option<Value>,
    task: Option<String>,
    target: Option<String>,
    #[serde(default)]
    metrics: BTreeMap<String, f64>,
}

/// One prediction.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Predicted {
    /// The class.
    pub label: Option<String>,
    /// The probability of each class.
    #[serde(default)]
    pub probabilities: BTreeMap<String, f64>,
    /// The number.
    pub prediction: Option<f64>,
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
    /// The classes in the order of the probabilities.
    pub classes: Vec<String>,
    /// A row it can be tried with.
    pub example: Option<Value>,
    /// Metrics on the rows held out of its training.
    pub metrics: BTreeMap<String, f64>,
    /// The columns it takes; none where its signature does not name them.
    inputs: Vec<String>,
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
        let serving = raw.status.get("serving").and_then(Value::as_str);
        let version = serving.ok_or_else(|| {
            Error::unavailable("endpoint-not-ready", "the endpoint has no revision that can answer yet")
                .retry_after(1)
        })?;
        Ok(Self { endpoint: Some(raw.metadata.name), ..Self::of_version(cx, version).await? })
    }

    async fn of_version(cx: &Cx, version: &str) -> Result<Self> {
        let raw = cx.read(VERSIONS, version).await?;
        let spec = raw.spec_as::<Spec>()?;
        let signature = spec.signature.unwrap_or_default();
        let texts = |list: &Value, name: Option<&str>| -> Vec<String> {
            let text = |it: &Value| name.map_or(it, |name| &it[name]).as_str().map(str::to_owned);
            list.as_array().into_iter().flatten().filter_map(text).collect()
        };
        Ok(Self {
            endpoint: None,
            version: raw.metadata.name,
            model: spec.model,
            task: spec.task,
            target: spec.target,
            classes: texts(&signature["classes"], None),
            example: spec.input_example,
            metrics: spec.metrics,
            inputs: texts(&signature["inputs"], Some("name")),
        })
    }

    /// Refuses whoever may not have it predict.
    pub async fn may_predict(&self, cx: &Cx) -> Result<()> {
        match &self.endpoint {
            Some(endpoint) => permitted(cx, "catalog.endpoints.predict", endpoint).await,
            None => permitted(cx, "catalog.models.predict", &self.model).await,
        }
    }

    /// A row as it is shown to the model: the columns it takes, and never what it shall predict.
    pub fn shown(&self, row: &Row, target: Option<&str>) -> Value {
        let takes = |name: &str| match self.inputs.is_empty() {
            true => target != Some(name),
            false => self.inputs.iter().any(|it| it == name),
        };
        let fields = row.iter().filter(|(name, _)| takes(name));
        Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Asks for predictions as whoever the context acts for, who has been found to be allowed.
    pub async fn ask(&self, cx: &Cx, rows: Vec<Value>) -> Result<Value> {
        match &self.endpoint {
            Some(endpoint) => {
                cx.call_action(ENDPOINTS, Some(endpoint), "predict", json!({"rows": rows})).await
            }
            // Whoever may run the model need not have a right to endpoints.
            None => {
                let inside = cx.platform().cx_of(Principal::system("measuring", &cx.org), &cx.project);
                inside
                    .call_action(ENDPOINTS, None, "try", json!({"version": self.version, "rows": rows}))
                    .await
            }
        }
    }

    /// What it predicts for rows, some thousands at a time.
    pub async fn predicted(&self, cx: &Cx, rows: &[Row], target: Option<&str>) -> Result<Vec<Predicted>> {
        const AT_ONCE: usize = 5_000;
        let mut all = Vec::with_capacity(rows.len());
        for some in rows.chunks(AT_ONCE) {
            let shown = some.iter().map(|row| self.shown(row, target)).collect();
            all.extend(read(self.ask(cx, shown).await?)?);
        }
        Ok(all)
    }
}

/// The predictions of an answer.
pub fn read(answer: Value) -> Result<Vec<Predicted>> {
    #[derive(Deserialize)]
    struct Answer {
        predictions: Vec<Predicted>,
    }
    serde_json::from_value::<Answer>(answer).map(|it| it.predictions).map_err(Error::internal)
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
