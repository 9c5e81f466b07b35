//! Fields of an answer: the one at a path, some of them, and the names of its objects.

use serde_json::{Map, Value};

/// The value at a path of names and dots.
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(value);
    }
    // Names may hold dots themselves (labels do), so longer first parts are tried too.
    let ends = path.match_indices('.').map(|(end, _)| end).chain([path.len()]);
    ends.into_iter().find_map(|end| {
        let inner = value.get(&path[..end])?;
        at(inner, path.get(end + 1..).unwrap_or_default())
    })
}

/// The value at a path as a person reads it, empty when there is none.
pub fn text(value: &Value, path: &str) -> String {
    at(value, path).map(shown).unwrap_or_default()
}

/// One value in one cell.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(shown).collect::<Vec<_>>().join(",")
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Only these fields, of one object or of each in a list.
pub fn choose(value: &Value, fields: &[String]) -> Value {
    if let Some(items) = value.get("items").and_then(Value::as_array) {
        return Value::Array(items.iter().map(|item| choose(item, fields)).collect());
    }
    let pairs = fields.iter().map(|field| (field.clone(), at(value, field).cloned().unwrap_or(Value::Null)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// The objects as `kind/name`.
pub fn names(value: &Value) -> Vec<String> {
    if let Some(items) = value.get("items").and_then(Value::as_array) {
        return items.iter().flat_map(names).collect();
    }
    let name = text(value, "metadata.name");
    if name.is_empty() {
        return Vec::new();
    }
    vec![format!("{}/{name}", text(value, "kind").to_lowercase())]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_its_value_also_past_names_with_dots() {
        let value = json!({"metadata": {"labels": {"aic.dev/team": "x"}, "name": "n"}});
        assert_eq!(text(&value, "metadata.name"), "n");
        assert_eq!(text(&value, "metadata.labels.aic.dev/team"), "x");
        assert_eq!(text(&value, "metadata.none"), "");
    }

    #[test]
    fn chosen_fields_of_a_list_are_a_list() {
        let list =
            json!({"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}, "spec": {"pool": 2}}]});
        let fields = ["metadata.name".to_owned(), "spec.pool".to_owned()];
        assert_eq!(
            choose(&list, &fields),
            json!([{"metadata.name": "a", "spec.pool": null}, {"metadata.name": "b", "spec.pool": 2}])
        );
    }

    #[test]
    fn names_are_what_other_commands_take() {
        let list = json!({"kind": "ModelList", "items": [{"kind": "Model", "metadata": {"name": "a"}}]});
        assert_eq!(names(&list), ["model/a"]);
    }
}
