//! Server-side apply: who set which field, merging by owner, and conflicts (Kubernetes KEP-555).
//!
//! Lists are owned as a whole. Labels, annotations and every field of `spec` are owned one by one.
//! Whoever applies an empty object owns that there is one, not what others put into it.

use std::collections::BTreeSet;

use base::{Error, Result, Time};
use serde_json::{Value, json};

use crate::paths::{self, Path, at, clashes, holds, is_there, of_fields_v1, set, to_fields_v1, unset};

/// Who applies or changes, how, and when.
pub struct Ask<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// Take over fields others own.
    pub force: bool,
    /// When.
    pub now: Time,
    /// The version of the kind, as `catalog.aic.dev/v1`.
    pub api_version: &'a str,
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

fn entries(managed: &[Value]) -> Vec<Entry> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    managed
        .iter()
        .map(|entry| Entry {
            manager: text(entry, "manager"),
            operation: text(entry, "operation"),
            time: entry["time"].clone(),
            paths: of_fields_v1(&entry["fieldsV1"]),
        })
        .collect()
}

impl Ask<'_> {
    fn entry(&self, operation: &str, paths: BTreeSet<Path>) -> Entry {
        Entry {
            manager: self.manager.to_owned(),
            operation: operation.to_owned(),
            time: json!(self.now),
            paths,
        }
    }

    fn written(&self, entries: Vec<Entry>) -> Vec<Value> {
        entries
            .into_iter()
            .filter(|entry| !entry.paths.is_empty())
            .map(|entry| {
                json!({
                    "manager": entry.manager,
                    "operation": entry.operation,
                    "apiVersion": self.api_version,
                    "time": entry.time,
                    "fieldsType": "FieldsV1",
                    "fieldsV1": to_fields_v1(&entry.paths),
                })
            })
            .collect()
    }

    /// Who owns what of a new object that was applied.
    pub fn first(&self, body: &Value) -> Vec<Value> {
        self.written(vec![self.entry("Apply", leaves(body))])
    }

    /// After a plain change of an object that somebody applies: the changer owns what changed.
    pub fn updated(&self, managed: &[Value], before: &Value, after: &Value) -> Vec<Value> {
        let changed: BTreeSet<Path> =
            leaves(after).into_iter().filter(|path| at(before, path) != at(after, path)).collect();
        let mut all = entries(managed);
        for entry in &mut all {
            entry.paths.retain(|path| !changed.contains(path) && at(after, path).is_some());
        }
        if !changed.is_empty() {
            match all.iter_mut().find(|entry| entry.manager == self.manager && entry.operation == "Update") {
                Some(mine) => mine.paths.extend(changed),
                None => all.push(self.entry("Update", changed)),
            }
        }
        self.written(all)
    }

    /// Merges what the manager wants, `body`, into an object as callers see it; `live` is what there is to own of it,
    /// `managed` says who owns what.
    ///
    /// # Errors
    /// `apply-conflict` when it would change what others own, unless by force.
    pub fn merge(&self, managed: &[Value], live: &Value, mut object: Value, body: &Value) -> Result<Merged> {
        let wanted = leaves(body);
        let mut all = entries(managed);
        if all.is_empty() {
            // Whatever was there before the first apply belongs to whoever put it there.
            let before = Self { manager: "before-first-apply", ..*self };
            all.push(before.entry("Update", leaves(live)));
        }
        let mine = |entry: &Entry| entry.manager == self.manager && entry.operation == "Apply";
        let clashing = |path: &Path| clashes(live, body, &wanted, path);
        let conflicts: Vec<(String, String)> = all
            .iter()
            .filter(|entry| !mine(entry))
            .flat_map(|entry| {
                let taken = entry.paths.iter().filter(|path| clashing(path));
                taken.map(|path| (entry.manager.clone(), path.join(".")))
            })
            .collect();
        if !conflicts.is_empty() && !self.force {
            return Err(conflict(&conflicts));
        }
        let paths_of = |own: bool| -> BTreeSet<Path> {
            all.iter().filter(|entry| mine(entry) == own).flat_map(|entry| entry.paths.clone()).collect()
        };
        let (had, others) = (paths_of(true), paths_of(false));
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
        all.retain(|entry| !mine(entry));
        for entry in &mut all {
            entry.paths.retain(|path| !clashing(path));
        }
        all.push(self.entry("Apply", wanted.clone()));
        Ok(Merged { object, managed: self.written(all) })
    }
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
