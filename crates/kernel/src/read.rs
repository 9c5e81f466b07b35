//! The verbs that read: list, get, count, export, history, diff.

use std::{collections::BTreeMap, sync::Arc};

use base::{Error, PAGE_DEFAULT, PAGE_MAX, Result, Uid};
use bytes::Bytes;
use futures::stream;
use serde_json::{Map, Value, json};

use crate::{
    cx::Cx,
    declare::{KindDef, Output},
    index::Cell,
    journal::Change,
    kind::Kind,
    object::{Object, Raw},
    platform::Platform,
    predicate::Place,
    question::{self, param},
    store::{ChangeQuery, Projects, Query, Record, Sort, sort_cell},
    write,
};

/// A page of objects.
pub async fn list(cx: &Cx, kind: &KindDef, params: &BTreeMap<String, String>) -> Result<Value> {
    let query = question::of_list(cx, kind, params)?;
    let head = *cx.platform.store.head().borrow();
    let (raws, next) = page(cx, kind, &query).await?;
    let fields = param(params, "fields");
    let items: Vec<Value> = raws.iter().map(|raw| masked(&raw.shown(kind), fields)).collect();
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".to_owned(), head.to_string().into());
    if let Some(next) = next {
        metadata.insert("nextPageToken".to_owned(), next.into());
    }
    if param(params, "total") == "true" {
        metadata.insert("total".to_owned(), cx.platform.store.count(&query).await?.into());
    }
    Ok(json!({
        "apiVersion": kind.api_version(),
        "kind": format!("{}List", kind.pascal_name()),
        "metadata": metadata,
        "items": items,
    }))
}

/// A page of objects and the token of the next one.
pub async fn page(cx: &Cx, kind: &KindDef, query: &Query) -> Result<(Vec<Raw>, Option<String>)> {
    // One more than asked for tells whether there is another page.
    let more = Query { limit: query.limit + 1, ..query.clone() };
    let mut records = cx.platform.store.list(&more).await?;
    let next = records.len() > query.limit as usize;
    records.truncate(query.limit as usize);
    let raws: Result<Vec<Raw>> = records.iter().map(|record| Raw::from_record(kind, record)).collect();
    let raws = raws?;
    let token = match (records.last(), raws.last()) {
        (Some(record), Some(raw)) if next => Some(token_behind(kind, query, record, raw)?),
        _ => None,
    };
    Ok((raws, token))
}

fn token_behind(kind: &KindDef, query: &Query, record: &Record, raw: &Raw) -> Result<String> {
    let terms: Vec<_> = write::terms(kind, raw).into_iter().collect();
    let cell = sort_cell(record, &terms, &query.sort.place)?;
    Ok(selection::page::token(query, &cell, &record.uid))
}

/// How many objects a list would find.
pub async fn count(cx: &Cx, kind: &KindDef, params: &BTreeMap<String, String>) -> Result<Value> {
    let query = question::of_list(cx, kind, params)?;
    Ok(json!({"count": cx.platform.store.count(&query).await?}))
}

/// Everything a list finds, page by page, one JSON object a line.
pub fn export(cx: &Cx, kind: &Arc<KindDef>, params: &BTreeMap<String, String>) -> Result<Output> {
    let query = Query { limit: PAGE_MAX, ..question::of_list(cx, kind, params)? };
    let (cx, owned) = (cx.clone(), Arc::clone(kind));
    let lines = stream::unfold(Some(query), move |state| {
        let (cx, kind) = (cx.clone(), Arc::clone(&owned));
        async move {
            let query = state?;
            Some(match export_page(&cx, &kind, query).await {
                Ok((bytes, next)) => (Ok(bytes), next),
                Err(error) => (Err(error), None),
            })
        }
    });
    Ok(Output::Bytes {
        media: "application/jsonl".to_owned(),
        filename: Some(format!("{}.jsonl", kind.plural)),
        bytes: Box::pin(lines),
    })
}

