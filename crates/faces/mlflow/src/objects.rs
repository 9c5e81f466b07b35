//! The way to objects of the platform: asked for and changed as the caller, through the kernel.

use std::collections::BTreeMap;

use base::Error;
use kernel::{
    change::PatchForm,
    cx::Cx,
    declare::Body,
    dispatch::{self, Answer, Call, Verb},
    object::Raw,
    selection,
};
use serde_json::{Value, json};

use crate::{fault::Result, walk::Walk};

/// Experiments.
pub const EXPERIMENTS: &str = "catalog.experiments";
/// Runs of experiments.
pub const RUNS: &str = "catalog.runs";
/// Registered models.
pub const MODELS: &str = "catalog.models";
/// Logged models: what a run has made, before anybody registers it.
pub const LOGGED: &str = "catalog.logged-models";
/// Their versions.
pub const VERSIONS: &str = "catalog.model-versions";

/// Refuses unless the caller may do this with an object of a kind.
pub async fn may(cx: &Cx, kind: &str, verb: &str, object: &str) -> Result<()> {
    let permission = format!("{kind}.{verb}");
    if cx.decide_on(&permission, (&cx.project, object)).await?.allowed {
        return Ok(());
    }
    let message = format!("you may not `{permission}` here");
    Err(Error::forbidden("forbidden", message)
        .hint(format!("ask an administrator for a role with `{permission}`"))
        .into())
}

/// One operation of the kernel, as the caller.
pub async fn call(
    cx: &Cx,
    kind: &str,
    verb: Verb,
    (id, body): (Option<&str>, Option<Value>),
) -> Result<Value> {
    let kind = cx.platform().kind(kind)?;
    let id = id.map(str::to_owned);
    let body = body.map_or(Body::Empty, Body::Json);
    let call = Call { kind, verb, id, parent: None, params: BTreeMap::new(), body, if_match: None };
    match dispatch::call(cx.clone(), call).await? {
        Answer::Object(value, _) | Answer::Created(value, _) | Answer::Value(value) => Ok(value),
        Answer::Bytes(_) | Answer::Watch(_) => Err(Error::internal("an answer is no JSON").into()),
    }
}

/// Makes an object; answers its uid.
pub async fn create(cx: &Cx, kind: &str, name: &str, spec: Value) -> Result<String> {
    let made =
        call(cx, kind, Verb::Create, (None, Some(json!({"metadata": {"name": name}, "spec": spec})))).await?;
    Ok(made["metadata"]["uid"].as_str().unwrap_or_default().to_owned())
}

/// Changes part of an object's spec.
pub async fn patch(cx: &Cx, kind: &str, uid: &str, spec: Value) -> Result<()> {
    let verb = Verb::Patch(PatchForm::Merge);
    call(cx, kind, verb, (Some(uid), Some(json!({"spec": spec})))).await.map(|_| ())
}

/// Puts an object in the trash.
pub async fn delete(cx: &Cx, kind: &str, uid: &str) -> Result<()> {
    call(cx, kind, Verb::Delete, (Some(uid), None)).await.map(|_| ())
}

/// Takes an object out of the trash.
pub async fn restore(cx: &Cx, kind: &str, uid: &str) -> Result<()> {
    call(cx, kind, Verb::Restore, (Some(uid), None)).await.map(|_| ())
}

/// A living object of the context's project, by name or uid; nobody is asked whether the caller may.
pub async fn living(cx: &Cx, kind: &str, id: &str) -> Result<Option<Raw>> {
    Ok(places::living(cx, kind, id).await?)
}

/// An object by uid, living or in the trash.
pub async fn whole(cx: &Cx, kind: &str, uid: &str) -> Result<Option<Raw>> {
    Ok(places::whole(cx, kind, uid).await?)
}

/// Whether an object is in the trash.
pub fn is_deleted(it: &Raw) -> bool {
    it.metadata.deletion_timestamp.is_some()
}

/// All objects of a kind in the project that a filter finds, however many they are: for what belongs to one thing.
pub async fn list(cx: &Cx, kind: &str, filter: &str, trash: Trash) -> Result<Vec<Raw>> {
    let holds: Vec<_> = selection::parse(&*cx.platform().kind(kind)?, filter)?.into_iter().collect();
    let mut all = Vec::new();
    for in_trash in [false, true] {
        if (in_trash && trash == Trash::Without) || (!in_trash && trash == Trash::Only) {
            continue;
        }
        let walk = Walk::new(cx, kind, holds.clone())?;
        let mut walk = if in_trash { walk.in_trash() } else { walk };
        loop {
            let found = walk.next(cx).await?;
            if found.is_empty() {
                break;
            }
            all.extend(found);
        }
    }
    Ok(all)
}

/// Whether a list is about what is in the trash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trash {
    /// The living.
    Without,
    /// All.
    With,
    /// What is in the trash.
    Only,
}

impl Trash {
    /// From MLflow's view types: 1 active, 2 deleted, 3 all.
    pub fn of(view: Option<&Value>) -> Result<Self> {
        match view {
            None => Ok(Self::Without),
            Some(Value::String(text)) if text == "ACTIVE_ONLY" || text == "1" => Ok(Self::Without),
            Some(Value::String(text)) if text == "DELETED_ONLY" || text == "2" => Ok(Self::Only),
            Some(Value::String(text)) if text == "ALL" || text == "3" => Ok(Self::With),
            Some(Value::Number(number)) if number.as_u64() == Some(1) => Ok(Self::Without),
            Some(Value::Number(number)) if number.as_u64() == Some(2) => Ok(Self::Only),
            Some(Value::Number(number)) if number.as_u64() == Some(3) => Ok(Self::With),
            Some(other) => Err(crate::ask::wrong("view_type", other)),
        }
    }
}

/// A text of an object's spec.
pub fn text<'a>(it: &'a Raw, field: &str) -> Option<&'a str> {
    it.spec.get(field).and_then(Value::as_str)
}

/// A map of texts of an object's spec, such as its tags.
pub fn texts<'a>(it: &'a Raw, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    let map = it.spec.get(field).and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// A map of texts as MLflow shows it; nothing when it is empty.
pub fn shown_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    pairs.map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// When an object was made, in milliseconds since 1970.
pub fn created_ms(it: &Raw) -> i64 {
    it.metadata.creation_timestamp.millis()
}

/// When an object was changed last.
pub fn updated_ms(it: &Raw) -> i64 {
    let told = it.status.get("updated").and_then(Value::as_str);
    let updated = told.and_then(|text| text.parse::<base::Time>().ok()).map(base::Time::millis);
    let deleted = it.metadata.deletion_timestamp.map(base::Time::millis);
    updated.max(deleted).unwrap_or_else(|| created_ms(it))
}
