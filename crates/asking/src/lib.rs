//! What several domains do alike: asking a version of a model, which need not be in service, by the actions of endpoints.

use std::collections::BTreeMap;

use kernel::{access::Principal, prelude::*, runs};

/// The kind of endpoints.
pub const ENDPOINTS: &str = "catalog.endpoints";
/// The kind of versions of models.
pub const VERSIONS: &str = "catalog.model-versions";

/// A value for each column.
pub type Row = serde_json::Map<String, Value>;

/// Rows that are predicted at once.
pub const AT_ONCE: usize = 5_000;
/// How often is looked whether a version can be asked by now, in seconds.
const LOOK_S: u32 = 2;

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

/// What has to be known of a version to ask it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// The classes in the order of the probabilities; none of a regression.
    pub classes: Vec<String>,
    /// The columns it takes.
    pub inputs: Vec<String>,
    /// A row it can be tried with.
    pub example: Option<Value>,
    /// Whether its one input is many numbers, which have no names: it takes all columns of a row in their order.
    pub is_wide: bool,
    /// The column it predicts, which it is not shown.
    pub target: Option<String>,
}

impl Known {
    /// What a version says of itself, or whoever runs it: what MLflow declared of a version that is code is in words of
    /// its own, and servers and graphs declare nothing.
    ///
    /// # Errors
    /// What stands in the way of running it: `environment-missing`, `version-not-runnable` and their like.
    pub async fn of(cx: &Cx, version: &Raw) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Spec {
            signature: Option<Value>,
            input_example: Option<Value>,
            blob: Option<Digest>,
            target: Option<String>,
        }
        let spec = version.spec_as::<Spec>()?;
        let declared = spec.signature.filter(|_| spec.blob.is_some()).map(|it| Self::told(&it));
        if let Some(known) = declared.filter(|it| !it.inputs.is_empty()) {
            return Ok(Self { example: spec.input_example, target: spec.target, ..known });
        }
        let ask = json!({"version": version.metadata.name});
        let told = inside(cx).call_action(ENDPOINTS, None, "signature", ask).await?;
        let own = Some(told["example"].clone()).filter(|it| !it.is_null());
        Ok(Self { example: spec.input_example.or(own), target: spec.target, ..Self::told(&told) })
    }

    fn told(signature: &Value) -> Self {
        let texts = |list: &Value, name: Option<&str>| -> Vec<String> {
            let text = |it: &Value| name.map_or(it, |name| &it[name]).as_str().map(str::to_owned);
            list.as_array().into_iter().flatten().filter_map(text).collect()
        };
        let (classes, inputs) =
            (texts(&signature["classes"], None), texts(&signature["inputs"], Some("name")));
        let shape = signature["inputs"][0]["shape"].as_array().map_or(&[][..], Vec::as_slice);
        let is_wide = inputs.len() == 1 && shape.iter().skip(1).any(|size| size.as_i64() != Some(1));
        Self { classes, inputs, is_wide, ..Self::default() }
    }

    /// Whether the model is shown a column of a table, or of a row, with these names.
    pub fn takes<'a>(&self, column: &str, names: impl IntoIterator<Item = &'a str>) -> bool {
        let is_input = |name: &str| self.inputs.iter().any(|it| it == name);
        let by_order = self.is_wide && !names.into_iter().any(is_input);
        if by_order { self.target.as_deref() != Some(column) } else { is_input(column) }
    }

    /// A row as the model is shown it: the columns it takes.
    pub fn shown(&self, row: &Row) -> Value {
        let names = || row.keys().map(String::as_str);
        let fields = row.iter().filter(|(name, _)| self.takes(name, names()));
        Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// What the version predicts for rows.
    pub async fn predicted(&self, cx: &Cx, version: &str, rows: &[Row]) -> Result<Vec<Predicted>> {
        let mut all = Vec::with_capacity(rows.len());
        for some in rows.chunks(AT_ONCE) {
            all.extend(read(tried(cx, version, some.iter().map(|row| self.shown(row)).collect()).await?)?);
        }
        Ok(all)
    }
}

/// The context in which a version is asked for somebody who has been found to be allowed: whoever may run a model need
/// not have a right to endpoints.
pub fn inside(cx: &Cx) -> Cx {
    cx.platform().cx_of(Principal::system("asking", &cx.org), &cx.project)
}

