//! What was done: changes of the journal, as far as the caller may see the objects they are about.

use std::{collections::BTreeMap, sync::Arc};

use kernel::{
    declare::KindDef, journal::Change, kind::Shape, lifecycle, prelude::*, read, store::ChangeQuery,
};

use crate::told::{self, READ_MAX, Told};

/// Which changes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Which {
    /// Only of these kinds, as `catalog.models`.
    #[field(max = 50)]
    #[serde(default)]
    kinds: Vec<String>,
    /// Only these verbs, as `create` or `promote`.
    #[field(max = 50)]
    #[serde(default)]
    verbs: Vec<String>,
    /// Only by these actors, as `user:ada`.
    #[field(max = 50)]
    #[serde(default)]
    actors: Vec<String>,
    /// Only from then on.
    since: Option<Time>,
    /// Only before.
    until: Option<Time>,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 50)]
    limit: u32,
    /// Where to go on: `metadata.nextPageToken` of the page before.
    #[field(max = 30)]
    page_token: Option<String>,
}

fn before(token: Option<&str>) -> Result<Option<u64>> {
    match token {
        None | Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            Error::bad_request("bad-page-token", "this is no token of a page of changes").at("pageToken")
        }),
    }
}

fn shown(page: &told::Page) -> Value {
    let items: Vec<Value> = page.changes.iter().map(read::brief).collect();
    let mut metadata = json!({});
    if let Some(next) = page.next {
        metadata["nextPageToken"] = next.to_string().into();
    }
    json!({"metadata": metadata, "items": items})
}

/// What was done, newest first.
pub async fn list(cx: Cx, ask: Which) -> Result<Value> {
    let query = ChangeQuery {
        since: ask.since,
        until: ask.until,
        before: before(ask.page_token.as_deref())?,
        limit: ask.limit,
        ..ChangeQuery::default()
    };
    let among = |wanted: &[String], it: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == it);
    let fits = |change: &Change| {
        among(&ask.kinds, &change.kind)
            && among(&ask.verbs, &change.verb)
            && among(&ask.actors, &change.actor)
    };
    Ok(shown(&told::read(&cx, query, fits).await?))
}

/// A word, and how many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Words {
    /// A part of the name, the actor or the verb.
    #[field(min = 1, max = 100, example = "churn")]
    query: String,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 50)]
    limit: u32,
}

/// What was done to objects with a word in their names, by actors or with verbs that have it.
pub async fn search(cx: Cx, ask: Words) -> Result<Value> {
    let wanted = ask.query.to_lowercase();
    let query = ChangeQuery { limit: ask.limit, ..ChangeQuery::default() };
    let fits = |change: &Change| {
        [&change.name, &change.actor, &change.verb].iter().any(|text| text.to_lowercase().contains(&wanted))
    };
    Ok(shown(&told::read(&cx, query, fits).await?))
}

/// An identifier, and how many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Of {
    /// The uid of an object, the digest of a blob, or an actor.
    #[field(max = 300)]
    id: String,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 50)]
    limit: u32,
}

/// What was done to one object; or which objects are made of a blob.
pub async fn of_artifact(cx: Cx, ask: Of) -> Result<Value> {
    if let Ok(digest) = ask.id.parse::<Digest>() {
        return Ok(json!({"digest": digest, "items": made_of(&cx, digest, ask.limit).await?}));
    }
    let query = ChangeQuery { uid: Some(Uid::known(&ask.id)), limit: ask.limit, ..ChangeQuery::default() };
    let page = told::read(&cx, query, |_| true).await?;
    if page.changes.is_empty() {
        return Err(Error::not_found("not-found", "there is no such object here").at("id"));
    }
    Ok(shown(&page))
}

/// The objects that name a blob, of the kinds the caller may list.
async fn made_of(cx: &Cx, digest: Digest, limit: u32) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for kind in cx.platform().kinds() {
        for field in kind.fields.iter().filter(|it| it.shape == Shape::Digest && it.indexed && !it.write_only)
        {
            if !cx.decide(&kind.permission("list"), &cx.project).await?.allowed {
                continue;
            }
            for it in cx.list_raw(&kind.id(), &format!("spec.{} = \"{digest}\"", field.name), limit).await? {
                found.push(json!({"kind": kind.id(), "name": it.metadata.name, "uid": it.metadata.uid, "field": field.name}));
            }
        }
    }
    found.truncate(limit as usize);
    Ok(found)
}

