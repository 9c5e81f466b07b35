//! How objects go and come back: delete in three manners, restore, roll back.

use std::{collections::BTreeMap, sync::Arc};

use base::{Error, Result};
use serde_json::Value;

use crate::{
    cx::Cx,
    declare::{Body, KindDef},
    dispatch::{Call, Verb, call},
    index::Cell,
    object::Raw,
    predicate::{Op, Place, Predicate},
    question::param,
    read,
    store::{Commit, Expect, Projects, Query, Sort, Write},
    write,
};

/// What happens to the objects an object owns (Kubernetes' words).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They go first.
    Foreground,
    /// They go afterwards.
    Background,
    /// They stay.
    Orphan,
}

impl Propagation {
    /// Reads the parameter `propagationPolicy`.
    pub fn of(params: &BTreeMap<String, String>) -> Result<Self> {
        match param(params, "propagationPolicy") {
            "" | "Background" => Ok(Self::Background),
            "Foreground" => Ok(Self::Foreground),
            "Orphan" => Ok(Self::Orphan),
            _ => Err(Error::bad_request(
                "bad-propagation",
                "`propagationPolicy` is Foreground, Background or Orphan",
            )
            .at("propagationPolicy")),
        }
    }
}

impl Cx {
    /// Deletes an object and takes it out of the trash for good; answers whether it was still there.
    pub async fn purge(&self, it: &Raw) -> Result<bool> {
        let uid = &it.metadata.uid;
        if it.metadata.deletion_timestamp.is_none() {
            let delete = Call {
                kind: self.platform.kind(&it.kind)?,
                verb: Verb::Delete,
                id: Some(uid.to_string()),
                parent: None,
                params: BTreeMap::new(),
                body: Body::Empty,
                if_match: None,
            };
            call(self.clone(), delete).await?;
        }
        // What went with its owner has gone already.
        let Some(record) = self.platform.store.by_uid(uid).await? else { return Ok(false) };
        let purge = Write {
            expect: Expect::Version(record.version),
            record,
            terms_in: Vec::new(),
            terms_out: Vec::new(),
            verb: crate::journal::PURGE.to_owned(),
            actor: self.principal.signature(),
            trace: self.trace.to_string(),
            time: self.now(),
            purge: true,
        };
        self.platform.store.commit(Commit { writes: vec![purge], ..Commit::default() }).await?;
        Ok(true)
    }
}

/// Puts an object in the trash; one with finalizers only begins to go.
pub async fn delete(cx: &Cx, kind: &Arc<KindDef>, old: Raw, propagation: Propagation) -> Result<Raw> {
    for leave in &kind.leaves {
        leave(cx.clone(), old.clone()).await?;
    }
    if propagation == Propagation::Foreground {
        children(cx, &old, propagation).await?;
    }
    let gone = if old.metadata.deletion_timestamp.is_some() {
        // Its finalizers are being waited for.
        old.clone()
    } else {
        let mut new = old.clone();
        new.metadata.deletion_timestamp = Some(cx.now());
        let cx = cx.doing("delete");
        if !cx.dry_run {
            let prepared = write::prepare(&cx, kind, Some(&old), &new, false);
            new.metadata.version = write::commit(&cx, kind, prepared, &new).await?;
        }
        new
    };
    if propagation == Propagation::Background {
        children(cx, &gone, propagation).await?;
    }
    Ok(gone)
}

/// Deletes what an object owns, kind by kind.
async fn children(cx: &Cx, owner: &Raw, propagation: Propagation) -> Result<()> {
    for kind in cx.platform.kinds() {
        loop {
            let query = Query {
                org: Some(cx.org_of(kind.scope)),
                kind: kind.id(),
                projects: Projects::All,
                deleted: false,
                filter: Some(Predicate::Compare {
                    place: Place::Term("owner".to_owned()),
                    op: Op::Equal,
                    cell: Cell::Text(owner.metadata.uid.to_string()),
                }),
                sort: Sort { place: Place::Uid, descending: false },
                after: None,
                limit: 100,
            };
            let owned = cx.platform.store.list(&query).await?;
            let mut gone = 0;
            for record in &owned {
                let child = Raw::from_record(kind, record)?;
                if child.metadata.deletion_timestamp.is_none() && !cx.dry_run {
                    Box::pin(delete(cx, kind, child, propagation)).await?;
                    gone += 1;
                }
            }
            if gone == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// Takes an object out of the trash.
pub async fn restore(cx: &Cx, kind: &Arc<KindDef>, id: &str) -> Result<Raw> {
    let old = deleted(cx, kind, id).await?;
    let mut new = old.clone();
    new.metadata.deletion_timestamp = None;
    let cx = cx.doing("restore");
    if cx.dry_run {
        return Ok(new);
    }
    let prepared = write::prepare(&cx, kind, Some(&old), &new, false);
    new.metadata.version = write::commit(&cx, kind, prepared, &new).await?;
    Ok(new)
}

/// The object in the trash a uid or name means; of several with the name, the one deleted last.
async fn deleted(cx: &Cx, kind: &KindDef, id: &str) -> Result<Raw> {
    let by_uid = base::Uid::looks_like(id);
    let (place, cell) = if by_uid {
        (Place::Uid, Cell::Text(id.to_owned()))
    } else {
        (Place::Name, Cell::Text(id.to_owned()))
    };
    let query = Query {
        org: Some(cx.org_of(kind.scope)),
        kind: kind.id(),
        projects: Projects::These(vec![crate::object::home(kind.scope, &cx.project)]),
        deleted: true,
        filter: Some(Predicate::Compare { place, op: Op::Equal, cell }),
        sort: Sort { place: Place::Version, descending: true },
        after: None,
        limit: 1,
    };
    match cx.platform.store.list(&query).await?.first() {
        Some(record) => Raw::from_record(kind, record),
        None => Err(Error::not_found("not-in-trash", format!("there is no deleted {} `{id}`", kind.name))
            .hint(format!("`aic get {} --deleted` lists the trash", kind.plural))),
    }
}

/// Writes an object's spec and labels back to what they were at a version.
pub async fn rollback(cx: &Cx, kind: &Arc<KindDef>, it: Raw, body: &Value) -> Result<Raw> {
    let to = body.get("to").and_then(|to| to.as_u64().or_else(|| to.as_str()?.parse().ok()));
    let to = to.ok_or_else(|| read::bad_position("to"))?;
    let then = read::raw_at(kind, &read::change_at(cx, &it, to).await?)?;
    let mut new = it.clone();
    new.spec = then.spec;
    new.metadata.labels = then.metadata.labels;
    new.metadata.annotations = then.metadata.annotations;
    crate::change::immutable(kind, &it, &new)?;
    write::put(&cx.doing("rollback"), kind, Some(it), new).await
}