async fn export_page(cx: &Cx, kind: &KindDef, query: Query) -> Result<(Bytes, Option<Query>)> {
    let records = cx.platform.store.list(&query).await?;
    let mut text = String::new();
    let mut last = None;
    for record in &records {
        let raw = Raw::from_record(kind, record)?;
        text.push_str(&raw.shown(kind).to_string());
        text.push('\n');
        last = Some((record, raw));
    }
    let next = match last {
        Some((record, raw)) if records.len() == query.limit as usize => {
            let terms: Vec<_> = write::terms(kind, &raw).into_iter().collect();
            let cell = sort_cell(record, &terms, &query.sort.place)?;
            Some(Query { after: Some((cell, record.uid.clone())), ..query })
        }
        _ => None,
    };
    Ok((Bytes::from(text), next))
}

/// Only the fields asked for; an empty mask is all.
pub fn masked(value: &Value, mask: &str) -> Value {
    if mask.trim().is_empty() {
        return value.clone();
    }
    let mut shown = json!({});
    for path in mask.split(',').map(str::trim).filter(|path| !path.is_empty()) {
        let parts: Vec<&str> = path.split('.').collect();
        let Some(found) = parts.iter().try_fold(value, |value, part| value.get(part)) else {
            continue;
        };
        let mut target = &mut shown;
        for part in &parts[..parts.len() - 1] {
            if !target[*part].is_object() {
                target[*part] = json!({});
            }
            target = &mut target[*part];
        }
        target[parts[parts.len() - 1]] = found.clone();
    }
    shown
}

/// Whether a caller was asked for history in pages.
fn limit_of(params: &BTreeMap<String, String>) -> Result<u32> {
    match param(params, "limit") {
        "" => Ok(PAGE_DEFAULT),
        text => text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
            Error::bad_request("bad-limit", format!("`limit` is a number from 1 to {PAGE_MAX}")).at("limit")
        }),
    }
}

/// The changes of one object, newest first.
pub async fn history(cx: &Cx, kind: &KindDef, it: &Raw, params: &BTreeMap<String, String>) -> Result<Value> {
    let limit = limit_of(params)?;
    let before = match param(params, "pageToken") {
        "" => None,
        text => Some(text.parse().map_err(|_| bad_position("pageToken"))?),
    };
    let uid = Some(it.metadata.uid.clone());
    let query = ChangeQuery { uid, before, limit: limit + 1, ..ChangeQuery::default() };
    let mut changes = cx.platform.store.history(&query).await?;
    let more = changes.len() > limit as usize;
    // The entry before the oldest shown tells what the oldest changed.
    let older = changes.clone();
    changes.truncate(limit as usize);
    let mut items = Vec::new();
    for (i, change) in changes.iter().enumerate() {
        items.push(entry(kind, change, older.get(i + 1))?);
    }
    let mut metadata = Map::new();
    if let (true, Some(last)) = (more, changes.last()) {
        metadata.insert("nextPageToken".to_owned(), last.position.to_string().into());
    }
    Ok(json!({"kind": "ChangeList", "metadata": metadata, "items": items}))
}

/// One change as a caller sees it, with what it changed as JSON patches (RFC 6902) both ways.
pub fn entry(kind: &KindDef, change: &Change, before: Option<&Change>) -> Result<Value> {
    if change.is_emptied() || before.is_some_and(Change::is_emptied) {
        return Ok(brief(change));
    }
    let after = shown_at(kind, change)?;
    let earlier = before.map(|before| shown_at(kind, before)).transpose()?.unwrap_or_else(|| json!({}));
    let mut value = brief(change);
    value["patch"] = serde_json::to_value(::patch::between(&earlier, &after)).map_err(Error::internal)?;
    value["undo"] = serde_json::to_value(::patch::between(&after, &earlier)).map_err(Error::internal)?;
    Ok(value)
}

/// A change without what it changed.
pub fn brief(change: &Change) -> Value {
    json!({
        "position": change.position,
        "time": change.time,
        "actor": change.actor,
        "verb": change.verb,
        "kind": change.kind,
        "uid": change.uid,
        "name": change.name,
        "project": change.project,
        "trace": change.trace,
        "deleted": change.deleted,
        "emptied": change.is_emptied(),
        "hash": change.hash,
    })
}

