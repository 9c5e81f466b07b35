//! The one way an object is written: admit, compute what changed, commit with its journal entry.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use base::{Error, Name, Result};
use serde_json::Value;

use crate::{
    cx::Cx,
    declare::KindDef,
    index::{Cell, Term, encode},
    kind::{Field, Shape},
    object::{Fields, Raw},
    store::{Commit, Expect, Kept, Write},
    validate,
};

/// Seconds an answer to an idempotent request is remembered.
pub const REMEMBERED_S: i64 = 24 * 3600;

/// A request that shall happen once, whatever the caller's retries.
pub(crate) struct Once {
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    /// Whether the first write has carried the key.
    pub(crate) carried: Mutex<bool>,
}

/// Admits and writes an object; `old` is what it was, or nothing for a new one.
pub async fn put(cx: &Cx, kind: &Arc<KindDef>, old: Option<Raw>, new: Raw) -> Result<Raw> {
    let mut new = new;
    for admit in &kind.admits {
        new = admit(cx.clone(), new, old.clone()).await?;
    }
    validate::fill_defaults(kind.status, &mut new.status);
    new.metadata.name = Name::new(new.metadata.name)?.to_string();
    limits(&new)?;
    references(cx, kind, &new, old.as_ref()).await?;
    if let Some(old) = &old {
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        } else if same(old, &new) {
            // Nothing to say to the journal.
            return Ok(new);
        }
    }
    if cx.dry_run {
        if old.is_none() {
            let (org, name) = (&new.org, &new.metadata.name);
            let there = cx.platform.store.by_name(org, &new.kind, &new.metadata.namespace, name).await?;
            if there.is_some() {
                return Err(already_exists(kind, name));
            }
        }
        return Ok(new);
    }
    let write = prepare(cx, kind, old.as_ref(), &new, false);
    let position = commit(cx, kind, write, &new).await?;
    new.metadata.version = position;
    Ok(new)
}

/// The write that takes an object from what it was to what it is.
pub(crate) fn prepare(cx: &Cx, kind: &KindDef, old: Option<&Raw>, new: &Raw, purge: bool) -> Write {
    let before: BTreeSet<Term> = old.map(|old| terms(kind, old)).unwrap_or_default();
    let gone = purge || in_trash(new);
    let after = if gone { BTreeSet::new() } else { terms(kind, new) };
    let before = if old.is_some_and(in_trash) { BTreeSet::new() } else { before };
    Write {
        record: record(kind, new),
        expect: old.map_or(Expect::Absent, |old| Expect::Version(old.metadata.version)),
        terms_in: after.difference(&before).cloned().collect(),
        terms_out: before.difference(&after).cloned().collect(),
        verb: cx.verb.to_string(),
        actor: cx.principal.signature(),
        trace: cx.trace.to_string(),
        // A watcher knows an object's first change by this.
        time: if old.is_none() { new.metadata.creation_timestamp } else { cx.now() },
        purge,
    }
}

/// Commits one write and tells whoever must know at once.
pub(crate) async fn commit(cx: &Cx, kind: &KindDef, write: Write, new: &Raw) -> Result<u64> {
    // Whatever comes to life, as new or out of the trash, must find room.
    let ceilings = if matches!(write.expect, Expect::Absent) || &*cx.verb == "restore" {
        cx.platform.ceilings((&new.org, &new.metadata.namespace, &new.kind)).await?
    } else {
        Vec::new()
    };
    let mut commit = Commit { writes: vec![write], ceilings, fence: cx.fence.clone(), ..Commit::default() };
    if let Some(once) = &cx.idempotency {
        let mut carried = once.carried.lock().unwrap_or_else(PoisonError::into_inner);
        if !*carried {
            *carried = true;
            commit.keep.push(Kept {
                space: "idempotency".to_owned(),
                key: once.key.clone(),
                value: serde_json::json!({"fingerprint": once.fingerprint, "kind": kind.id(), "uid": new.metadata.uid})
                    .to_string(),
                expires: Some(cx.now().plus_s(REMEMBERED_S)),
                unless_kept: Some(cx.now()),
            });
        }
    }
    let positions = cx.platform.store.commit(commit).await.map_err(|error| match error.code() {
        "already-exists" => already_exists(kind, &new.metadata.name),
        _ => error,
    })?;
    cx.platform.wrote(kind);
    positions.first().copied().ok_or_else(|| Error::internal("a commit answered no position"))
}

/// An object as the store keeps it.
pub(crate) fn record(kind: &KindDef, it: &Raw) -> store::Record {
    store::Record {
        org: it.org.clone(),
        kind: it.kind.clone(),
        project: it.metadata.namespace.clone(),
        name: it.metadata.name.clone(),
        uid: it.metadata.uid.clone(),
        version: it.metadata.version,
        generation: it.metadata.generation,
        created: it.metadata.creation_timestamp,
        deleted: if in_trash(it) { it.metadata.deletion_timestamp } else { None },
        body: it.body(kind),
    }
}

/// Whether the object is in the trash: deleted, with nobody left who must agree.
pub(crate) fn in_trash(it: &Raw) -> bool {
    it.metadata.deletion_timestamp.is_some() && it.metadata.finalizers.is_empty()
}

