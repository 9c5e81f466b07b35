//! Server-side apply: who set which field, merging by owner, and conflicts (Kubernetes KEP-555).
//!
//! Lists are owned as a whole. Labels, annotations and every field of `spec` are owned one by one.
//! Whoever applies an empty object owns that there is one, not what others put into it.

use std::collections::BTreeSet;

use ::patch::paths::{self, Path, at, clashes, holds, is_there, of_fields_v1, set, to_fields_v1, unset};
use base::{Error, Result, Time};
use serde_json::{Value, json};

use crate::{declare::KindDef, object::Raw};

/// Who applies, and how.
pub struct Ask<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// Take over fields others own.
    pub force: bool,
    /// When.
    pub now: Time,
}

/// What comes of an apply.
pub struct Merged {
    /// The whole object to write.
    pub object: Value,
    /// Who owns what afterwards.
    pub managed: Vec<Value>,
}

/// One manager's entry.
#[derive(Clone)]
struct Entry {
    manager: String,
    operation: String,
    time: Value,
    paths: BTreeSet<Path>,
}

const SECTIONS: [&[&str]; 3] = [&["spec"], &["metadata", "labels"], &["metadata", "annotations"]];

/// Owned leaves of an object as a caller writes it.
fn leaves(object: &Value) -> BTreeSet<Path> {
    paths::leaves(object, &SECTIONS)
}

fn entries(it: &Raw) -> Vec<Entry> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    it.metadata
        .managed_fields
        .iter()
        .map(|entry| Entry {
            manager: text(entry, "manager"),
            operation: text(entry, "operation"),
            time: entry["time"].clone(),
            paths: of_fields_v1(&entry["fieldsV1"]),
        })
        .collect()
}

fn written(kind_version: &str, entries: Vec<Entry>) -> Vec<Value> {
    entries
        .into_iter()
        .filter(|entry| !entry.paths.is_empty())
        .map(|entry| {
            json!({
                "manager": entry.manager,
                "operation": entry.operation,
                "apiVersion": kind_version,
                "time": entry.time,
                "fieldsType": "FieldsV1",
                "fieldsV1": to_fields_v1(&entry.paths),
            })
        })
        .collect()
}

fn version_of(it: &Raw) -> String {
    let service = it.kind.split('.').next().unwrap_or_default();
    format!("{service}.aic.dev/v1")
}

/// Notes who applied a new object.
pub fn first(manager: &str, now: Time, body: &Value, new: &mut Raw) {
    let entry = Entry {
        manager: manager.to_owned(),
        operation: "Apply".to_owned(),
        time: json!(now),
        paths: leaves(body),
    };
    new.metadata.managed_fields = written(&version_of(new), vec![entry]);
}

/// After a plain change of an object that somebody applies: the changer owns what changed.
pub fn note_update(manager: &str, now: Time, old: &Raw, new: &mut Raw) {
    if old.metadata.managed_fields.is_empty() {
        return;
    }
    let (before, after) = (whole(old), whole(new));
    let changed: BTreeSet<Path> =
        leaves(&after).into_iter().filter(|path| at(&before, path) != at(&after, path)).collect();
    let mut all = entries(old);
    for entry in &mut all {
        entry.paths.retain(|path| !changed.contains(path) && at(&after, path).is_some());
    }
    if !changed.is_empty() {
        match all.iter_mut().find(|entry| entry.manager == manager && entry.operation == "Update") {
            Some(mine) => mine.paths.extend(changed),
            None => all.push(Entry {
                manager: manager.to_owned(),
                operation: "Update".to_owned(),
                time: json!(now),
                paths: changed,
            }),
        }
    }
    new.metadata.managed_fields = written(&version_of(old), all);
}

fn whole(it: &Raw) -> Value {
    json!({
        "metadata": {"labels": it.metadata.labels, "annotations": it.metadata.annotations},
        "spec": it.spec,
    })
}

/// Merges what one manager wants into an object.
pub fn merge(ask: &Ask<'_>, kind: &KindDef, old: &Raw, body: &Value) -> Result<Merged> {
    let live = whole(old);
    let wanted = leaves(body);
    let mut all = entries(old);
    if all.is_empty() {
        // Whatever was there before the first apply belongs to whoever put it there.
        all.push(Entry {
            manager: "before-first-apply".to_owned(),
            operation: "Update".to_owned(),
            time: json!(ask.now),
            paths: leaves(&live),
        });
    }
    let mine = |entry: &Entry| entry.manager == ask.manager && entry.operation == "Apply";
    let clashing = |path: &Path| clashes(&live, body, &wanted, path);
    let conflicts: Vec<(String, String)> = all
        .iter()
        .filter(|entry| !mine(entry))
        .flat_map(|entry| {
            let taken = entry.paths.iter().filter(|path| clashing(path));
            taken.map(|path| (entry.manager.clone(), path.join(".")))
        })
        .collect();
    if !conflicts.is_empty() && !ask.force {
        return Err(conflict(&conflicts));
    }
    let mut object = old.shown(kind);
    let had: BTreeSet<Path> =
        all.iter().filter(|entry| mine(entry)).flat_map(|entry| entry.paths.clone()).collect();
    let others: BTreeSet<Path> =
        all.iter().filter(|entry| !mine(entry)).flat_map(|entry| entry.paths.clone()).collect();
    for path in had.difference(&wanted).filter(|path| !holds(&others, path)) {
        unset(&mut object, path);
    }
    for path in &wanted {
        if let Some(value) = at(body, path)
            && !is_there(value, at(&object, path))
        {
            set(&mut object, path, value.clone());
        }
    }
    for entry in &mut all {
        if !mine(entry) {
            entry.paths.retain(|path| !clashing(path));
        }
    }
    all.retain(|entry| !mine(entry));
    all.push(Entry {
        manager: ask.manager.to_owned(),
        operation: "Apply".to_owned(),
        time: json!(ask.now),
        paths: wanted,
    });
    if let Some(version) = body.pointer("/metadata/resourceVersion") {
        object["metadata"]["resourceVersion"] = version.clone();
    } else if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
    }
    Ok(Merged { object, managed: written(&kind.api_version(), all) })
}

fn conflict(conflicts: &[(String, String)]) -> Error {
    let told: Vec<String> =
        conflicts.iter().map(|(manager, path)| format!("`{path}` is managed by `{manager}`")).collect();
    Error::conflict("apply-conflict", told.join("; "))
        .at(conflicts[0].1.clone())
        .hint("leave the field out, agree on its value, or take it over with `force=true`")
}

#[cfg(test)]
mod tests;