/// The object as it was after a change.
pub fn raw_at(kind: &KindDef, change: &Change) -> Result<Raw> {
    if change.is_emptied() {
        return Err(Error::new(
            base::Status::Gone,
            "version-emptied",
            "what the object was then is not kept any more",
        )
        .hint("the organization's audit policy says for how long it is kept"));
    }
    Raw::from_record(
        kind,
        &Record {
            org: change.org.clone(),
            kind: change.kind.clone(),
            project: change.project.clone(),
            name: change.name.clone(),
            uid: change.uid.clone(),
            version: change.position,
            generation: 0,
            created: change.time,
            deleted: change.deleted.then_some(change.time),
            body: change.body.clone(),
        },
    )
}

fn shown_at(kind: &KindDef, change: &Change) -> Result<Value> {
    let mut shown = raw_at(kind, change)?.shown(kind);
    if let Some(metadata) = shown["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
        metadata.remove("managedFields");
    }
    Ok(shown)
}

/// How many objects are read at once.
const BATCH: u32 = 1_000;

impl Platform {
    /// Every living object of a kind, of all organizations: for what the platform itself does for each.
    pub async fn everywhere<K: Kind>(&self) -> Result<Vec<Object<K>>> {
        let kind = self.kind_of::<K>()?;
        let (mut found, mut next) = (Vec::new(), Some(None));
        while let Some(after) = next {
            let records = self.living(&kind, after).await?;
            for record in &records {
                found.push(Raw::from_record(&kind, record)?.typed()?);
            }
            next = behind(&records).map(Some);
        }
        Ok(found)
    }

    /// A page of the living objects of a kind, of all organizations, after one; [`behind`] tells where the next begins.
    pub async fn living(&self, kind: &KindDef, after: Option<Uid>) -> Result<Vec<Record>> {
        let query = Query {
            org: None,
            kind: kind.id(),
            projects: Projects::All,
            deleted: false,
            filter: None,
            sort: Sort { place: Place::Uid, descending: false },
            after: after.map(|uid| (Cell::Null, uid)),
            limit: BATCH,
        };
        self.store.list(&query).await
    }
}

/// Where the page behind one of [`Platform::living`] begins; none behind the last.
pub fn behind(page: &[Record]) -> Option<Uid> {
    page.last().filter(|_| page.len() == BATCH as usize).map(|last| last.uid.clone())
}

/// The entry of an object's history at a position.
pub async fn change_at(cx: &Cx, it: &Raw, position: u64) -> Result<Change> {
    let query = ChangeQuery {
        uid: Some(it.metadata.uid.clone()),
        before: Some(position.saturating_add(1)),
        limit: 1,
        ..ChangeQuery::default()
    };
    let found = cx.platform.store.history(&query).await?;
    found.into_iter().find(|change| change.position == position).ok_or_else(|| {
        Error::not_found("no-such-version", format!("the object was never at version {position}"))
            .hint("`history` lists its versions")
    })
}

/// What changed between two versions of an object.
pub async fn diff(cx: &Cx, kind: &KindDef, it: &Raw, params: &BTreeMap<String, String>) -> Result<Value> {
    let to = match param(params, "to") {
        "" => it.metadata.version,
        text => text.parse().map_err(|_| bad_position("to"))?,
    };
    let from = match param(params, "from") {
        "" => previous(cx, it, to).await?,
        text => text.parse().map_err(|_| bad_position("from"))?,
    };
    let before = shown_at(kind, &change_at(cx, it, from).await?)?;
    let after = shown_at(kind, &change_at(cx, it, to).await?)?;
    let patch = ::patch::between(&before, &after);
    Ok(json!({"from": from, "to": to, "patch": patch, "before": before, "after": after}))
}

async fn previous(cx: &Cx, it: &Raw, position: u64) -> Result<u64> {
    let uid = Some(it.metadata.uid.clone());
    let query = ChangeQuery { uid, before: Some(position), limit: 1, ..ChangeQuery::default() };
    Ok(cx.platform.store.history(&query).await?.first().map_or(position, |change| change.position))
}

pub(crate) fn bad_position(name: &str) -> Error {
    Error::bad_request("bad-version", format!("`{name}` is a version, as in `metadata.resourceVersion`"))
        .at(name)
}
