//! Where the files of runs, logged models and versions lie, whatever words are used for it, and the list of a
//! version's files that is signed.
//!
//! Kinds are known by their names. Everything is looked for in the context's own project, and nobody is asked whether
//! the caller may: whoever may look at a version may know where its files are.

use base::{Error, Result, Uid};
use kernel::{
    cx::Cx,
    index::Cell,
    object::Raw,
    predicate::{Op, Place as Field, Predicate},
    store::{Projects, Query, Sort},
};
use serde_json::Value;

pub mod manifest;
mod path;
mod source;

pub use manifest::Manifest;
pub use path::{Path, Place};
pub use source::{of_experiment, of_logged, of_run, resolved, version_of};

const EXPERIMENTS: &str = "catalog.experiments";
const RUNS: &str = "catalog.runs";
const MODELS: &str = "catalog.models";
const LOGGED: &str = "catalog.logged-models";
const VERSIONS: &str = "catalog.model-versions";

/// A living object of the context's project, by name or uid.
///
/// # Errors
/// Those of the store.
pub async fn living(cx: &Cx, kind: &str, id: &str) -> Result<Option<Raw>> {
    match cx.read(kind, id).await {
        Ok(it) if it.metadata.namespace == *cx.project => Ok(Some(it)),
        Ok(_) => Ok(None),
        Err(error) if error.code() == "not-found" => Ok(None),
        Err(error) => Err(error),
    }
}

/// An object of the context's project by uid, living or in the trash.
///
/// # Errors
/// Those of the store.
pub async fn whole(cx: &Cx, kind: &str, uid: &str) -> Result<Option<Raw>> {
    if !Uid::looks_like(uid) {
        return Ok(None);
    }
    if let Some(it) = living(cx, kind, uid).await? {
        return Ok(Some(it));
    }
    let kind = cx.platform().kind(kind)?;
    let record = cx.platform().store.by_uid(&Uid::known(uid)).await?;
    let ours = record.filter(|it| it.org == *cx.org && it.kind == kind.id() && it.project == *cx.project);
    ours.map(|record| Raw::from_record(&kind, &record)).transpose()
}

/// The newest of a model's living versions, whoever registered it.
///
/// # Errors
/// Those of the store.
pub async fn newest(cx: &Cx, model: &str) -> Result<Option<Raw>> {
    let kind = cx.platform().kind(VERSIONS)?;
    let field = |name: &str| Field::Term(format!("spec.{name}"));
    let of_model =
        Predicate::Compare { place: field("model"), op: Op::Equal, cell: Cell::Text(model.to_owned()) };
    let query = Query {
        org: Some(cx.org.to_string()),
        kind: kind.id(),
        projects: Projects::These(vec![cx.project.to_string()]),
        deleted: false,
        filter: Some(of_model),
        sort: Sort { place: field("number"), descending: true },
        after: None,
        limit: 1,
    };
    let found = cx.platform().store.list(&query).await?;
    found.first().map(|record| Raw::from_record(&kind, record)).transpose()
}

/// What people call an object: its title, or its name where it has none.
pub fn title(it: &Raw) -> &str {
    text(it, "title").unwrap_or(&it.metadata.name)
}

/// A version's number.
pub fn number(it: &Raw) -> u64 {
    it.spec.get("number").and_then(Value::as_u64).unwrap_or(0)
}

fn text<'a>(it: &'a Raw, field: &str) -> Option<&'a str> {
    it.spec.get(field).and_then(Value::as_str)
}

fn missing(message: String) -> Error {
    Error::not_found("not-found", message)
}
