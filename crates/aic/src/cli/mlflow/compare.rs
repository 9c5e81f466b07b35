//! What two servers must have in common: a run, and a history, in one form.

use base::Digest;
use serde_json::{Map, Value, json};

use super::far::{pairs, text, whole};
use super::ids::Ids;

/// The tag that says as what something was known before.
pub const ID: &str = "aic.source.id";
/// The tag that says that it was copied whole, and what was.
pub const DONE: &str = "aic.source.digest";
/// The tag that says when it was made, in milliseconds since 1970, where that cannot be set.
pub const CREATED: &str = "aic.source.created";

/// Tags without those that a copy has given.
pub fn tags(list: Option<&Value>) -> Map<String, Value> {
    pairs(list).into_iter().filter(|(key, _)| !key.starts_with("aic.source.")).collect()
}

/// A tag's value; the identifiers MLflow keeps in its own tags are those of the other side.
pub fn tag(ids: &Ids, key: &str, value: &Value) -> Value {
    match value.as_str() {
        Some(text) if key.starts_with("mlflow.") => json!(ids.text(text)),
        _ => value.clone(),
    }
}

/// SQL has no infinite numbers: MLflow keeps the largest there is.
fn number(value: Option<&Value>) -> Value {
    let Some(value) = value else { return json!(0.0) };
    let number = match value.as_str() {
        Some("NaN") => return json!("NaN"),
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or(0.0),
    };
    match number {
        f64::INFINITY | f64::MAX => json!("Infinity"),
        f64::NEG_INFINITY | f64::MIN => json!("-Infinity"),
        // Whole numbers may come without a point.
        number => json!(number),
    }
}

/// A point of a history: what of it both sides keep.
pub fn point(metric: &Value) -> Value {
    json!([
        number(metric.get("value")),
        whole(metric, "timestamp").unwrap_or(0),
        whole(metric, "step").unwrap_or(0)
    ])
}

/// A run in one form. Identifiers become those of the other side.
pub fn run(it: &Value, ids: &Ids) -> Value {
    let (info, data) = (&it["info"], &it["data"]);
    let (inputs, outputs) = (&it["inputs"], &it["outputs"]);
    let mut own = tags(data.get("tags"));
    // The run's name says it already.
    own.remove("mlflow.runName");
    let own: Map<String, Value> =
        own.iter().map(|(key, value)| (key.clone(), tag(ids, key, value))).collect();
    let list = |of: &Value, field: &str| of.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let metrics: Map<String, Value> =
        list(data, "metrics").iter().map(|metric| (text(metric, "key").to_owned(), point(metric))).collect();
    let mut datasets: Vec<Value> = list(inputs, "dataset_inputs").iter().map(input).collect();
    datasets.sort_by_key(Value::to_string);
    let models = |of: Vec<Value>| -> Vec<Value> {
        let mut all: Vec<Value> = of
            .iter()
            .map(|it| json!([ids.model(text(it, "model_id")), whole(it, "step").unwrap_or(0)]))
            .collect();
        all.sort_by_key(Value::to_string);
        all
    };
    json!({
        "name": text(info, "run_name"),
        "user": text(info, "user_id"),
        "status": text(info, "status"),
        "start": whole(info, "start_time"),
        "end": whole(info, "end_time").filter(|end| *end != 0),
        "stage": text(info, "lifecycle_stage"),
        "params": pairs(data.get("params")),
        "tags": own,
        "metrics": metrics,
        "inputs": datasets,
        "models": models(list(inputs, "model_inputs")),
        "outputs": models(list(outputs, "model_outputs")),
    })
}

fn input(it: &Value) -> Value {
    let dataset = &it["dataset"];
    let field = |name: &str| text(dataset, name).to_owned();
    json!({
        "name": field("name"), "digest": field("digest"), "source_type": field("source_type"),
        "source": field("source"), "schema": field("schema"), "profile": field("profile"),
        "tags": pairs(it.get("tags")),
    })
}

/// A history on its way: how many points, and the digest of them all in their order.
#[derive(Default)]
pub struct History {
    /// How many different points.
    pub points: u64,
    last: Value,
    hasher: blake3::Hasher,
}

impl History {
    /// Takes in some more. The same point twice is one.
    pub fn take(&mut self, metrics: &[Value]) {
        for metric in metrics {
            let point = point(metric);
            if point != self.last {
                self.hasher.update(point.to_string().as_bytes());
                self.points += 1;
                self.last = point;
            }
        }
    }

    /// The digest of what came.
    pub fn digest(&self) -> Digest {
        Digest::new(*self.hasher.finalize().as_bytes())
    }
}

/// JSON as a text that is the same whatever the order of its fields.
pub fn plain(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut all: Vec<(&String, &Value)> = fields.iter().collect();
                all.sort_by_key(|(name, _)| *name);
                all.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect()
            }
            Value::Array(items) => items.iter().map(sorted).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }
    sorted(value).to_string()
}

/// The digest of something in one form.
pub fn digest(value: &Value) -> String {
    Digest::of(plain(value).as_bytes()).to_string()
}

/// Where two things in one form differ, in short.
pub fn difference(mine: &Value, theirs: &Value) -> Option<String> {
    if mine == theirs {
        return None;
    }
    if let (Value::Object(mine), Value::Object(theirs)) = (mine, theirs) {
        let keys = mine.keys().chain(theirs.keys());
        let mut found = keys.filter_map(|key| {
            let (a, b) = (mine.get(key).unwrap_or(&Value::Null), theirs.get(key).unwrap_or(&Value::Null));
            difference(a, b).map(|rest| format!("{key}: {rest}"))
        });
        return found.next();
    }
    let short = |value: &Value| value.to_string().chars().take(80).collect::<String>();
    Some(format!("{} became {}", short(mine), short(theirs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_stands_for_the_infinite_one() {
        let at = |value: Value| point(&json!({"value": value, "timestamp": "5", "step": 1}));
        assert_eq!(at(json!("Infinity")), at(json!(f64::MAX)));
        assert_eq!(at(json!(1)), at(json!(1.0)));
        assert_ne!(at(json!("NaN")), at(json!(0.0)));
    }

    #[test]
    fn a_history_is_known_by_its_points_in_their_order() {
        let points = |values: &[i64]| {
            let mut history = History::default();
            let metrics: Vec<Value> =
                values.iter().map(|it| json!({"value": it, "timestamp": it, "step": 0})).collect();
            history.take(&metrics);
            (history.points, history.digest())
        };
        assert_eq!(points(&[1, 2, 2, 3]), points(&[1, 2, 3]));
        assert_ne!(points(&[1, 2, 3]).1, points(&[2, 1, 3]).1);
    }

    #[test]
    fn the_order_of_fields_says_nothing() {
        let texts = [r#"{"b": 1, "a": {"d": [], "c": 2}}"#, r#"{"a": {"c": 2, "d": []}, "b": 1}"#];
        let [one, other] = texts.map(|text| serde_json::from_str::<Value>(text).unwrap());
        assert_eq!((plain(&one), digest(&one)), (plain(&other), digest(&other)));
    }

    #[test]
    fn a_difference_is_named_by_its_place() {
        let (a, b) = (json!({"x": {"y": 1}, "z": 2}), json!({"x": {"y": 3}, "z": 2}));
        assert_eq!(difference(&a, &b).unwrap(), "x: y: 1 became 3");
        assert_eq!(difference(&a, &a), None);
    }
}
