//! The facts of an object: everything recorded of it that a rule may ask for.

use std::collections::BTreeMap;

use kernel::{
    declare::Body,
    dispatch::{Answer, Call, Verb, call},
    prelude::*,
};

use crate::approval::Approval;

/// The kinds that are governed.
pub const KINDS: [&str; 5] = [
    "catalog.models",
    "catalog.model-versions",
    "catalog.datasets",
    "catalog.dataset-versions",
    "catalog.endpoints",
];

/// The facts of one object: `kind`, `name`, `project`, `labels`, `ageDays`, `createdBy`, `spec`, `status`,
/// `changes` (entries in the journal), `approvals` (who, without its maker) and `approvalCount`; of versions of models also `missing` (headings of the card without a fact),
/// `metrics` and `data`; of datasets `rules` and `quality`.
pub async fn of(cx: &Cx, raw: &Raw) -> Result<Value> {
    let age_s = cx.now().seconds_since(raw.metadata.creation_timestamp).max(0.0);
    let (maker, changes) = history(cx, raw).await?;
    let filter = format!("spec.uid = \"{}\"", raw.metadata.uid);
    let mut approvals = Vec::new();
    for approval in cx.list::<Approval>(&filter, 1000).await? {
        if approval.spec.who.as_deref() != Some(maker.as_str()) {
            approvals.extend(approval.spec.who);
        }
    }
    let mut facts = json!({
        "kind": raw.kind,
        "name": raw.metadata.name,
        "uid": raw.metadata.uid,
        "project": raw.metadata.namespace,
        "labels": raw.metadata.labels,
        "ageDays": (age_s / 86_400.0) as u64,
        "createdBy": maker,
        "approvalCount": approvals.len(),
        "approvals": approvals,
        "changes": changes,
        "spec": raw.spec,
        "status": raw.status,
    });
    match raw.kind.as_str() {
        "catalog.model-versions" => of_version(cx, raw, &mut facts).await?,
        "catalog.datasets" => facts["data"] = of_dataset(cx, &raw.metadata.name).await?,
        _ => {}
    }
    Ok(facts)
}

/// Who made it, and how many entries it has in the journal. Long histories are looked at from their end, so that
/// whoever made what was changed more than a thousand times is not told.
async fn history(cx: &Cx, raw: &Raw) -> Result<(String, usize)> {
    let query = kernel::store::ChangeQuery {
        uid: Some(raw.metadata.uid.clone()),
        limit: 1000,
        ..kernel::store::ChangeQuery::default()
    };
    let changes = cx.platform().store.history(&query).await?;
    let first = changes.last().filter(|_| changes.len() < 1000);
    Ok((first.map(|change| change.actor.clone()).unwrap_or_default(), changes.len()))
}

async fn of_version(cx: &Cx, raw: &Raw, facts: &mut Value) -> Result<()> {
    let card = view(cx, &raw.kind, &raw.metadata.name, "card").await?;
    facts["missing"] = card["missing"].clone();
    facts["card"] = card;
    facts["metrics"] = raw.spec.get("metrics").cloned().unwrap_or_else(|| json!({}));
    // `penguins.3` is a version of `penguins`.
    let data = raw.spec.get("datasetVersion").and_then(Value::as_str).and_then(|name| name.rsplit_once('.'));
    if let Some((dataset, _)) = data {
        match of_dataset(cx, dataset).await {
            Err(error) if error.code() == "not-found" => {}
            told => facts["data"] = told?,
        }
    }
    Ok(())
}

async fn of_dataset(cx: &Cx, name: &str) -> Result<Value> {
    let raw = cx.read("catalog.datasets", name).await?;
    let quality = view(cx, "catalog.datasets", name, "quality").await?;
    Ok(json!({
        "name": name,
        "license": raw.spec.get("license"),
        "description": raw.spec.get("description"),
        "archived": raw.spec.get("archived"),
        "contract": raw.spec.get("contract"),
        "rows": raw.status.get("rows"),
        "rules": quality["rules"].as_array().map_or(0, Vec::len),
        "quality": quality["last"]["passed"],
    }))
}

/// A view of an object, as JSON.
async fn view(cx: &Cx, kind: &str, name: &str, view: &str) -> Result<Value> {
    let asked = Call {
        kind: cx.platform().kind(kind)?,
        verb: Verb::View(view.to_owned()),
        id: Some(name.to_owned()),
        parent: None,
        params: BTreeMap::new(),
        body: Body::Empty,
        if_match: None,
    };
    match call(cx.clone(), asked).await? {
        Answer::Value(told) => Ok(told),
        _ => Err(Error::internal("a view of facts answers JSON")),
    }
}
