//! What webhooks are told of: worked out of the journal, by holding an object against what it was before.

use std::collections::BTreeMap;

use kernel::{journal::Change, object::Fields, prelude::*, read, store::ChangeQuery};

use crate::webhook::{self, Event};

/// The tag by which a prompt is told from a model.
const PROMPT: &str = "mlflow.prompt.is_prompt";
/// The tag that holds a prompt's text.
const PROMPT_TEXT: &str = "mlflow.prompt.text";

/// Tells of a change of a model.
pub async fn of_model(cx: Cx, change: Change) -> Result<()> {
    let Some((now, before)) = both(&cx, &change).await? else { return Ok(()) };
    let name = title(&now);
    let is_prompt = is_prompt(&now.spec);
    let mut events = Vec::new();
    let Some(before) = before else {
        let told =
            json!({"name": name, "tags": told_tags(&now.spec), "description": now.spec.get("description")});
        let event = if is_prompt { "prompt.created" } else { "registered_model.created" };
        return webhook::tell(&cx, &[Event { name: event, told }]).await;
    };
    if is_prompt {
        let words = ["prompt_tag.set", "prompt_tag.deleted"];
        changed_tags(&mut events, words, &json!({"name": name}), (&before.spec, &now.spec));
    }
    let (set, gone) = if is_prompt {
        ("prompt_alias.created", "prompt_alias.deleted")
    } else {
        ("model_version_alias.created", "model_version_alias.deleted")
    };
    let (old, new) = (map(&before.spec, "aliases"), map(&now.spec, "aliases"));
    for (alias, version) in new.iter().filter(|(alias, version)| old.get(*alias) != Some(version)) {
        let version = version.as_u64().unwrap_or(0).to_string();
        events.push(Event { name: set, told: json!({"name": name, "alias": alias, "version": version}) });
    }
    for alias in old.keys().filter(|alias| !new.contains_key(*alias)) {
        events.push(Event { name: gone, told: json!({"name": name, "alias": alias}) });
    }
    webhook::tell(&cx, &events).await
}

/// Tells of a change of a version.
pub async fn of_version(cx: Cx, change: Change) -> Result<()> {
    let Some((now, before)) = both(&cx, &change).await? else { return Ok(()) };
    let model = now.spec.get("model").and_then(Value::as_str).unwrap_or_default();
    let name = match cx.read("catalog.models", model).await {
        Ok(model) => title(&model),
        Err(error) if error.code() == "not-found" => model.to_owned(),
        Err(error) => return Err(error),
    };
    let version = now.spec.get("number").and_then(Value::as_u64).unwrap_or(0).to_string();
    let is_prompt = is_prompt(&now.spec);
    let mut events = Vec::new();
    let mut told = json!({"name": name, "version": version});
    match before {
        Some(before) => {
            let words = if is_prompt {
                ["prompt_version_tag.set", "prompt_version_tag.deleted"]
            } else {
                ["model_version_tag.set", "model_version_tag.deleted"]
            };
            changed_tags(&mut events, words, &told, (&before.spec, &now.spec));
        }
        None => {
            told["tags"] = told_tags(&now.spec);
            told["description"] = now.spec.get("description").cloned().unwrap_or_default();
            if is_prompt {
                told["template"] = map(&now.spec, "tags").get(PROMPT_TEXT).cloned().unwrap_or_default();
            } else {
                told["source"] = now.spec.get("source").cloned().unwrap_or_default();
                let run = now.spec.get("run").or_else(|| now.spec.get("foreignRun"));
                told["run_id"] = run.cloned().unwrap_or_default();
            }
            let name = if is_prompt { "prompt_version.created" } else { "model_version.created" };
            events.push(Event { name, told });
        }
    }
    webhook::tell(&cx, &events).await
}

/// An object after a change and before it; nothing when it went, or came back.
async fn both(cx: &Cx, change: &Change) -> Result<Option<(Raw, Option<Raw>)>> {
    if change.deleted || change.verb == "restore" {
        return Ok(None);
    }
    let kind = cx.platform().kind(&change.kind)?;
    let now = read::raw_at(&kind, change)?;
    let query = ChangeQuery {
        uid: Some(change.uid.clone()),
        before: Some(change.position),
        limit: 1,
        ..ChangeQuery::default()
    };
    let earlier = cx.platform().store.history(&query).await?;
    let before = earlier.first().map(|earlier| read::raw_at(&kind, earlier)).transpose()?;
    Ok(Some((now, before)))
}

fn title(it: &Raw) -> String {
    it.spec.get("title").and_then(Value::as_str).unwrap_or(&it.metadata.name).to_owned()
}

fn map(spec: &Fields, field: &str) -> BTreeMap<String, Value> {
    let found = spec.get(field).and_then(Value::as_object);
    found.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn is_prompt(spec: &Fields) -> bool {
    let told = map(spec, "tags").get(PROMPT).and_then(|value| value.as_str().map(str::to_lowercase));
    told.as_deref() == Some("true")
}

/// Tags without those that only tell what sort of thing it is.
fn told_tags(spec: &Fields) -> Value {
    let mut tags = map(spec, "tags");
    tags.retain(|key, _| !key.starts_with("mlflow.prompt."));
    json!(tags)
}

fn changed_tags(
    events: &mut Vec<Event>,
    words: [&'static str; 2],
    of: &Value,
    (old, new): (&Fields, &Fields),
) {
    let (old, new) = (map(old, "tags"), map(new, "tags"));
    let mut push = |name, key: &str, value: Option<&Value>| {
        let mut told = of.clone();
        told["key"] = key.into();
        if let Some(value) = value {
            told["value"] = value.clone();
        }
        events.push(Event { name, told });
    };
    for (key, value) in new.iter().filter(|(key, value)| old.get(*key) != Some(value)) {
        push(words[0], key, Some(value));
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        push(words[1], key, None);
    }
}
