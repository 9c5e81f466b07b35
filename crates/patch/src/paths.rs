//! The paths that managers of an object own one by one, and where they meet (Kubernetes KEP-555).

use std::{collections::BTreeSet, ops::Bound};

use serde_json::{Map, Value, json};

/// The way from the top of an object to an owned value.
pub type Path = Vec<String>;

/// The leaves of an object's sections: what is no object, and objects with nothing in them.
pub fn leaves(object: &Value, sections: &[&[&str]]) -> BTreeSet<Path> {
    let mut found = BTreeSet::new();
    for section in sections {
        let inner = section.iter().try_fold(object, |value, name| value.get(*name));
        // A section with nothing in it is nobody's.
        if let Some(value) = inner.filter(|value| **value != json!({})) {
            let mut path = section.iter().map(|name| (*name).to_owned()).collect();
            walk(value, &mut path, &mut found);
        }
    }
    found
}

fn walk(value: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, inner) in map {
                path.push(name.clone());
                walk(inner, path, found);
                path.pop();
            }
        }
        Value::Null => {}
        _ => {
            found.insert(path.clone());
        }
    }
}

/// The value on a path.
pub fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, name| value.get(name))
}

/// Puts a value on a path, and makes the way to it.
pub fn set(object: &mut Value, path: &[String], value: Value) {
    let Some((last, way)) = path.split_last() else {
        return;
    };
    let mut target = object;
    for name in way {
        if !target[name.as_str()].is_object() {
            target[name.as_str()] = json!({});
        }
        target = &mut target[name.as_str()];
    }
    target[last.as_str()] = value;
}

/// Takes away the value on a path.
pub fn unset(object: &mut Value, path: &[String]) {
    let Some((last, way)) = path.split_last() else {
        return;
    };
    let target = way.iter().try_fold(object, |value, name| value.get_mut(name));
    if let Some(map) = target.and_then(Value::as_object_mut) {
        map.remove(last);
    }
}

/// Whether an object stands there already, and no more than an object is wanted.
pub fn is_there(wanted: &Value, there: Option<&Value>) -> bool {
    *wanted == json!({}) && there.is_some_and(Value::is_object)
}

/// Whether what is wanted takes away or changes the value that a path owns.
pub fn clashes(live: &Value, body: &Value, wanted: &BTreeSet<Path>, owned: &[String]) -> bool {
    let there = at(live, owned);
    if wanted.contains(owned) {
        let value = at(body, owned);
        return value != there && !value.is_some_and(|value| is_there(value, there));
    }
    let replaces = |way: &[String]| wanted.contains(way) && at(body, way).is_some_and(|it| *it != json!({}));
    if (1..owned.len()).any(|length| replaces(&owned[..length])) {
        return true;
    }
    let behind = (Bound::Excluded(owned), Bound::Unbounded);
    let fills = wanted.range::<[String], _>(behind).next().is_some_and(|path| path.starts_with(owned));
    fills && there.is_some_and(|there| !there.is_object())
}

/// Whether one of the paths is this one or leads on from it.
pub fn holds(paths: &BTreeSet<Path>, path: &[String]) -> bool {
    let from = (Bound::Included(path), Bound::Unbounded);
    paths.range::<[String], _>(from).next().is_some_and(|other| other.starts_with(path))
}

/// `FieldsV1`: the paths as nested maps with `f:` in front of each name. A value that is owned
/// beside something inside it has a `.`.
pub fn to_fields_v1(paths: &BTreeSet<Path>) -> Value {
    let mut fields = json!({});
    for path in paths {
        let mut target = &mut fields;
        for name in path {
            let key = format!("f:{name}");
            if !target[&key].is_object() {
                target[&key] = json!({});
            }
            target = &mut target[&key];
        }
        if holds_more(paths, path) {
            target["."] = json!({});
        }
    }
    fields
}

fn holds_more(paths: &BTreeSet<Path>, path: &Path) -> bool {
    let behind = (Bound::Excluded(path), Bound::Unbounded);
    paths.range::<Path, _>(behind).next().is_some_and(|other| other.starts_with(path))
}

/// The paths of `FieldsV1`.
pub fn of_fields_v1(fields: &Value) -> BTreeSet<Path> {
    let mut found = BTreeSet::new();
    collect(fields, &mut Vec::new(), &mut found);
    found
}

fn collect(fields: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
    let empty = Map::new();
    let map = fields.as_object().unwrap_or(&empty);
    if (map.is_empty() || map.contains_key(".")) && !path.is_empty() {
        found.insert(path.clone());
    }
    for (name, inner) in map {
        if let Some(name) = name.strip_prefix("f:") {
            path.push(name.to_owned());
            collect(inner, path, found);
            path.pop();
        }
    }
}
