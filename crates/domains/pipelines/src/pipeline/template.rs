//! Pipelines to begin with: what most teams build first, with parameters for what differs.

use std::collections::BTreeMap;

use kernel::{kind, prelude::*, validate};

use super::Pipeline;

/// The templates: name, what it is for, the spec.
fn all() -> [(&'static str, &'static str, Value); 3] {
    let part = |name: &str, operation: &str, on: Value, with: Value| {
        let mut part = json!({"name": name, "operation": operation});
        for (field, value) in [("on", on), ("with", with)] {
            if !value.is_null() {
                part[field] = value;
            }
        }
        part
    };
    let dataset = || json!("${parameters.dataset}");
    let stage = |name: &str, parts: Vec<Value>| json!({"name": name, "components": parts});
    let job = json!({"dataset": "${parameters.dataset}", "target": "${parameters.target}", "budgetSeconds": "${parameters.budgetSeconds}"});
    [
        (
            "data-quality",
            "Profiles a dataset and checks its rules of quality.",
            json!({"type": "data", "stages": [
                stage("profile", vec![part("profile", "profile", dataset(), Value::Null)]),
                stage("check", vec![part("check", "check-quality", dataset(), Value::Null)]),
            ], "parameters": {"dataset": ""}}),
        ),
        (
            "train",
            "Checks the data, trains, and tries what came of it.",
            json!({"type": "training", "stages": [
                stage("check", vec![part("check", "check-quality", dataset(), Value::Null)]),
                stage("train", vec![part("train", "train", Value::Null, job.clone())]),
                stage("validate", vec![part("validate", "validate", dataset(), Value::Null)]),
            ], "parameters": {"dataset": "", "target": "", "budgetSeconds": 60}}),
        ),
        (
            "train-and-deploy",
            "Trains, promotes what came of it to production, and puts it into service.",
            json!({"type": "deployment", "stages": [
                stage("train", vec![part("train", "train", Value::Null, job)]),
                stage("promote", vec![part("promote", "promote", json!("${train.modelVersion}"), json!({"stage": "Production"}))]),
                stage("deploy", vec![part("deploy", "deploy", dataset(), json!({"endpoint": "${parameters.endpoint}"}))]),
            ], "parameters": {"dataset": "", "target": "", "budgetSeconds": 60, "endpoint": ""}}),
        ),
    ]
}

/// Pipelines to begin with.
pub async fn list(_: Cx, _: Nothing) -> Result<Value> {
    let items: Vec<Value> = all()
        .iter()
        .map(|(name, description, spec)| {
            json!({"name": name, "description": description, "parameters": spec["parameters"], "stages": spec["stages"]})
        })
        .collect();
    Ok(json!({"items": items}))
}

/// What to make.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ask {
    /// The template.
    #[field(max = 100, example = "train")]
    template: String,
    /// The name of the pipeline.
    name: Name,
    /// Values for the template's parameters.
    parameters: BTreeMap<String, Value>,
}

/// Makes a pipeline from a template.
pub async fn make(cx: Cx, ask: Ask) -> Result<Value> {
    let known = all();
    let Some((_, description, spec)) = known.iter().find(|(name, ..)| *name == ask.template) else {
        let names: Vec<&str> = known.iter().map(|(name, ..)| *name).collect();
        return Err(Error::invalid("unknown-value", "there is no such template")
            .at("template")
            .hint(format!("the templates are: {}", names.join(", "))));
    };
    let Value::Object(mut fields) = spec.clone() else {
        return Err(Error::internal("a template is an object"));
    };
    fields.insert("description".to_owned(), json!(description));
    let mut parameters: BTreeMap<String, Value> =
        serde_json::from_value(spec["parameters"].clone()).map_err(Error::internal)?;
    for (name, value) in ask.parameters {
        if !parameters.contains_key(&name) {
            let shown: String = name.chars().take(60).collect();
            let known: Vec<&str> = parameters.keys().map(String::as_str).collect();
            return Err(Error::invalid(
                "unknown-parameter",
                format!("the template has no parameter `{shown}`"),
            )
            .at("parameters")
            .hint(format!("its parameters are: {}", known.join(", "))));
        }
        parameters.insert(name, value);
    }
    fields.insert("parameters".to_owned(), json!(parameters));
    validate::accept(<Pipeline as kind::Fields>::FIELDS, &mut fields, "spec")?;
    let spec: Pipeline = serde_json::from_value(Value::Object(fields)).map_err(Error::internal)?;
    let made = cx.create(Draft::new(ask.name.to_string(), spec)).await?;
    Ok(json!({"name": made.name(), "uid": made.metadata.uid, "spec": made.spec}))
}
