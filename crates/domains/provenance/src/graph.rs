//! The graph around an object: what its spec names, what names it, and both further on.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    lineage::{self, Direction},
    prelude::*,
    store::ChangeQuery,
};

/// Of what, and which way.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ask {
    /// The object's uid.
    #[field(max = 100)]
    id: String,
    /// Which way.
    #[field(default = "both")]
    direction: Direction,
}

/// Of what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Of {
    /// The object's uid.
    #[field(max = 100)]
    id: String,
}

/// What an object came from and what came of it.
pub async fn both(cx: Cx, ask: Ask) -> Result<Value> {
    lineage::of_uid(&cx, &ask.id, ask.direction).await
}

/// One way only.
pub async fn walked(cx: Cx, ask: Of, direction: Direction) -> Result<Value> {
    lineage::of_uid(&cx, &ask.id, direction).await
}

/// What is touched when an object is withdrawn: everything that came of it, by kind, each with the way to it.
pub async fn impact(cx: Cx, ask: Of) -> Result<Value> {
    let graph = lineage::of_uid(&cx, &ask.id, Direction::Downstream).await?;
    let root = graph["root"].as_str().unwrap_or_default().to_owned();
    let ways = ways(&graph, &root);
    let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for node in graph["nodes"].as_array().into_iter().flatten() {
        let uid = node["uid"].as_str().unwrap_or_default();
        if uid != root {
            let kind = node["kind"].as_str().unwrap_or_default().to_owned();
            kinds
                .entry(kind)
                .or_default()
                .push(json!({"name": node["name"], "uid": uid, "via": ways.get(uid)}));
        }
    }
    let counts: BTreeMap<&String, usize> = kinds.iter().map(|(kind, all)| (kind, all.len())).collect();
    Ok(json!({"root": root, "counts": counts, "affected": kinds, "truncated": graph["truncated"]}))
}

/// The shortest way from the root to each node, by uids, both ends left out.
fn ways(graph: &Value, root: &str) -> BTreeMap<String, Vec<String>> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for edge in graph["edges"].as_array().into_iter().flatten() {
        if let (Some(from), Some(to)) = (edge["from"].as_str(), edge["to"].as_str()) {
            edges.entry(to).or_default().insert(from);
        }
    }
    let mut ways = BTreeMap::from([(root.to_owned(), Vec::new())]);
    let mut queue = std::collections::VecDeque::from([root]);
    while let Some(at) = queue.pop_front() {
        let mut way = ways.get(at).cloned().unwrap_or_default();
        if at != root {
            way.push(at.to_owned());
        }
        for next in edges.get(at).into_iter().flatten() {
            if !ways.contains_key(*next) {
                ways.insert((*next).to_owned(), way.clone());
                queue.push_back(next);
            }
        }
    }
    ways
}

/// Where one object came from: who made it, when, in which trace, from what, with which digests.
pub async fn origin(cx: Cx, ask: Of) -> Result<Value> {
    let graph = lineage::of_uid(&cx, &ask.id, Direction::Upstream).await?;
    let root = graph["root"].clone();
    let nodes = graph["nodes"].as_array().cloned().unwrap_or_default();
    let node = |uid: &Value| nodes.iter().find(|node| node["uid"] == *uid).cloned();
    let from: Vec<Value> = graph["edges"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|edge| edge["from"] == root)
        .filter_map(|edge| Some(json!({"as": edge["field"], "object": node(&edge["to"])?})))
        .collect();
    // The journal is read backwards, so the first entry is the last of the last page.
    let (mut first, mut last, mut before) = (None, None, None);
    loop {
        let query =
            ChangeQuery { uid: Some(Uid::known(&ask.id)), before, limit: 500, ..ChangeQuery::default() };
        let page = cx.platform().store.history(&query).await?;
        last = last.or_else(|| page.first().cloned());
        let Some(oldest) = page.last().cloned() else { break };
        before = Some(oldest.position);
        first = Some(oldest);
        if page.len() < 500 {
            break;
        }
    }
    let said = |change: Option<kernel::journal::Change>| change.as_ref().map(kernel::read::brief);
    Ok(json!({"object": node(&root), "made": said(first), "changed": said(last), "from": from}))
}