/// The index terms of an object: its labels and its indexed fields.
pub fn terms(kind: &KindDef, it: &Raw) -> BTreeSet<Term> {
    let mut terms: BTreeSet<Term> = it
        .metadata
        .labels
        .iter()
        .map(|(key, value)| Term { key: format!("label:{key}"), value: encode(&Cell::Text(value.clone())) })
        .collect();
    collect("spec", kind.fields, &it.spec, &mut terms);
    collect("status", kind.status, &it.status, &mut terms);
    for owner in &it.metadata.owner_references {
        let value = encode(&Cell::Text(owner.uid.to_string()));
        terms.insert(Term { key: "owner".to_owned(), value });
    }
    terms
}

fn collect(path: &str, table: &[Field], fields: &Fields, terms: &mut BTreeSet<Term>) {
    for field in table {
        let key = format!("{path}.{}", field.name);
        let value = fields.get(field.name);
        if field.indexed {
            match value {
                Some(Value::Array(items)) => {
                    terms.extend(items.iter().map(|item| Term {
                        key: key.clone(),
                        value: encode(&cell(&field.shape, Some(item))),
                    }));
                }
                value => {
                    terms.insert(Term { key, value: encode(&cell(&field.shape, value)) });
                }
            }
        } else if let Shape::Struct(inner) = &field.shape {
            // A field of a struct that is not there has no value, which is a term too.
            let none = Fields::new();
            collect(&key, inner, value.and_then(Value::as_object).unwrap_or(&none), terms);
        }
    }
}

/// A JSON value as the index sees it.
pub(crate) fn cell(shape: &Shape, value: Option<&Value>) -> Cell {
    match (shape, value) {
        (_, None | Some(Value::Null)) => Cell::Null,
        (Shape::Time, Some(Value::String(text))) => {
            text.parse().map_or_else(|_| Cell::Text(text.clone()), Cell::Time)
        }
        (_, Some(Value::Bool(value))) => Cell::Bool(*value),
        (_, Some(Value::Number(value))) => Cell::Number(value.as_f64().unwrap_or_default()),
        (_, Some(Value::String(text))) => Cell::Text(text.clone()),
        (_, Some(other)) => Cell::Text(other.to_string()),
    }
}

fn same(old: &Raw, new: &Raw) -> bool {
    old.spec == new.spec && old.status == new.status && old.metadata == new.metadata
}

/// The most labels, annotations, owners or finalizers an object may carry.
const METADATA_ENTRIES_MAX: usize = 64;
/// The most bytes of all annotations together, as Kubernetes counts them.
const ANNOTATION_BYTES_MAX: usize = 256 * 1024;

fn limits(it: &Raw) -> Result<()> {
    let metadata = &it.metadata;
    let counts = [
        ("metadata.labels", metadata.labels.len()),
        ("metadata.annotations", metadata.annotations.len()),
        ("metadata.ownerReferences", metadata.owner_references.len()),
        ("metadata.finalizers", metadata.finalizers.len()),
    ];
    for (at, count) in counts {
        if count > METADATA_ENTRIES_MAX {
            return Err(Error::invalid("too-long", format!("{count} entries are too many"))
                .at(at)
                .hint(format!("at most {METADATA_ENTRIES_MAX} are kept")));
        }
    }
    for (key, value) in &metadata.labels {
        label(key, value)?;
    }
    let bytes: usize = metadata.annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > ANNOTATION_BYTES_MAX {
        return Err(Error::invalid("too-long", format!("{bytes} bytes of annotations are too many"))
            .at("metadata.annotations")
            .hint(format!("at most {ANNOTATION_BYTES_MAX} bytes are kept")));
    }
    Ok(())
}

fn label(key: &str, value: &str) -> Result<()> {
    let (prefix, name) = key.rsplit_once('/').map_or(("", key), |(prefix, name)| (prefix, name));
    let word = |text: &str| {
        text.len() <= 63
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    if word(name) && prefix.len() <= Name::MAX && (value.is_empty() || word(value)) {
        return Ok(());
    }
    let shown: String = key.chars().take(60).collect();
    Err(Error::invalid("invalid-label", format!("`{shown}` is not a label that can be selected by"))
        .at("metadata.labels")
        .hint("key and value are at most 63 letters, digits, `-`, `_` and `.`; put longer texts into annotations"))
}

/// Every reference that was set or changed must lead somewhere.
async fn references(cx: &Cx, kind: &KindDef, new: &Raw, old: Option<&Raw>) -> Result<()> {
    for field in kind.fields {
        let Some(target) = field.reference else {
            continue;
        };
        let value = new.spec.get(field.name);
        if value == old.and_then(|old| old.spec.get(field.name)) {
            continue;
        }
        let names: Vec<&str> = match value {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => continue,
        };
        let target = cx.platform.kind(target)?;
        for name in names {
            if cx.find_opt(&target, name).await?.is_none() {
                let shown: String = name.chars().take(100).collect();
                return Err(Error::invalid(
                    "bad-reference",
                    format!("there is no {} `{shown}`", target.name.replace('-', " ")),
                )
                .at(format!("spec.{}", field.name))
                .hint(format!("`aic get {}` lists what there is", target.plural)));
            }
        }
    }
    Ok(())
}

/// The answer to a write that lost a race.
pub(crate) fn stale(version: u64) -> Error {
    Error::conflict("stale-version", "somebody else has changed it since you read it")
        .at("metadata.resourceVersion")
        .hint(format!(
            "read it again (it is at {version} now), apply your change to that and send it once more"
        ))
}

pub(crate) fn already_exists(kind: &KindDef, name: &str) -> Error {
    Error::conflict("already-exists", format!("there is a {} `{name}` already", kind.name.replace('-', " ")))
        .at("metadata.name")
        .hint("choose another name, or change the one there is")
}
