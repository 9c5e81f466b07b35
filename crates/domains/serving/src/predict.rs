//! Predictions for rows: objects of columns become tensors, tensors become labels and numbers.

use std::{collections::BTreeMap, sync::Arc};

use kernel::{access::Principal, prelude::*};
use ports::infer::{Datatype, Elements, Explanation, Infer, Signature, Tensor, Trials};

use crate::{endpoint::Picked, gate::VERSIONS, live::Loaded};

/// With more rows than this the model runs on the blocking pool.
const INLINE_ROWS: usize = 64;

/// Rows to predict for.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Rows {
    /// One object a row: a value for each column; a column left out or null is missing.
    #[field(min = 1, max = 10000)]
    pub rows: Vec<Value>,
    /// What the request carries beside them, for the endpoint's routing: texts or numbers by name.
    pub parameters: Option<Value>,
}

/// What a request's parameters say under a name.
pub fn parameter(parameters: Option<&Value>, name: &str) -> Option<String> {
    match parameters?.get(name)? {
        Value::String(text) => Some(text.clone()),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// One prediction.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Prediction {
    /// The class, of a classifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The probability of each class, of a classifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<BTreeMap<String, f64>>,
    /// The number, of a regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<f64>,
}

/// Predictions, one a row.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Predicted {
    /// In the order of the rows.
    pub predictions: Vec<Prediction>,
    /// The model that answered.
    pub model: String,
    /// The number of its version.
    pub version: String,
    /// What the prediction is called in the request log, where it is kept there: feedback names it.
    #[serde(rename = "predictionId", skip_serializing_if = "Option::is_none")]
    pub prediction_id: Option<String>,
}

/// Why a row got its prediction.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Reason {
    /// The class explained, of a classifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What the model answers when nothing is known: log-odds, or the target's unit.
    pub base: f64,
    /// What each column added.
    pub contributions: BTreeMap<String, f64>,
    /// The model's raw answer: `base` and all contributions.
    pub margin: f64,
    /// How it was worked out: `tree-shap` or `linear`, both exact, or `kernel-shap` by trial, whose numbers are probabilities of
    /// the class, or the target's unit.
    pub method: String,
}

/// Predictions and why.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Explained {
    /// In the order of the rows.
    pub predictions: Vec<Prediction>,
    /// In the order of the rows.
    pub explanations: Vec<Reason>,
    /// The model that answered.
    pub model: String,
    /// The number of its version.
    pub version: String,
    /// What the prediction is called in the request log, where it is kept there: feedback names it.
    #[serde(rename = "predictionId", skip_serializing_if = "Option::is_none")]
    pub prediction_id: Option<String>,
}

/// Predicts for rows with the revision that was chosen.
pub async fn rows(cx: &Cx, picked: &Picked, rows: &[Value]) -> Result<Predicted> {
    let loaded = &picked.target().loaded;
    let tensors = forms::rows::tensors(&loaded.signature, rows)?;
    let answered = picked.run(cx, tensors, rows.len()).await?;
    let predictions = predictions(&loaded.signature, &answered, rows.len())?;
    Ok(Predicted {
        predictions,
        model: loaded.name.clone(),
        version: loaded.number.to_string(),
        prediction_id: picked.prediction().map(ToString::to_string),
    })
}

/// Predicts for rows with a model.
pub async fn predicted(cx: &Cx, loaded: &Arc<Loaded>, rows: &[Value]) -> Result<Vec<Prediction>> {
    let tensors = forms::rows::tensors(&loaded.signature, rows)?;
    let answered = run(cx, loaded, tensors, rows.len()).await?;
    predictions(&loaded.signature, &answered, rows.len())
}

/// Runs a model: a few rows at once where we are, many, and whatever waits for somebody else, on the blocking pool.
pub async fn run(cx: &Cx, loaded: &Arc<Loaded>, inputs: Vec<Tensor>, rows: usize) -> Result<Vec<Tensor>> {
    if rows <= INLINE_ROWS && !loaded.model.waits() {
        return loaded.model.run(inputs);
    }
    let loaded = Arc::clone(loaded);
    cx.blocking(move || loaded.model.run(inputs)).await
}

