//! What is logged to a run: metrics, parameters, tags, and what went in and came out.

use kernel::cx::Cx;
use ports::tracking::{
    BATCH_MAX, Batch, Data, Input, METRICS_MAX, Metric, Output, PARAMS_MAX, Pair, TAGS_MAX,
};
use serde_json::{Value, json};

use crate::{
    ask::{Ask, number, wrong},
    checks,
    fault::{Fault, Result},
    nothing,
    runs::{self, NAME_TAG, active, named},
};

/// The tag in which clients before logged models noted what they had made.
const HISTORY_TAG: &str = "mlflow.log-model.history";

/// Answers what is asked by `runs/WHAT`.
pub async fn answer(cx: &Cx, ask: &Ask, what: &str) -> Result<Option<Value>> {
    // What is wrong with the run is told before what is wrong with the rest.
    ask.text("run_id")?;
    let batch = match what {
        "log-metric" => Batch { metrics: vec![metric(ask, "")?], ..Batch::default() },
        "log-parameter" => Batch { params: vec![param(ask, "")?], ..Batch::default() },
        "set-tag" => Batch { tags: vec![tag(ask, "")?], ..Batch::default() },
        "delete-tag" => return delete_tag(cx, ask).await.map(Some),
        "log-batch" => batch(ask)?,
        "log-inputs" => inputs(ask)?,
        "outputs" => outputs(ask)?,
        "log-model" => return log_model(cx, ask).await.map(Some),
        _ => return Ok(None),
    };
    let it = active(cx, named(ask)?, "update").await?;
    let name = batch.tags.iter().rev().find(|tag| tag.key == NAME_TAG).map(|tag| tag.value.clone());
    if batch != Batch::default() {
        runs::write(cx, &it, batch).await?;
    }
    if let Some(name) = name {
        runs::rename(cx, &it, &name).await?;
    }
    Ok(Some(nothing()))
}

/// A path within a batch, as MLflow names it.
fn at(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

fn needed(path: &str, field: &str) -> Fault {
    let at = at(path, field);
    Fault::invalid(format!(
        "Missing value for required parameter '{at}'. See the API docs for more information about request parameters."
    ))
}

fn key(ask: &Ask, path: &str) -> Result<String> {
    Ok(ask.given("key")?.ok_or_else(|| needed(path, "key"))?.to_owned())
}

fn metric(ask: &Ask, path: &str) -> Result<Metric> {
    let key = key(ask, path)?;
    checks::key(&key, &at(path, "name"))?;
    checks::length("Metric name", &key, checks::KEY_MAX)?;
    let value = ask.raw("value").ok_or_else(|| needed(path, "value"))?;
    let value = number(value).ok_or_else(|| wrong(&at(path, "value"), value))?;
    let time_ms = ask.whole("timestamp")?.ok_or_else(|| needed(path, "timestamp"))?;
    if time_ms < 0 {
        return Err(Fault::invalid(format!(
            "Invalid value {time_ms} for parameter '{}' supplied: metric '{key}' (value={value}). Timestamp must be a nonnegative long (64-bit integer) ",
            at(path, "timestamp")
        )));
    }
    let data = match (ask.given("dataset_name")?, ask.given("dataset_digest")?) {
        (Some(name), Some(digest)) => Some(Data { name: name.to_owned(), digest: digest.to_owned() }),
        _ => None,
    };
    let (step, model) = (ask.whole("step")?.unwrap_or(0), ask.given("model_id")?.map(str::to_owned));
    Ok(Metric { key, value, step, time_ms, model, data })
}

fn param(ask: &Ask, path: &str) -> Result<Pair> {
    let key = key(ask, path)?;
    checks::key(&key, &at(path, "key"))?;
    checks::length("Param key", &key, checks::KEY_MAX)?;
    Ok(Pair { key, value: checks::cut(ask.text("value")?.unwrap_or_default().to_owned(), checks::PARAM_MAX) })
}

fn tag(ask: &Ask, path: &str) -> Result<Pair> {
    let key = key(ask, path)?;
    checks::key(&key, &at(path, "key"))?;
    checks::length(&at(path, "key"), &key, checks::KEY_MAX)?;
    Ok(Pair { key, value: checks::cut(ask.text("value")?.unwrap_or_default().to_owned(), checks::TAG_MAX) })
}

fn at_most(what: &str, most: usize, count: usize) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(Fault::invalid(format!(
        "A batch logging request can contain at most {most} {what}. Got {count} {what}. Please split up {what} across multiple requests and try again."
    )))
}

