//! `PATCH` (RFC 7644 section 3.5.2): operations on a resource, all or none.

use base::{Error, Result};
use serde_json::{Map, Value};

use crate::path::{Path, get, key};

/// The most operations of one request.
const OPERATIONS_MAX: usize = 1_000;

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
    Remove,
}

fn invalid(message: &str) -> Error {
    Error::bad_request("bad-scim-patch", message)
        .hint("an operation is {\"op\": \"add\" | \"replace\" | \"remove\", \"path\": …, \"value\": …}")
}

/// A resource after the operations.
///
/// # Errors
/// `bad-scim-patch`, `bad-scim-path`, `no-scim-target`.
pub fn applied(mut it: Value, request: &Value) -> Result<Value> {
    let operations = get(request, "Operations").and_then(Value::as_array);
    let operations =
        operations.filter(|all| !all.is_empty()).ok_or_else(|| invalid("there are no `Operations`"))?;
    if operations.len() > OPERATIONS_MAX {
        return Err(invalid(&format!("more than {OPERATIONS_MAX} operations")));
    }
    for operation in operations {
        apply(&mut it, operation)?;
    }
    Ok(it)
}

fn apply(it: &mut Value, operation: &Value) -> Result<()> {
    let op = match get(operation, "op").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("add") => Op::Add,
        Some("replace") => Op::Replace,
        Some("remove") => Op::Remove,
        _ => return Err(invalid("`op` is add, replace or remove")),
    };
    let value = get(operation, "value").cloned();
    let value = match (op, value) {
        (Op::Add | Op::Replace, None) => return Err(invalid("`value` is missing")),
        (_, value) => value,
    };
    let Some(fields) = it.as_object_mut() else { return Err(invalid("the resource is no object")) };
    match get(operation, "path").and_then(Value::as_str) {
        Some(text) => at(fields, &Path::parse(text)?, (op, value)),
        None if op == Op::Remove => Err(Error::bad_request("no-scim-target", "`remove` needs a `path`")),
        None => {
            let Some(Value::Object(values)) = value else {
                return Err(invalid("without a `path`, `value` is an object of attributes"));
            };
            for (name, value) in values {
                at(fields, &Path::parse(&name)?, (op, Some(value)))?;
            }
            Ok(())
        }
    }
}

fn at(fields: &mut Map<String, Value>, path: &Path, (op, value): (Op, Option<Value>)) -> Result<()> {
    let name = key(fields, &path.name).to_owned();
    match (&path.which, &path.sub) {
        (None, None) => {
            let one = (op, value);
            set(fields, name, one);
            Ok(())
        }
        (None, Some(sub)) => {
            let inner = fields.entry(name).or_insert_with(|| Value::Object(Map::new()));
            match inner {
                Value::Object(inner) => {
                    let sub = key(inner, sub).to_owned();
                    set(inner, sub, (op, value));
                }
                Value::Array(items) => {
                    for item in items.iter_mut().filter_map(Value::as_object_mut) {
                        let sub = key(item, sub).to_owned();
                        set(item, sub, (op, value.clone()));
                    }
                }
                _ => return Err(invalid("the attribute has no parts")),
            }
            Ok(())
        }
        (Some(which), sub) => {
            let Some(Value::Array(items)) = fields.get_mut(&name) else { return no_target(op, path) };
            let found: Vec<usize> = (0..items.len()).filter(|i| which.fits(&items[*i])).collect();
            if found.is_empty() {
                return no_target(op, path);
            }
            for i in found.into_iter().rev() {
                match (sub, op) {
                    (None, Op::Remove) => drop(items.remove(i)),
                    (None, _) => merge(&mut items[i], value.clone().unwrap_or_default()),
                    (Some(sub), _) => {
                        if let Some(item) = items[i].as_object_mut() {
                            let sub = key(item, sub).to_owned();
                            set(item, sub, (op, value.clone()));
                        }
                    }
                }
            }
            Ok(())
        }
    }
}

fn no_target(op: Op, path: &Path) -> Result<()> {
    // What is not there need not be removed; but it cannot be changed.
    if op == Op::Remove {
        return Ok(());
    }
    Err(Error::bad_request("no-scim-target", format!("no value of `{}` fits the filter", path.name))
        .at("path"))
}

fn merge(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                let name = key(old, &name).to_owned();
                old.insert(name, value);
            }
        }
        (old, new) => *old = new,
    }
}

fn set(fields: &mut Map<String, Value>, name: String, (op, value): (Op, Option<Value>)) {
    let Some(value) = value.filter(|_| op != Op::Remove) else {
        // Some directories name what they remove from a list in `value`.
        fields.remove(&name);
        return;
    };
    match (op, fields.get_mut(&name), value) {
        (Op::Add, Some(Value::Array(old)), Value::Array(new)) => {
            for item in new {
                add(old, item);
            }
        }
        (Op::Add, Some(Value::Array(old)), new) => add(old, new),
        (Op::Add | Op::Replace, Some(old @ Value::Object(_)), new @ Value::Object(_)) => merge(old, new),
        (_, _, new) => drop(fields.insert(name, new)),
    }
}

/// Adds a value to a list, once; a new primary one takes that from the others.
fn add(items: &mut Vec<Value>, new: Value) {
    let same = |old: &Value| match (get(old, "value"), get(&new, "value")) {
        (Some(a), Some(b)) => a == b,
        _ => *old == new,
    };
    if items.iter().any(same) {
        return;
    }
    if get(&new, "primary") == Some(&Value::Bool(true)) {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.remove("primary");
        }
    }
    items.push(new);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(operations: Value) -> Result<Value> {
        let it = json!({
            "userName": "ada", "name": {"familyName": "Byron"},
            "emails": [{"value": "a@x.org", "primary": true}, {"value": "b@x.org"}],
        });
        applied(it, &json!({"schemas": ["x"], "Operations": operations}))
    }

    #[test]
    fn operations_do_what_the_rfc_says() {
        let it = after(json!([
            {"op": "Replace", "path": "name.familyName", "value": "Lovelace"},
            {"op": "add", "path": "emails", "value": [{"value": "c@x.org", "primary": true}, {"value": "b@x.org"}]},
            {"op": "replace", "value": {"displayName": "Ada", "name.givenName": "Augusta"}},
            {"op": "remove", "path": "emails[value eq \"a@x.org\"]"},
            {"op": "replace", "path": "USERNAME", "value": "countess"},
        ]))
        .unwrap();
        assert_eq!(
            it,
            json!({
                "userName": "countess", "displayName": "Ada",
                "name": {"familyName": "Lovelace", "givenName": "Augusta"},
                "emails": [{"value": "b@x.org"}, {"value": "c@x.org", "primary": true}],
            })
        );
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (operations, code) in [
            (json!([]), "bad-scim-patch"),
            (json!([{"op": "move"}]), "bad-scim-patch"),
            (json!([{"op": "add", "path": "title"}]), "bad-scim-patch"),
            (json!([{"op": "remove"}]), "no-scim-target"),
            (
                json!([{"op": "replace", "path": "emails[value eq \"z\"].primary", "value": true}]),
                "no-scim-target",
            ),
            (json!([{"op": "replace", "path": "emails[", "value": true}]), "bad-scim-path"),
            (json!([{"op": "replace", "path": "a b", "value": true}]), "bad-scim-path"),
            (json!([{"op": "replace", "path": "userName.x", "value": true}]), "bad-scim-patch"),
        ] {
            assert_eq!(after(operations.clone()).unwrap_err().code(), code, "{operations}");
        }
    }
}
