//! What differs between two values, field by field, and the patch that makes the one from the other.

use serde_json::{Map, Value};

/// One field that differs.
#[derive(Debug, PartialEq)]
pub struct Change {
    pub path: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Change {
    /// In one line: `+` came, `-` went, `~` changed.
    pub fn shown(&self) -> String {
        match (&self.before, &self.after) {
            (None, Some(after)) => format!("+ {}: {after}", self.path),
            (Some(before), None) => format!("- {}: {before}", self.path),
            (before, after) => {
                let show = |side: &Option<Value>| side.as_ref().map(Value::to_string).unwrap_or_default();
                format!("~ {}: {} -> {}", self.path, show(before), show(after))
            }
        }
    }
}

/// The fields that differ, in their order.
pub fn between(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    collect("", Some(before), Some(after), &mut found);
    found
}

fn collect(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let (old, new) = (before.and_then(Value::as_object), after.and_then(Value::as_object));
    // A whole object that came or went is told by its fields, so that each has its line.
    let both = match (old, new) {
        (Some(old), Some(new)) => Some((old.clone(), new.clone())),
        (Some(old), None) if after.is_none() && !old.is_empty() => Some((old.clone(), Map::new())),
        (None, Some(new)) if before.is_none() && !new.is_empty() => Some((Map::new(), new.clone())),
        _ => None,
    };
    let Some((old, new)) = both else {
        let (before, after) = (before.cloned(), after.cloned());
        found.push(Change { path: path.to_owned(), before, after });
        return;
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(&inner, old.get(name), new.get(name), found);
    }
}

/// The merge patch (RFC 7396) from one object to another: only what was touched, so that fields
/// nobody was shown, such as secrets, stay as they are.
pub fn merge_patch(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, new) in after {
        match (before.get(name), new) {
            (Some(old), new) if old == new => (),
            (Some(Value::Object(old)), Value::Object(new)) => {
                patch.insert(name.clone(), Value::Object(merge_patch(old, new)));
            }
            (_, new) => {
                patch.insert(name.clone(), new.clone());
            }
        }
    }
    patch
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_field_that_differs_has_its_line() {
        let before = json!({"spec": {"pool": 5, "driver": "pg", "labels": {"a": "1"}}});
        let after = json!({"spec": {"pool": 9, "driver": "pg", "tags": ["x"]}});
        let shown: Vec<String> = between(&before, &after).iter().map(Change::shown).collect();
        assert_eq!(shown, ["- spec.labels.a: \"1\"", "~ spec.pool: 5 -> 9", "+ spec.tags: [\"x\"]"]);
        assert!(between(&before, &before).is_empty());
    }

    #[test]
    fn a_patch_says_only_what_was_touched() {
        let object = |value: Value| value.as_object().cloned().unwrap();
        let before = object(json!({"spec": {"a": 1, "b": {"c": 1, "d": 2}}, "x": 1}));
        let after = object(json!({"spec": {"a": 1, "b": {"c": 3}}, "y": [1]}));
        assert_eq!(
            Value::Object(merge_patch(&before, &after)),
            json!({"x": null, "spec": {"b": {"d": null, "c": 3}}, "y": [1]})
        );
    }
}