/// Asks a version for predictions.
pub async fn tried(cx: &Cx, version: &str, rows: Vec<Value>) -> Result<Value> {
    cx.call_action(ENDPOINTS, None, "try", json!({"version": version, "rows": rows})).await
}

/// The predictions of an answer.
pub fn read(answer: Value) -> Result<Vec<Predicted>> {
    #[derive(Deserialize)]
    struct Answer {
        predictions: Vec<Predicted>,
    }
    serde_json::from_value::<Answer>(answer).map(|it| it.predictions).map_err(Error::internal)
}

/// The version an endpoint answers with.
///
/// # Errors
/// `endpoint-not-ready` before there is one.
pub fn serving(endpoint: &Raw) -> Result<&str> {
    endpoint.status.get("serving").and_then(Value::as_str).ok_or_else(|| {
        Error::unavailable("endpoint-not-ready", "the endpoint has no revision that can answer yet")
            .retry_after(1)
    })
}

/// The step of a run that waits until a version can be asked; one that is code may need an environment first. The run that
/// makes it is noted in the status of whatever the step is for.
///
/// # Errors
/// The word to wait, while that run is under way; `deploy-failed` where it was in vain.
pub async fn prepare<K: kernel::kind::Kind>(
    step: &StepCx,
    mut it: Object<K>,
    version: &str,
    preparing: fn(&mut K::Status) -> &mut Option<String>,
) -> Result<Value> {
    #[derive(Deserialize)]
    struct Readiness {
        ready: bool,
        run: Option<String>,
    }
    let (cx, ready) = (&step.cx, json!({"version": version}));
    if let Some(run) = preparing(&mut it.status) {
        let raw = cx.read("system.runs", run).await?;
        return match raw.status.get("phase").and_then(Value::as_str) {
            Some("Succeeded") => Ok(ready),
            Some("Failed" | "Cancelled") => {
                Err(Error::conflict("deploy-failed", format!("the run {run} did not make {version} ready"))
                    .hint(format!("`aic runs logs {run}` says why")))
            }
            _ => Err(runs::wait(LOOK_S)),
        };
    }
    let told = inside(cx).call_action(ENDPOINTS, None, "make-ready", json!({"version": version})).await?;
    let told: Readiness = serde_json::from_value(told).map_err(Error::internal)?;
    let Some(run) = told.run.filter(|_| !told.ready) else { return Ok(ready) };
    step.line(&format!("{version} is made ready by the run {run}"));
    let note = |status: &mut K::Status| *preparing(status) = Some(run.clone());
    cx.update_status::<K>(it.metadata.uid.as_str(), note).await?;
    Err(runs::wait(LOOK_S))
}

/// A value as a class is called; numbers without a fraction are called alike however they were written.
pub fn class_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => number.as_f64().map(|x| x.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_tells_columns_and_classes_and_a_row_is_shown_by_it() {
        let told = json!({"inputs": [{"name": "a"}, {"name": "b"}], "classes": ["no", "yes"]});
        let known = Known::told(&told);
        assert_eq!((known.inputs.len(), known.classes.len(), known.example.is_none()), (2, 2, true));
        let row = json!({"a": 1, "c": 2});
        assert_eq!(known.shown(row.as_object().unwrap()), json!({"a": 1}));
        let wide = json!({"inputs": [{"name": "x", "shape": [-1, 2]}]});
        let known = Known { target: Some("c".to_owned()), ..Known::told(&wide) };
        let row = json!({"a": 1, "b": 3, "c": 2});
        assert_eq!(known.shown(row.as_object().unwrap()), json!({"a": 1, "b": 3}));
        let row = json!({"a": 1, "x": [3, 4], "c": 2});
        assert_eq!(known.shown(row.as_object().unwrap()), json!({"x": [3, 4]}));
        assert!(!Known::told(&json!({"inputs": [{"name": "x", "shape": [-1, 1]}]})).is_wide);
        // What MLflow declares of inputs is a text of its own.
        assert_eq!(Known::told(&json!({"inputs": "[{\"name\": \"a\"}]"})), Known::default());
    }

    #[test]
    fn classes_are_called_alike_however_numbers_were_written() {
        assert_eq!(class_of(&json!(1)), class_of(&json!(1.0)));
        assert_eq!(class_of(&Value::Null), None);
    }
}
