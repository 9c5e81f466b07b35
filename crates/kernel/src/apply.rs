//! Server-side apply of objects: what there is to own of one, and what a manager's wish makes of it.

use base::Result;
use patch::managed::{Ask, Merged};
use serde_json::{Value, json};

use crate::{declare::KindDef, object::Raw};

/// What managers own of an object.
fn whole(it: &Raw) -> Value {
    json!({
        "metadata": {"labels": it.metadata.labels, "annotations": it.metadata.annotations},
        "spec": it.spec,
    })
}

/// After a plain change of an object that somebody applies: the changer owns what changed.
pub fn note_update(ask: &Ask<'_>, old: &Raw, new: &mut Raw) {
    let managed = &old.metadata.managed_fields;
    if !managed.is_empty() {
        new.metadata.managed_fields = ask.updated(managed, &whole(old), &whole(new));
    }
}

/// Merges what one manager wants into an object.
pub fn merge(ask: &Ask<'_>, kind: &KindDef, old: &Raw, body: &Value) -> Result<Merged> {
    let mut merged = ask.merge(&old.metadata.managed_fields, &whole(old), old.shown(kind), body)?;
    if let Some(version) = body.pointer("/metadata/resourceVersion") {
        merged.object["metadata"]["resourceVersion"] = version.clone();
    } else if let Some(metadata) = merged.object["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
    }
    Ok(merged)
}
