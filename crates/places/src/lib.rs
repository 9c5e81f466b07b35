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
    newest_of(cx, VERSIONS, ("model", model)).await
}

/// The child with the largest number among a parent's living ones.
async fn newest_of(cx: &Cx, kind: &str, parent: (&str, &str)) -> Result<Option<Raw>> {
    let query = Query {
        sort: Sort { place: Field::Term("spec.number".to_owned()), descending: true },
        limit: 1,
        ..children(cx, kind, parent)
    };
    let (kind, found) = (cx.platform().kind(kind)?, cx.platform().store.list(&query).await?);
    found.first().map(|record| Raw::from_record(&kind, record)).transpose()
}

/// The largest number among a parent's children, those in the trash included; 0 where it has none.
///
/// # Errors
/// Those of the store.
pub async fn largest(cx: &Cx, kind: &str, parent: (&str, &str)) -> Result<u64> {
    let mut largest = newest_of(cx, kind, parent).await?.map_or(0, |it| number(&it));
    // The trash is in no order of its own.
    let mut query = Query { deleted: true, ..children(cx, kind, parent) };
    let kind = cx.platform().kind(kind)?;
    loop {
        let found = cx.platform().store.list(&query).await?;
        for record in &found {
            largest = largest.max(number(&Raw::from_record(&kind, record)?));
        }
        match found.last() {
            Some(last) if found.len() == CHILDREN as usize => {
                query.after = Some((Cell::Null, last.uid.clone()))
            }
            _ => return Ok(largest),
        }
    }
}

/// How many children are read at once.
const CHILDREN: u32 = 1_000;

/// A parent's living children.
fn children(cx: &Cx, kind: &str, (field, parent): (&str, &str)) -> Query {
    let place = Field::Term(format!("spec.{field}"));
    Query {
        org: Some(cx.org.to_string()),
        kind: kind.to_owned(),
        projects: Projects::These(vec![cx.project.to_string()]),
        deleted: false,
        filter: Some(Predicate::Compare { place, op: Op::Equal, cell: Cell::Text(parent.to_owned()) }),
        sort: Sort { place: Field::Uid, descending: false },
        after: None,
        limit: CHILDREN,
    }
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
