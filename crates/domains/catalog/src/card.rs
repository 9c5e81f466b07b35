//! The model card: generated from recorded facts, with what nobody recorded marked as missing.

use kernel::prelude::*;

use crate::{dataset::Dataset, dataset_version, model::Model, model_version::Version, run::ExperimentRun};

/// The card of a version, headings after Mitchell et al. (2019), *Model Cards for Model Reporting*.
pub async fn of(cx: &Cx, it: &Object<Version>) -> Result<Value> {
    let model = cx.get_opt::<Model>(&it.spec.model).await?;
    let run = match &it.spec.run {
        Some(run) => cx.get_opt::<ExperimentRun>(run).await?,
        None => None,
    };
    let data = match &it.spec.dataset_version {
        Some(version) => cx.get_opt::<dataset_version::Version>(version).await?,
        None => None,
    };
    let dataset = match &data {
        Some(data) => cx.get_opt::<Dataset>(&data.spec.dataset).await?,
        None => None,
    };
    let mut missing = Vec::new();
    let mut noted = |heading: &str, fact: Value| {
        if fact.is_null() || fact == json!({}) {
            missing.push(heading.to_owned());
        }
        fact
    };
    let card = json!({
        "modelDetails": {
            "name": it.spec.model,
            "version": it.spec.number,
            "created": it.metadata.creation_timestamp,
            "task": noted("task", json!(it.spec.task)),
            "target": noted("target", json!(it.spec.target)),
            "format": it.spec.blob.map_or("files", |_| "ONNX"),
            "source": it.spec.source,
            "digest": it.spec.blob,
            "bytes": it.status.bytes,
            "stage": it.status.stage,
        },
        "intendedUse": noted("intendedUse", json!(model.and_then(|model| model.spec.description))),
        "trainingData": {
            "dataset": noted("trainingData", json!(data.as_ref().map(|data| data.spec.dataset.clone()))),
            "version": data.as_ref().map(|data| data.spec.number),
            "digest": it.spec.dataset_digest,
            "rows": data.as_ref().and_then(|data| data.status.rows),
            "license": noted("license", json!(dataset.as_ref().and_then(|it| it.spec.license.clone()))),
            "description": dataset.and_then(|it| it.spec.description),
        },
        "training": {
            "run": it.spec.run,
            "parameters": noted("parameters", json!(run.as_ref().map(|run| run.spec.parameters.clone()))),
            "candidates": run.as_ref().and_then(|run| run.status.trials.clone()),
        },
        "evaluation": {
            "metrics": noted("metrics", json!(it.spec.metrics)),
            "errors": run.as_ref().and_then(|run| run.status.errors.clone()),
        },
        "explanation": {"importance": run.and_then(|run| run.status.importance)},
        "signature": it.spec.signature,
        "caveats": noted("caveats", json!(it.spec.description)),
    });
    let mut card = card;
    card["missing"] = json!(missing);
    Ok(card)
}
