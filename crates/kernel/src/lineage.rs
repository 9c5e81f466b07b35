//! Lineage: the graph of references between objects, walked both ways. Nobody draws it; it is what the specs say.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use base::{Error, Result, Uid};
use kernel_derive::Fields;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    cx::{Cx, not_found},
    declare::KindDef,
    index::Cell,
    object::{self, Raw},
    predicate::{Op, Place, Predicate},
    store::{Projects, Query, Sort},
};

/// Which way to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To what it came from.
    Upstream,
    /// To what came of it.
    Downstream,
    /// Both.
    Both,
}

/// The most objects one graph shows; `truncated` says when there are more.
const NODES_MAX: usize = 500;

struct Graph {
    nodes: Vec<Value>,
    edges: BTreeSet<(String, String, String)>,
    seen: BTreeSet<Uid>,
    truncated: bool,
}

/// The graph around an object of any kind, by uid.
pub async fn of_uid(cx: &Cx, uid: &str, direction: Direction) -> Result<Value> {
    let record = cx.platform.store.by_uid(&Uid::known(uid)).await?;
    let found = record.filter(|record| *record.org == *cx.org);
    let Some(record) = found else {
        return Err(Error::not_found("not-found", "there is no such object here").at("id"));
    };
    let kind = cx.platform.kind(&record.kind)?;
    let cx = cx.in_project(&record.project);
    if !cx.decide(&kind.permission("get"), &record.project).await?.allowed {
        return Err(not_found(&kind, uid));
    }
    of(&cx, &kind, Raw::from_record(&kind, &record)?, direction).await
}

/// The graph around an object.
pub async fn of(cx: &Cx, kind: &Arc<KindDef>, it: Raw, direction: Direction) -> Result<Value> {
    let mut graph =
        Graph { nodes: Vec::new(), edges: BTreeSet::new(), seen: BTreeSet::new(), truncated: false };
    let start = it.metadata.uid.clone();
    if direction != Direction::Downstream {
        walk(cx, &mut graph, (Arc::clone(kind), it.clone()), true).await?;
    }
    graph.seen.remove(&start);
    if direction != Direction::Upstream {
        walk(cx, &mut graph, (Arc::clone(kind), it), false).await?;
    }
    let edges: Vec<Value> =
        graph.edges.iter().map(|(from, to, field)| json!({"from": from, "to": to, "field": field})).collect();
    Ok(json!({"root": start, "nodes": graph.nodes, "edges": edges, "truncated": graph.truncated}))
}

async fn walk(cx: &Cx, graph: &mut Graph, start: (Arc<KindDef>, Raw), up: bool) -> Result<()> {
    let mut queue = VecDeque::from([start]);
    while let Some((kind, it)) = queue.pop_front() {
        if !graph.seen.insert(it.metadata.uid.clone()) {
            continue;
        }
        if graph.nodes.len() >= NODES_MAX {
            graph.truncated = true;
            return Ok(());
        }
        let uid = it.metadata.uid.to_string();
        if !graph.nodes.iter().any(|node| node["uid"] == uid) {
            graph.nodes.push(node(&kind, &it));
        }
        let next = if up { parents(cx, &kind, &it).await? } else { children(cx, &kind, &it).await? };
        for (field, kind, other) in next {
            let other_uid = other.metadata.uid.to_string();
            let edge = if up { (uid.clone(), other_uid, field) } else { (other_uid, uid.clone(), field) };
            graph.edges.insert(edge);
            queue.push_back((kind, other));
        }
    }
    Ok(())
}

/// An object as the graph shows it, with the blobs it names.
fn node(kind: &KindDef, it: &Raw) -> Value {
    let blobs: serde_json::Map<String, Value> = kind
        .fields
        .iter()
        .filter(|field| field.shape == crate::kind::Shape::Digest && !field.write_only)
        .filter_map(|field| Some((field.name.to_owned(), it.spec.get(field.name)?.clone())))
        .collect();
    json!({
        "kind": kind.id(),
        "name": it.metadata.name,
        "uid": it.metadata.uid,
        "project": it.metadata.namespace,
        "position": it.metadata.version,
        "created": it.metadata.creation_timestamp,
        "blobs": blobs,
    })
}

type Step = (String, Arc<KindDef>, Raw);

/// What an object's references name, as far as the caller may see it.
async fn parents(cx: &Cx, kind: &KindDef, it: &Raw) -> Result<Vec<Step>> {
    let mut found = Vec::new();
    for field in kind.fields {
        let Some(target) = field.reference else { continue };
        let named = match it.spec.get(field.name) {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            other => Vec::from_iter(other.and_then(Value::as_str)),
        };
        let target = cx.platform.kind(target)?;
        if named.is_empty() || !cx.decide(&target.permission("get"), &cx.project).await?.allowed {
            continue;
        }
        for name in named {
            if let Some(other) = cx.find_opt(&target, name).await? {
                found.push((field.name.to_owned(), Arc::clone(&target), other));
            }
        }
    }
    Ok(found)
}

/// What references an object, as far as the caller may see it.
async fn children(cx: &Cx, kind: &KindDef, it: &Raw) -> Result<Vec<Step>> {
    let mut found = Vec::new();
    for other in cx.platform.kinds() {
        for field in other.fields.iter().filter(|field| field.reference == Some(&*kind.id()) && field.indexed)
        {
            if !cx.decide(&other.permission("get"), &cx.project).await?.allowed {
                continue;
            }
            let query = Query {
                org: Some(cx.org_of(other.scope)),
                kind: other.id(),
                projects: Projects::These(vec![object::home(other.scope, &cx.project)]),
                deleted: false,
                filter: Some(Predicate::Compare {
                    place: Place::Term(format!("spec.{}", field.name)),
                    op: Op::Equal,
                    cell: Cell::Text(it.metadata.name.clone()),
                }),
                sort: Sort { place: Place::Uid, descending: false },
                after: None,
                limit: NODES_MAX as u32,
            };
            for record in cx.platform.store.list(&query).await? {
                found.push((field.name.to_owned(), Arc::clone(other), Raw::from_record(other, &record)?));
            }
        }
    }
    Ok(found)
}
