//! Logged models: objects of `catalog.logged-models`; what was measured of them is logged to runs.

use std::collections::HashMap;

use kernel::{cx::Cx, literal, object::Raw};
use ports::tracking::{Measured, Tracking};
use serde_json::{Value, json};

use crate::{
    Asked, artifacts,
    ask::{Ask, wrong},
    checks, experiments,
    fault::{Fault, Result},
    models, nothing,
    objects::{self, EXPERIMENTS, LOGGED, Trash},
    runs,
};

mod search;

/// The tag that says as which versions a model was registered.
const VERSIONS_TAG: &str = "mlflow.modelVersions";
/// Where a model is, in MLflow's words and in ours.
const PHASES: [(&str, &str); 3] = [
    ("LOGGED_MODEL_PENDING", "PENDING"),
    ("LOGGED_MODEL_READY", "READY"),
    ("LOGGED_MODEL_UPLOAD_FAILED", "FAILED"),
];

/// Answers what is asked of logged models.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    let value = match (method, path.as_slice()) {
        ("POST", ["logged-models"]) => create(cx, ask).await?,
        ("POST", ["logged-models", "search"]) => search::search(cx, ask).await?,
        ("GET", ["logged-models", id]) => {
            let deleted = ask.flag("allow_deleted")?.unwrap_or(false);
            let it = if deleted { whole(cx, id).await? } else { find(cx, id, "get").await? };
            one(cx, it).await?
        }
        ("PATCH", ["logged-models", id]) => finish(cx, id, ask).await?,
        ("DELETE", ["logged-models", id]) => {
            let it = find(cx, id, "delete").await?;
            objects::delete(cx, LOGGED, it.metadata.uid.as_str()).await?;
            nothing()
        }
        ("POST", ["logged-models", id, "params"]) => log_params(cx, id, ask).await?,
        ("PATCH", ["logged-models", id, "tags"]) => {
            let mut tags = serde_json::Map::new();
            for (key, value) in ask.pairs("tags")? {
                checks::tag((&key, &value), checks::TAG_MAX)?;
                tags.insert(key, value.into());
            }
            let it = find(cx, id, "update").await?;
            objects::patch(cx, LOGGED, it.metadata.uid.as_str(), json!({"tags": tags})).await?;
            nothing()
        }
        ("DELETE", ["logged-models", id, "tags", key @ ..]) => {
            let key = key.join("/");
            let it = find(cx, id, "update").await?;
            if !objects::texts(&it, "tags").any(|(known, _)| known == key) {
                return Err(Fault::missing(format!(
                    "No tag with key {key:?} found for model with ID {id:?}."
                )));
            }
            objects::patch(cx, LOGGED, it.metadata.uid.as_str(), json!({"tags": {key: null}})).await?;
            nothing()
        }
        ("GET", ["logged-models", id, "artifacts", "directories"]) => {
            let it = find(cx, id, "get").await?;
            let place = objects::text(&it, "artifactLocation").unwrap_or_default();
            artifacts::listed(cx, place, ask.text("artifact_directory_path")?.unwrap_or_default()).await?
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn missing(id: &str) -> Fault {
    Fault::missing(format!("Logged model with ID '{id}' not found."))
}

/// A logged model, if the caller may.
async fn find(cx: &Cx, id: &str, verb: &str) -> Result<Raw> {
    objects::may(cx, LOGGED, verb, id).await?;
    objects::living(cx, LOGGED, id).await?.ok_or_else(|| missing(id))
}

/// Where a logged model's files lie.
pub async fn place(cx: &Cx, id: &str) -> Result<String> {
    let it = find(cx, id, "get").await?;
    Ok(objects::text(&it, "artifactLocation").unwrap_or_default().to_owned())
}

/// A logged model, in the trash, too.
async fn whole(cx: &Cx, id: &str) -> Result<Raw> {
    objects::may(cx, LOGGED, "get", id).await?;
    if let Some(it) = objects::living(cx, LOGGED, id).await? {
        return Ok(it);
    }
    let filter = format!("name = {}", literal(id));
    let mut gone = objects::list(cx, LOGGED, &filter, Trash::Only).await?;
    gone.pop().ok_or_else(|| missing(id))
}

async fn create(cx: &Cx, ask: &Ask) -> Result<Value> {
    let experiment = ask.required("experiment_id")?;
    let title = ask.given("name")?;
    if let Some(title) = title.filter(|title| title.contains(['/', ':', '.', '%', '"', '\''])) {
        return Err(Fault::invalid(format!(
            "Invalid model name ('{title}') provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
        )));
    }
    if let Some(title) = title {
        checks::length("name", title, checks::TITLE_MAX)?;
    }
    let mut maps = [serde_json::Map::new(), serde_json::Map::new()];
    for (map, field) in maps.iter_mut().zip(["params", "tags"]) {
        for (key, value) in ask.pairs(field)? {
            checks::length("key", &key, checks::KEY_MAX)?;
            let most = if field == "params" { checks::PARAM_MAX } else { checks::TAG_MAX };
            map.insert(key, checks::cut(value, most).into());
        }
    }
    let [params, tags] = maps;
    let experiment = experiments::active(cx, experiment, "get").await?;
    let id = format!("m-{}", cx.uid("m").as_str().trim_start_matches("m_").to_lowercase());
    let place = format!("{}/models/{id}/artifacts", experiments::place(&experiment).trim_end_matches('/'));
    let spec = json!({
        "experiment": experiment.metadata.name,
        "title": title.map_or_else(|| runs::made_up(cx), str::to_owned),
        "modelType": ask.given("model_type")?,
        "sourceRun": ask.given("source_run_id")?,
        "artifactLocation": place,
        "parameters": params,
        "tags": tags,
    });
    objects::create(cx, LOGGED, &id, spec).await?;
    let it = objects::living(cx, LOGGED, &id).await?.ok_or_else(|| missing(&id))?;
    one(cx, it).await
}

async fn finish(cx: &Cx, id: &str, ask: &Ask) -> Result<Value> {
    let phase = match ask.raw("status") {
        Some(Value::String(word)) => PHASES.iter().find(|(known, _)| known == word),
        Some(Value::Number(number)) => {
            number.as_u64().and_then(|number| PHASES.get(usize::try_from(number).ok()?.checked_sub(1)?))
        }
        Some(other) => return Err(wrong("status", other)),
        None => {
            ask.required("status")?;
            None
        }
    };
    let (_, phase) = phase.ok_or_else(|| Fault::invalid("Invalid value for parameter 'status' supplied."))?;
    let it = find(cx, id, "update").await?;
    models::act(cx, LOGGED, it.metadata.uid.as_str(), ("finish", json!({"phase": phase}))).await?;
    one(cx, objects::living(cx, LOGGED, id).await?.ok_or_else(|| missing(id))?).await
}

async fn log_params(cx: &Cx, id: &str, ask: &Ask) -> Result<Value> {
    let params = ask.pairs("params")?;
    let it = find(cx, id, "update").await?;
    let mut map = serde_json::Map::new();
    for (key, value) in params {
        checks::length("key", &key, checks::KEY_MAX)?;
        let value = checks::cut(value, checks::PARAM_MAX);
        if objects::texts(&it, "parameters").any(|(known, old)| known == key && old != value) {
            return Err(Fault::invalid(format!(
                "Changing param values is not allowed. Param with key='{key}' was already logged for model ID='{id}'."
            )));
        }
        map.insert(key, value.into());
    }
    objects::patch(cx, LOGGED, it.metadata.uid.as_str(), json!({"parameters": map})).await?;
    Ok(nothing())
}

/// Notes as which version a model was registered.
pub async fn registered(cx: &Cx, id: &str, (name, version): (&str, u64)) -> Result<()> {
    let Some(it) = objects::living(cx, LOGGED, id).await? else { return Ok(()) };
    let known = objects::texts(&it, "tags").find(|(key, _)| *key == VERSIONS_TAG);
    let mut all: Vec<Value> = known.and_then(|(_, text)| serde_json::from_str(text).ok()).unwrap_or_default();
    all.push(json!({"name": name, "version": version}));
    // As Python writes JSON: clients compare the text.
    let one = |it: &Value| format!("{{\"name\": {}, \"version\": {}}}", it["name"], it["version"]);
    let text = format!("[{}]", all.iter().map(one).collect::<Vec<_>>().join(", "));
    let tags = json!({"tags": {VERSIONS_TAG: text}});
    objects::patch(cx, LOGGED, it.metadata.uid.as_str(), tags).await
}

/// A model with what was measured of it.
async fn one(cx: &Cx, it: Raw) -> Result<Value> {
    let experiment = experiment_of(cx, &it).await?;
    let measured = measured(cx, std::slice::from_ref(&it)).await?;
    let own = measured.get(it.metadata.name.as_str()).map_or(&[][..], Vec::as_slice);
    Ok(json!({"model": shown(&it, &experiment, own)}))
}

async fn experiment_of(cx: &Cx, it: &Raw) -> Result<String> {
    let name = objects::text(it, "experiment").unwrap_or_default();
    let found = objects::living(cx, EXPERIMENTS, name).await?;
    Ok(found.map_or_else(|| name.to_owned(), |it| it.metadata.uid.to_string()))
}

async fn measured(cx: &Cx, all: &[Raw]) -> Result<HashMap<String, Vec<Measured>>> {
    let names: Vec<String> = all.iter().map(|it| it.metadata.name.clone()).collect();
    let mut found: HashMap<String, Vec<Measured>> = HashMap::new();
    if names.is_empty() {
        return Ok(found);
    }
    for it in cx.port::<dyn Tracking>()?.measured(&cx.org, &names).await? {
        if let Some(model) = it.metric.model.clone() {
            found.entry(model).or_default().push(it);
        }
    }
    Ok(found)
}

fn phase(it: &Raw) -> &'static str {
    let phase = it.status.get("phase").and_then(Value::as_str).unwrap_or("PENDING");
    PHASES.iter().find(|(_, ours)| *ours == phase).map_or("LOGGED_MODEL_PENDING", |(theirs, _)| theirs)
}