/// What one actor did.
pub async fn of_user(cx: Cx, ask: Of) -> Result<Value> {
    let actor = if ask.id.contains(':') { ask.id } else { format!("user:{}", ask.id) };
    let query = ChangeQuery { actor: Some(actor), limit: ask.limit, ..ChangeQuery::default() };
    Ok(shown(&told::read(&cx, query, |_| true).await?))
}

/// The position of a change.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct At {
    /// Its position in the journal.
    #[field(min = 1)]
    id: u64,
}

/// A change the caller may see, its kind, and the one before it of the same object.
async fn found(cx: &Cx, position: u64) -> Result<(Arc<KindDef>, Change, Option<Change>)> {
    let missing = || Error::not_found("not-found", "there is no such change here").at("id");
    let change =
        cx.platform().store.changes(position - 1, 1).await?.pop().filter(|it| it.position == position);
    let change =
        change.filter(|it| *it.org == *cx.org && (it.project.is_empty() || *it.project == *cx.project));
    let change = change.ok_or_else(missing)?;
    if !Told::to(cx).may(&change).await? {
        return Err(missing());
    }
    let query = ChangeQuery {
        uid: Some(change.uid.clone()),
        before: Some(position),
        limit: 1,
        ..ChangeQuery::default()
    };
    let earlier = cx.platform().store.history(&query).await?.pop();
    Ok((cx.platform().kind(&change.kind)?, change, earlier))
}

/// One change, with what it changed as JSON patches (RFC 6902) both ways.
pub async fn one(cx: Cx, ask: At) -> Result<Value> {
    let (kind, change, earlier) = found(&cx, ask.id).await?;
    read::entry(&kind, &change, earlier.as_ref())
}

/// The object before and after a change, and the difference.
pub async fn diff(cx: Cx, ask: At) -> Result<Value> {
    let (kind, change, earlier) = found(&cx, ask.id).await?;
    let entry = read::entry(&kind, &change, earlier.as_ref())?;
    let before = earlier.map(|it| read::raw_at(&kind, &it)).transpose()?.map(|raw| raw.shown(&kind));
    let after = read::raw_at(&kind, &change)?.shown(&kind);
    Ok(
        json!({"position": ask.id, "before": before, "after": after, "patch": entry["patch"], "undo": entry["undo"]}),
    )
}

/// Writes the object of a change back to what it was then; one in the trash comes back first.
pub async fn restore(cx: Cx, ask: At) -> Result<Value> {
    let (kind, change, _) = found(&cx, ask.id).await?;
    let cx = cx.in_project(&change.project);
    for verb in ["update", "restore"] {
        let decision = cx.decide_on(&kind.permission(verb), (&change.project, &change.name)).await?;
        if !decision.allowed {
            return Err(kernel::access::denied(&kind.permission(verb)));
        }
    }
    let it = match cx.read(&kind.id(), change.uid.as_str()).await {
        Ok(it) => it,
        Err(error) if error.code() == "not-found" => {
            lifecycle::restore(&cx, &kind, change.uid.as_str()).await?
        }
        Err(error) => return Err(error),
    };
    let restored = lifecycle::rollback(&cx, &kind, it, &json!({"to": change.position})).await?;
    Ok(restored.shown(&kind))
}

/// Which facet.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Facet {
    /// `types`, `actions`, `users` or `timerange`.
    facet: Sort,
}

/// A facet of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// Their kinds.
    Types,
    /// Their verbs.
    Actions,
    /// Their actors.
    Users,
    /// From when to when.
    Timerange,
}

/// The kinds, verbs or actors of the last changes, with counts; or from when to when they are.
pub async fn facet(cx: Cx, ask: Facet) -> Result<Value> {
    let query = ChangeQuery { limit: READ_MAX as u32, ..ChangeQuery::default() };
    let page = told::read(&cx, query, |_| true).await?;
    let count = |of: fn(&Change) -> &str| {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for change in &page.changes {
            *counts.entry(of(change)).or_default() += 1;
        }
        counts.iter().map(|(value, count)| json!({"value": value, "count": count})).collect::<Vec<_>>()
    };
    let items = match ask.facet {
        Sort::Types => count(|it| &it.kind),
        Sort::Actions => count(|it| &it.verb),
        Sort::Users => count(|it| &it.actor),
        Sort::Timerange => {
            let (last, first) = (page.changes.first(), page.changes.last());
            return Ok(json!({
                "from": first.map(|it| it.time), "to": last.map(|it| it.time),
                "changes": page.changes.len(), "truncated": page.next.is_some(),
            }));
        }
    };
    Ok(json!({"items": items, "changes": page.changes.len(), "truncated": page.next.is_some()}))
}