/// Predicts for rows and says what each column added.
pub async fn explained(cx: &Cx, picked: &Picked, rows: &[Value]) -> Result<Explained> {
    let loaded = &picked.target().loaded;
    let inputs = forms::rows::tensors(&loaded.signature, rows)?;
    let reasons = reasons(cx, loaded, inputs.clone()).await?;
    let answered = picked.run_explained(cx, (inputs, rows.len()), &reasons).await?;
    let predictions = predictions(&loaded.signature, &answered, rows.len())?;
    let explanations = reasons
        .into_iter()
        .map(|it| Reason {
            class: it.class,
            base: it.base,
            contributions: it.contributions,
            margin: it.margin,
            method: it.method,
        })
        .collect();
    Ok(Explained {
        predictions,
        explanations,
        model: loaded.name.clone(),
        version: loaded.number.to_string(),
        prediction_id: picked.prediction().map(ToString::to_string),
    })
}

/// Rows that an explanation by trial compares with.
const BACKGROUND: u32 = 100;
/// Sets of inputs that are tried for a row at most.
const SETS_MAX: usize = 2_048;

/// What each input adds: exactly where the model's form allows it, else by trial against rows of its training.
pub async fn reasons(cx: &Cx, loaded: &Arc<Loaded>, inputs: Vec<Tensor>) -> Result<Vec<Explanation>> {
    let (model, again) = (Arc::clone(loaded), inputs.clone());
    match cx.blocking(move || model.model.explain(again)).await {
        Err(error) if error.code() == "not-explainable" => {}
        other => return other,
    }
    let background = loaded.background.get_or_try_init(|| background(cx, loaded)).await?.clone();
    let (infer, model) = (cx.port::<dyn Infer>()?, Arc::clone(loaded));
    let ask = Trials { inputs, background, sets_max: SETS_MAX, seed: 7 };
    cx.blocking(move || infer.approximate(&*model.model, ask)).await
}

/// What is read of rows to compare with.
#[derive(Deserialize)]
struct Reference {
    rows: Vec<serde_json::Map<String, Value>>,
}

/// Rows of what the version was trained on, as its tensors.
async fn background(cx: &Cx, loaded: &Loaded) -> Result<Vec<Tensor>> {
    // Who asks for predictions need not be allowed to read the data.
    let inside = cx.platform().cx_of(Principal::system("endpoints", &cx.org), &cx.project);
    let told = inside
        .call_action(VERSIONS, Some(&loaded.version), "reference", json!({"limit": BACKGROUND}))
        .await?;
    let found: Reference = serde_json::from_value(told).map_err(Error::internal)?;
    let known = |name: &String| loaded.signature.inputs.iter().any(|slot| slot.name == *name);
    let rows: Vec<Value> = found
        .rows
        .into_iter()
        .map(|row| Value::Object(row.into_iter().filter(|(name, _)| known(name)).collect()))
        .collect();
    forms::rows::tensors(&loaded.signature, &rows)
}

fn texts(elements: &Elements) -> Vec<String> {
    if elements.datatype().is_float() || elements.datatype() == Datatype::Bool {
        return elements.numbers().iter().map(ToString::to_string).collect();
    }
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    elements.json().into_iter().map(text).collect()
}

/// What the model's outputs mean for each row.
fn predictions(signature: &Signature, outputs: &[Tensor], rows: usize) -> Result<Vec<Prediction>> {
    let find = |name: &str| outputs.iter().find(|tensor| tensor.name == name);
    let missing = || Error::internal("the model answered other outputs than its signature tells");
    let mut predictions = vec![Prediction::default(); rows];
    if let Some(labels) = find("label") {
        for (prediction, label) in predictions.iter_mut().zip(texts(&labels.elements)) {
            prediction.label = Some(label);
        }
    }
    if let Some(tensor) = find("probabilities") {
        let values = tensor.elements.numbers();
        let classes = values.len() / rows.max(1);
        for (prediction, row) in predictions.iter_mut().zip(values.chunks(classes.max(1))) {
            let named = row.iter().enumerate().map(|(i, value)| {
                (signature.classes.get(i).cloned().unwrap_or_else(|| i.to_string()), *value)
            });
            prediction.probabilities = Some(named.collect());
        }
    } else if find("label").is_none() {
        // A regression, or a stranger's model: its first output is the answer.
        let tensor = find("prediction").or(outputs.first()).ok_or_else(missing)?;
        let values = tensor.elements.numbers();
        for (prediction, value) in predictions.iter_mut().zip(values) {
            prediction.prediction = Some(value);
        }
    }
    Ok(predictions)
}
