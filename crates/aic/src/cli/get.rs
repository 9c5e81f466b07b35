//! `aic get` and `aic describe`: objects as they are.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::{Cx, history, kinds, listing, watch};
use crate::client::Ask;
use crate::failure::{Failure, Result};
use crate::output::{text, yaml};

/// Arguments of `aic get`.
#[derive(clap::Args)]
pub struct Get {
    /// The kind and, if only some are wanted, their names: `models`, `model churn`, `model/churn`.
    #[arg(required = true, num_args = 1.., value_names = ["KIND", "NAME"])]
    target: Vec<String>,
    #[command(flatten)]
    query: listing::Query,
    /// Go on printing what changes.
    #[arg(short, long)]
    watch: bool,
}

/// Arguments of `aic describe`.
#[derive(clap::Args)]
pub struct Describe {
    /// The kind and the name.
    #[arg(required = true, num_args = 1..=2, value_names = ["KIND", "NAME"])]
    target: Vec<String>,
}

/// Prints one object, some, or a list.
pub fn get(cx: &mut Cx, it: &Get) -> Result<()> {
    let (kind, names) = kinds::targets(cx, &it.target)?;
    let mut found = match names.as_slice() {
        [] => listing::list(cx, &kind.path(), &it.query)?,
        [name] => cx.client.json(Ask::get(kind.item(name)))?,
        names => {
            let asked = names.iter().map(|name| cx.client.json(Ask::get(kind.item(name))));
            json!({"kind": format!("{}List", kind.kind), "items": asked.collect::<Result<Vec<Value>>>()?})
        }
    };
    hide_owners(&mut found);
    cx.out.value(&found, |value| listing::table(value, &kind))?;
    if !it.watch {
        return Ok(());
    }
    if names.len() > 1 {
        return Err(Failure::usage("only one name or all can be watched"));
    }
    let from = text(&found, "metadata.resourceVersion");
    watch::follow(
        cx,
        &kind,
        &watch::From { version: from, name: names.first().cloned(), selector: it.query.selector.clone() },
    )
}

/// Prints an object with its status and its latest changes.
pub fn describe(cx: &mut Cx, it: &Describe) -> Result<()> {
    let (kind, name) = kinds::target(cx, &it.target)?;
    let object = cx.client.json(Ask::get(kind.item(&name)))?;
    if !cx.out.for_people() {
        return cx.out.value(&object, |_| String::new());
    }
    let head = heading(&object, &kind)?;
    cx.out.bytes(head.as_bytes())?;
    // Whoever may read an object need not be allowed to read who changed it.
    if let Ok(changes) = history::changes_of(cx, &kind, &name) {
        let mut latest = listing::items(&changes);
        latest.sort_by_key(|change| Reverse(change.get("position").and_then(Value::as_u64)));
        latest.truncate(10);
        let table = listing::columns(&json!({"items": latest}), history::COLUMNS);
        cx.out.line(&format!("History:\n{}", indented(&table).trim_end()))?;
    }
    Ok(())
}

fn heading(object: &Value, kind: &Kind) -> Result<String> {
    let mut out = String::new();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            out.push_str(&format!("{:<13}{value}\n", format!("{name}:")));
        }
    };
    row("Name", text(object, "metadata.name"));
    row("Kind", format!("{} ({})", kind.kind, kind.id()));
    row("Project", text(object, "metadata.namespace"));
    row("Uid", text(object, "metadata.uid"));
    row("State", listing::state(object));
    row("Version", text(object, "metadata.resourceVersion"));
    row("Created", text(object, "metadata.creationTimestamp"));
    row("Deleted", text(object, "metadata.deletionTimestamp"));
    for (title, part) in [("Labels", "labels"), ("Annotations", "annotations")] {
        if let Some(map) = object.pointer(&format!("/metadata/{part}")).filter(|map| has_content(map)) {
            out.push_str(&format!("{title}:\n{}", indented(&yaml(map)?)));
        }
    }
    for (title, part) in [("Spec", "spec"), ("Status", "status")] {
        if let Some(value) = object.get(part).filter(|value| has_content(value)) {
            out.push_str(&format!("{title}:\n{}", indented(&yaml(value)?)));
        }
    }
    Ok(out)
}

/// Who applied which field is the server's bookkeeping; `aic api raw` shows it.
fn hide_owners(value: &mut Value) {
    if let Some(Value::Array(items)) = value.get_mut("items") {
        items.iter_mut().for_each(hide_owners);
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

fn has_content(value: &Value) -> bool {
    value.as_object().is_some_and(|map| !map.is_empty())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
