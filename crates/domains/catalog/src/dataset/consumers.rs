//! Who uses a dataset: found in the graph of references, the journal and the counts of use.

use std::collections::BTreeMap;

use kernel::{
    lineage::{self, Direction},
    prelude::*,
    store::ChangeQuery,
};
use usage::Window;

use super::Dataset;
use crate::dataset_version::Version;

/// Kinds that are part of a dataset and no use of it.
const PARTS: [&str; 4] =
    ["catalog.datasets", "catalog.dataset-versions", "catalog.quality-rules", "catalog.quality-checks"];

async fn below(cx: &Cx, it: &Object<Dataset>) -> Result<Value> {
    let kind = cx.platform().kind("catalog.datasets")?;
    let raw = cx.read("catalog.datasets", it.name()).await?;
    lineage::of(cx, &kind, raw, Direction::Downstream).await
}

fn nodes(graph: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    graph["nodes"].as_array().into_iter().flatten().map(|node| {
        let text = |name: &str| node[name].as_str().unwrap_or_default();
        (text("kind"), text("name"), node)
    })
}

/// What was made with the dataset.
pub async fn consumers(cx: Cx, it: Object<Dataset>, _: Nothing) -> Result<Value> {
    let graph = below(&cx, &it).await?;
    let items: Vec<Value> = nodes(&graph)
        .filter(|(kind, _, _)| !PARTS.contains(kind))
        .map(|(kind, name, node)| {
            json!({"kind": kind, "name": name, "uid": node["uid"], "created": node["created"]})
        })
        .collect();
    Ok(json!({"items": items, "truncated": graph["truncated"]}))
}

/// The versions of other datasets that were made from it.
pub async fn derived(cx: Cx, it: Object<Dataset>, _: Nothing) -> Result<Value> {
    let graph = below(&cx, &it).await?;
    let mut items = Vec::new();
    for (kind, name, _) in nodes(&graph) {
        if kind != "catalog.dataset-versions" {
            continue;
        }
        let Some(version) = cx.get_opt::<Version>(name).await? else { continue };
        if version.spec.derived_from.is_some() {
            items.push(json!({
                "dataset": version.spec.dataset,
                "version": name,
                "from": version.spec.derived_from,
                "recipe": version.spec.recipe,
                "run": version.spec.work,
                "rows": version.status.rows,
                "digest": version.spec.blob,
                "created": version.metadata.creation_timestamp,
            }));
        }
    }
    Ok(json!({"items": items, "truncated": graph["truncated"]}))
}

/// How often it was read, changed and learned from.
pub async fn usage(cx: Cx, it: Object<Dataset>, ask: Window) -> Result<Value> {
    let query = ChangeQuery {
        org: Some(cx.org.to_string()),
        uid: Some(it.metadata.uid.clone()),
        since: Some(cx.now().plus_s(-86_400 * i64::from(ask.days))),
        limit: 1000,
        ..ChangeQuery::default()
    };
    let mut by_actor = BTreeMap::<String, u64>::new();
    for change in cx.platform().store.history(&query).await? {
        *by_actor.entry(change.actor).or_default() += 1;
    }
    let graph = below(&cx, &it).await?;
    let mut by_kind = BTreeMap::<&str, u64>::new();
    for (kind, _, _) in nodes(&graph).filter(|(kind, _, _)| *kind != "catalog.datasets") {
        *by_kind.entry(kind).or_default() += 1;
    }
    Ok(json!({
        "days": ask.days,
        "reads": usage::since(&cx, &it.metadata.uid, ask.days).await?,
        "changesBy": by_actor,
        "made": by_kind,
        "truncated": graph["truncated"],
    }))
}
