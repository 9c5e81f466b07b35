//! `fieldValidation`: whether a field nobody knows is refused, warned of, or dropped in silence.

use std::collections::BTreeMap;

use kernel::{
    declare::KindDef,
    kind::{Field, Shape},
};
use serde_json::{Map, Value};

/// What an object has beside its spec.
const PARTS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// Drops unknown fields where the caller asked for that, and names those it wants to be warned of.
pub fn drop_unknown(kind: &KindDef, asked: &BTreeMap<String, String>, sent: &mut Value) -> Vec<String> {
    let manner = asked.get("fieldValidation").map_or("Strict", String::as_str);
    // Who does not say is held to the platform's own rule, which is the strict one.
    if !matches!(manner, "Ignore" | "Warn") {
        return Vec::new();
    }
    let mut dropped = Vec::new();
    if let Some(object) = sent.as_object_mut() {
        keep(object, "", &mut dropped, |name| PARTS.contains(&name));
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            prune(kind.fields, spec, "spec", &mut dropped);
        }
    }
    if manner == "Warn" { dropped } else { Vec::new() }
}

fn keep(object: &mut Map<String, Value>, at: &str, dropped: &mut Vec<String>, known: impl Fn(&str) -> bool) {
    object.retain(|name, _| {
        let stays = known(name);
        if !stays {
            dropped.push(if at.is_empty() { name.clone() } else { format!("{at}.{name}") });
        }
        stays
    });
}

fn prune(table: &[Field], object: &mut Map<String, Value>, at: &str, dropped: &mut Vec<String>) {
    keep(object, at, dropped, |name| table.iter().any(|field| field.name == name));
    for field in table {
        if let Some(value) = object.get_mut(field.name) {
            prune_value(&field.shape, value, &format!("{at}.{}", field.name), dropped);
        }
    }
}

fn prune_value(shape: &Shape, value: &mut Value, at: &str, dropped: &mut Vec<String>) {
    match (shape, value) {
        (Shape::Struct(table), Value::Object(object)) => prune(table, object, at, dropped),
        (Shape::List(inner), Value::Array(items)) => {
            for (i, item) in items.iter_mut().enumerate() {
                prune_value(inner, item, &format!("{at}[{i}]"), dropped);
            }
        }
        (Shape::Map(inner), Value::Object(object)) => {
            for (key, item) in object {
                prune_value(inner, item, &format!("{at}.{key}"), dropped);
            }
        }
        _ => {}
    }
}
