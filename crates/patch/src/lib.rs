//! Patches of JSON documents: JSON Patch (RFC 6902) within bounds, JSON Merge Patch (RFC 7396), and the way back;
//! and server-side apply, where several managers change one document.
//!
//! A JSON Patch can do much with few bytes: a `copy` doubles a document, and a few `move`s nest it
//! deeper than a thread's stack. So operations, the values they place and their depth are bounded.

pub mod managed;
pub mod paths;

use base::{Error, Result};
use json_patch::{Patch, PatchOperation, jsonptr::Pointer};
use serde_json::Value;

/// The most operations of one patch.
pub const OPERATIONS_MAX: usize = 1_000;
/// How deep a document may nest while it is patched.
pub const DEPTH_MAX: usize = 128;
/// The most values that all operations of one patch may place.
pub const PLACED_MAX: usize = 1_000_000;
/// The most bytes of text in the values that all operations of one patch may place.
pub const TEXT_MAX: usize = 64 << 20;

/// Applies a JSON Patch. After an error the document is what the operations before it made of it.
///
/// # Errors
/// `bad-patch` for what is no patch, `too-many-items` and `too-deep` for one that does too much,
/// `patch-failed` for one that does not fit the document.
pub fn apply(document: &mut Value, patch: Value) -> Result<()> {
    let patch: Patch = serde_json::from_value(patch).map_err(|error| {
        Error::bad_request("bad-patch", format!("this is no JSON Patch: {error}"))
            .hint("send a list of operations (RFC 6902)")
    })?;
    if patch.len() > OPERATIONS_MAX {
        return Err(Error::too_large(
            "too-many-items",
            format!("a patch has at most {OPERATIONS_MAX} operations"),
        ));
    }
    let mut placed = Size::default();
    for (number, operation) in patch.iter().enumerate() {
        placed.add(document, operation)?;
        let one = std::slice::from_ref(operation);
        json_patch::patch_unsafe(document, one).map_err(|error| {
            let message =
                format!("the patch does not apply: operation {number} at `{}`: {}", error.path, error.kind);
            Error::invalid("patch-failed", message).hint("nothing was changed; read the object again")
        })?;
    }
    Ok(())
}

/// Applies a JSON Merge Patch: objects merge, `null` removes, everything else replaces.
pub fn merge(document: &mut Value, patch: &Value) {
    json_patch::merge(document, patch);
}

/// The JSON Patch that takes one document to another.
pub fn between(before: &Value, after: &Value) -> Patch {
    json_patch::diff(before, after)
}

/// What the operations so far have placed.
#[derive(Default)]
struct Size {
    values: usize,
    text: usize,
}

impl Size {
    /// Refuses an operation that places too much, or too deep.
    fn add(&mut self, document: &Value, operation: &PatchOperation) -> Result<()> {
        let (path, value) = match operation {
            PatchOperation::Add(it) => (&it.path, Some(&it.value)),
            PatchOperation::Replace(it) => (&it.path, Some(&it.value)),
            PatchOperation::Move(it) => (&it.path, at(document, &it.from)),
            PatchOperation::Copy(it) => (&it.path, at(document, &it.from)),
            PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
        };
        // What is not there is refused when the operation is applied.
        value.map_or(Ok(()), |value| self.walk(value, path.count()))
    }

    fn walk(&mut self, value: &Value, depth: usize) -> Result<()> {
        self.values += 1;
        if depth > DEPTH_MAX {
            return Err(Error::invalid("too-deep", format!("a document nests at most {DEPTH_MAX} deep")));
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.walk(item, depth + 1))?,
            Value::Object(map) => map.iter().try_for_each(|(name, item)| {
                self.text += name.len();
                self.walk(item, depth + 1)
            })?,
            Value::String(text) => self.text += text.len(),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        if self.values > PLACED_MAX || self.text > TEXT_MAX {
            return Err(Error::too_large("too-many-items", "the operations of the patch place too much"));
        }
        Ok(())
    }
}

fn at<'a>(document: &'a Value, pointer: &Pointer) -> Option<&'a Value> {
    pointer.resolve(document).ok()
}

#[cfg(test)]
mod tests;
