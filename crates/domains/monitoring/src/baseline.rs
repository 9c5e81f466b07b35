//! What is compared with: rows that stand for what a version was trained on, and what it predicts for them.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use asking::{Predicted, Row, VERSIONS};
use kernel::prelude::*;

use crate::sight::{Series, Watched};

/// Rows of a baseline at most: the exact test of Kolmogorov and Smirnov takes time with the product of the samples.
const ROWS_MAX: u32 = 5_000;
/// How many baselines are kept before all are let go.
const KEPT_MAX: usize = 100;

/// Rows of a version's training, with its predictions for them.
pub struct Baseline {
    /// The rows.
    pub rows: Vec<Row>,
    /// `held-out`, or the version of the dataset.
    pub from: String,
    /// The column that is predicted.
    pub target: Option<String>,
    /// What the version predicts, one a row.
    pub predictions: Vec<Predicted>,
}

/// The baselines this process has read: a version and its data do not change.
#[derive(Default)]
pub struct Baselines(RwLock<HashMap<String, Arc<Baseline>>>);

/// What is read of rows.
#[derive(Deserialize)]
struct Reference {
    rows: Vec<Row>,
    from: String,
    target: Option<String>,
}

/// The baseline of what an endpoint answers with; of a version of a dataset, where one is named.
pub async fn of(cx: &Cx, it: &Watched, dataset_version: Option<&str>) -> Result<Arc<Baseline>> {
    let uid = cx.read(VERSIONS, &it.version).await?.metadata.uid;
    let key = format!("{uid}/{}", dataset_version.unwrap_or_default());
    let all = cx.port::<Baselines>()?;
    if let Some(found) = all.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(Arc::clone(found));
    }
    let mut ask = json!({"limit": ROWS_MAX});
    if let Some(name) = dataset_version {
        ask["datasetVersion"] = name.into();
    }
    let told = cx.call_action(VERSIONS, Some(&it.version), "reference", ask).await?;
    let found: Reference = serde_json::from_value(told).map_err(Error::internal)?;
    let predictions = it.known.predicted(cx, &it.version, &found.rows).await?;
    let made = Arc::new(Baseline { rows: found.rows, from: found.from, target: found.target, predictions });
    let mut kept = all.0.write().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= KEPT_MAX {
        kept.clear();
    }
    kept.insert(key, Arc::clone(&made));
    Ok(made)
}

impl Baseline {
    /// The values of a column of the log, of the same sort as those seen there; none where there is no such column.
    pub fn series(&self, name: &str, like: &Series) -> Option<Series> {
        let column = name.strip_prefix("in.");
        let out = name.strip_prefix("out.");
        let value = |row: usize| -> Value {
            if let Some(column) = column {
                return self.rows[row].get(column).cloned().unwrap_or(Value::Null);
            }
            let told = &self.predictions[row];
            match out {
                Some("label") => json!(told.label),
                Some(name) => match name.strip_prefix("probabilities.") {
                    Some(class) => json!(told.probabilities.get(class)),
                    None => json!(told.prediction),
                },
                None => Value::Null,
            }
        };
        if column.is_some_and(|column| !self.rows.iter().any(|row| row.contains_key(column))) {
            return None;
        }
        let rows = 0..self.rows.len();
        Some(match like {
            Series::Numbers(_) => Series::Numbers(rows.map(|row| number(&value(row))).collect()),
            Series::Texts(_) => Series::Texts(rows.map(|row| text(&value(row))).collect()),
        })
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::String(text) => text.parse().unwrap_or(f64::NAN),
        Value::Null | Value::Array(_) | Value::Object(_) => f64::NAN,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
