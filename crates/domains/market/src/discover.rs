//! Discovering what a project has: what is new, what is used, what goes with what the caller works on.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    declare::Body,
    dispatch::{Answer, Call, Verb, call},
    prelude::*,
    store::ChangeQuery,
};

/// What is served of discovering.
pub fn serve(kind: KindBuilder<Discover>) -> KindBuilder<Discover> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "How many things of each kind the project has.", overview)
        .needs("list")
        .view_of_all("recent", "What was made last.", recent)
        .needs("list")
        .view_of_all("popular", "What is used most.", popular)
        .needs("list")
        .view_of_all("trending", "What is used more than before.", trending)
        .needs("list")
        .view_of_all("recommended", "What others use of the kinds the caller works with.", recommended)
        .needs("list")
}

/// What can be discovered.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "discover", plural = "discover", prefix = "dsc")]
pub struct Discover {
    /// The object.
    pub object: Option<String>,
}

/// The kinds people look for.
const KINDS: [&str; 5] =
    ["catalog.models", "catalog.datasets", "catalog.experiments", "catalog.endpoints", "catalog.pipelines"];
/// Of them those whose use is counted: each has a view `usage`.
const COUNTED: [&str; 3] = ["catalog.models", "catalog.datasets", "catalog.endpoints"];

/// How far back, and how many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Lately {
    /// How many days.
    #[field(min = 1, max = 45, default = 30)]
    days: u32,
    /// How many at most.
    #[field(min = 1, max = 200, default = 20)]
    limit: u32,
}

/// The kinds that are served here and that the caller may list.
async fn seen(cx: &Cx, kinds: &[&'static str]) -> Result<Vec<&'static str>> {
    let mut seen = Vec::new();
    for kind in kinds {
        if cx.platform().kind(kind).is_ok() && cx.decide(&format!("{kind}.list"), &cx.project).await?.allowed
        {
            seen.push(*kind);
        }
    }
    Ok(seen)
}

fn item(raw: &Raw) -> Value {
    json!({
        "kind": raw.kind,
        "name": raw.metadata.name,
        "uid": raw.metadata.uid,
        "description": raw.spec.get("description"),
        "created": raw.metadata.creation_timestamp,
    })
}

async fn overview(cx: Cx, _: Nothing) -> Result<Value> {
    let mut items = Vec::new();
    for kind in seen(&cx, &KINDS).await? {
        items.push(json!({"kind": kind, "count": cx.list_raw(kind, "", 1000).await?.len()}));
    }
    Ok(json!({"items": items}))
}

async fn recent(cx: Cx, ask: Lately) -> Result<Value> {
    let since = cx.now().plus_s(-86_400 * i64::from(ask.days));
    let mut found = Vec::new();
    for kind in seen(&cx, &KINDS).await? {
        found.extend(cx.list_raw(kind, "", 1000).await?);
    }
    found.retain(|raw| raw.metadata.creation_timestamp >= since);
    found.sort_by_key(|raw| std::cmp::Reverse((raw.metadata.creation_timestamp, raw.metadata.version)));
    let items: Vec<Value> = found.iter().take(ask.limit as usize).map(item).collect();
    Ok(json!({"items": items}))
}

/// What was counted of an object in the last days: rows predicted, samples and downloads taken, calls answered.
async fn used(cx: &Cx, raw: &Raw, days: u32) -> Result<f64> {
    let asked = Call {
        kind: cx.platform().kind(&raw.kind)?,
        verb: Verb::View("usage".to_owned()),
        id: Some(raw.metadata.name.clone()),
        parent: None,
        params: BTreeMap::from([("days".to_owned(), days.to_string())]),
        body: Body::Empty,
        if_match: None,
    };
    let told = match call(cx.clone(), asked).await {
        Ok(Answer::Value(told)) => told,
        Ok(_) => return Err(Error::internal("a view of counts answers JSON")),
        // Whoever may list but not read, or was too late, sees no use.
        Err(error) if matches!(error.code(), "not-found" | "forbidden") => return Ok(0.0),
        Err(error) => return Err(error),
    };
    let sum = |counts: &Value| {
        counts.as_object().into_iter().flatten().filter_map(|(_, it)| it.as_f64()).sum::<f64>()
    };
    Ok(sum(&told["counts"]) + sum(&told["reads"]) + told["calls"].as_f64().unwrap_or(0.0))
}

async fn all(cx: &Cx, kinds: &[&'static str]) -> Result<Vec<Raw>> {
    let mut found = Vec::new();
    for kind in seen(cx, kinds).await? {
        found.extend(cx.list_raw(kind, "", 1000).await?);
    }
    Ok(found)
}

fn told(mut found: Vec<(f64, f64, Raw)>, limit: u32) -> Value {
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let items: Vec<Value> = found
        .iter()
        .take(limit as usize)
        .map(|(score, uses, raw)| {
            let mut item = item(raw);
            item["used"] = json!(uses);
            item["score"] = json!(score);
            item
        })
        .collect();
    json!({"items": items})
}

async fn popular(cx: Cx, ask: Lately) -> Result<Value> {
    let mut found = Vec::new();
    for raw in all(&cx, &COUNTED).await? {
        let uses = used(&cx, &raw, ask.days).await?;
        if uses > 0.0 {
            found.push((uses, uses, raw));
        }
    }
    Ok(told(found, ask.limit))
}

async fn trending(cx: Cx, ask: Lately) -> Result<Value> {
    let mut found = Vec::new();
    for raw in all(&cx, &COUNTED).await? {
        let lately = used(&cx, &raw, ask.days).await?;
        if lately > 0.0 {
            let before = used(&cx, &raw, 2 * ask.days).await? - lately;
            found.push((lately - before, lately, raw));
        }
    }
    Ok(told(found, ask.limit))
}

/// What is used of the kinds the caller lately changed something of, without what they changed themselves.
async fn recommended(cx: Cx, ask: Lately) -> Result<Value> {
    let query = ChangeQuery {
        org: Some(cx.org.to_string()),
        project: Some(cx.project.to_string()),
        actor: Some(cx.principal.signature()),
        since: Some(cx.now().plus_s(-86_400 * i64::from(ask.days))),
        limit: 1000,
        ..ChangeQuery::default()
    };
    let changes = cx.platform().store.history(&query).await?;
    let own: BTreeSet<&Uid> = changes.iter().map(|change| &change.uid).collect();
    let kinds: BTreeSet<&str> = changes.iter().map(|change| change.kind.as_str()).collect();
    let mut found = Vec::new();
    for raw in all(&cx, &COUNTED).await? {
        if own.contains(&raw.metadata.uid) {
            continue;
        }
        let uses = used(&cx, &raw, ask.days).await?;
        if uses > 0.0 {
            let familiar = if kinds.contains(raw.kind.as_str()) { 1000.0 } else { 0.0 };
            found.push((familiar + (1.0 + uses).log10(), uses, raw));
        }
    }
    Ok(told(found, ask.limit))
}