fn batch(ask: &Ask) -> Result<Batch> {
    ask.required("run_id")?;
    let (metrics, params, tags) = (ask.list("metrics")?, ask.list("params")?, ask.list("tags")?);
    at_most("metrics", METRICS_MAX, metrics.len())?;
    at_most("params", PARAMS_MAX, params.len())?;
    at_most("tags", TAGS_MAX, tags.len())?;
    at_most("metrics, params, and tags", BATCH_MAX, metrics.len() + params.len() + tags.len())?;
    let mut batch = Batch::default();
    for (i, item) in metrics.into_iter().enumerate() {
        let path = format!("metrics[{i}]");
        batch.metrics.push(metric(&Ask::of_item(item, &path)?, &path)?);
    }
    for (i, item) in params.into_iter().enumerate() {
        let path = format!("params[{i}]");
        batch.params.push(param(&Ask::of_item(item, &path)?, &path)?);
    }
    for (i, item) in tags.into_iter().enumerate() {
        let path = format!("tags[{i}]");
        batch.tags.push(tag(&Ask::of_item(item, &path)?, &path)?);
    }
    let twice = twice(&batch.params);
    if !twice.is_empty() {
        return Err(Fault::invalid(format!(
            "Duplicate parameter keys have been submitted: {twice:?}. Please ensure the request contains only one param value per param key."
        )));
    }
    Ok(batch)
}

/// Keys that come more than once.
fn twice(params: &[Pair]) -> Vec<&str> {
    let mut seen = std::collections::HashSet::new();
    params.iter().map(|pair| pair.key.as_str()).filter(|key| !seen.insert(*key)).collect()
}

fn inputs(ask: &Ask) -> Result<Batch> {
    let mut batch = Batch::default();
    let datasets = ask.items("datasets")?;
    at_most("datasets", 1_000, datasets.len())?;
    for (i, item) in datasets.iter().enumerate() {
        let path = format!("datasets[{i}].dataset");
        let told = item.raw("dataset").ok_or_else(|| needed("", &path))?;
        let told = Ask::of_item(told.clone(), &path)?;
        let text = |field: &str, most: usize| {
            let text = told.text(field)?.map(str::to_owned);
            let name = format!("{path}.{field}");
            text.as_ref().map_or(Ok(()), |text| checks::length(&name, text, most)).map(|()| text)
        };
        let must = |field: &str, most: usize| {
            text(field, most)?.filter(|text| !text.is_empty()).ok_or_else(|| needed(&path, field))
        };
        let tags = item.pairs("tags")?;
        for (key, value) in &tags {
            checks::length("key", key, 255)?;
            checks::length("value", value, 500)?;
        }
        batch.inputs.push(Input {
            data: Data { name: must("name", 500)?, digest: must("digest", 36)? },
            source_type: must("source_type", 36)?,
            source: must("source", 65_535)?,
            schema: text("schema", 1_048_575)?,
            profile: text("profile", 16_777_215)?,
            tags: tags.into_iter().map(|(key, value)| Pair { key, value }).collect(),
        });
    }
    for item in ask.items("models")? {
        batch.models.push(item.required("model_id")?.to_owned());
    }
    Ok(batch)
}

fn outputs(ask: &Ask) -> Result<Batch> {
    let models = ask.items("models")?;
    if models.is_empty() {
        return Err(needed("", "models"));
    }
    let mut batch = Batch::default();
    for item in models {
        let (model, step) = (item.required("model_id")?.to_owned(), item.whole("step")?.unwrap_or(0));
        batch.outputs.push(Output { model, step });
    }
    Ok(batch)
}

async fn delete_tag(cx: &Cx, ask: &Ask) -> Result<Value> {
    let key = ask.required("key")?;
    let it = active(cx, named(ask)?, "update").await?;
    let untag = vec![key.to_owned()];
    match runs::write(cx, &it, Batch { untag, ..Batch::default() }).await {
        Err(fault) if fault.status == 404 => {
            Err(Fault::missing(format!("No tag with name: {key} in run with id {}", it.metadata.uid)))
        }
        other => other.map(|()| nothing()),
    }
}

/// What clients before logged models told of a model they had made: kept in a tag, newest last.
async fn log_model(cx: &Cx, ask: &Ask) -> Result<Value> {
    let text = ask.required("model_json")?;
    let bad = |why: &str| Fault::invalid(format!("Malformed model info. {why}"));
    let model: Value = serde_json::from_str(text).map_err(|_| bad("It is not a valid JSON."))?;
    let model = model.as_object().ok_or_else(|| bad("It is not a JSON object."))?;
    let missing: Vec<&str> = ["artifact_path", "flavors", "utc_time_created", "run_id"]
        .into_iter()
        .filter(|field| !model.contains_key(*field))
        .collect();
    if !missing.is_empty() {
        return Err(Fault::invalid(format!("Model json is missing mandatory fields: {missing:?}")));
    }
    let it = active(cx, named(ask)?, "update").await?;
    let found = runs::kept(cx, &it).await?;
    let known = found.tags.iter().find(|tag| tag.key == HISTORY_TAG);
    let mut all: Vec<Value> = known.and_then(|tag| serde_json::from_str(&tag.value).ok()).unwrap_or_default();
    all.push(json!(model));
    let value = Value::from(all).to_string();
    if value.len() > checks::TAG_MAX {
        return Err(Fault::invalid(format!(
            "'{HISTORY_TAG}' exceeds the maximum length of {} characters",
            checks::TAG_MAX
        )));
    }
    runs::write(cx, &it, Batch { tags: vec![Pair::new(HISTORY_TAG, value)], ..Batch::default() }).await?;
    Ok(nothing())
}