/// A logged model as MLflow shows it.
fn shown(it: &Raw, experiment: &str, measured: &[Measured]) -> Value {
    let mut info = json!({
        "model_id": it.metadata.name,
        "experiment_id": experiment,
        "name": objects::text(it, "title").unwrap_or(&it.metadata.name),
        "artifact_uri": objects::text(it, "artifactLocation").unwrap_or_default(),
        "creation_timestamp_ms": objects::created_ms(it),
        "last_updated_timestamp_ms": objects::updated_ms(it),
        "status": phase(it),
        "model_type": objects::text(it, "modelType").unwrap_or_default(),
        "source_run_id": objects::text(it, "sourceRun").unwrap_or_default(),
    });
    if let Some(message) = it.status.get("message").filter(|message| !message.is_null()) {
        info["status_message"] = message.clone();
    }
    let tags = objects::shown_pairs(objects::texts(it, "tags"));
    if tags != json!([]) {
        info["tags"] = tags;
    }
    let mut data = json!({});
    let params = objects::shown_pairs(objects::texts(it, "parameters"));
    if params != json!([]) {
        data["params"] = params;
    }
    if !measured.is_empty() {
        data["metrics"] = measured
            .iter()
            .map(|it| {
                let mut metric = runs::metric(&it.metric);
                metric["run_id"] = it.run.as_str().into();
                metric
            })
            .collect();
    }
    json!({"info": info, "data": data})
}
