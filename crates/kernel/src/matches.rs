//! What a predicate looks at in an object, with the same meaning stores give it in SQL.

use serde_json::Value;

use crate::{
    object::Raw,
    predicate::{Place, Predicate},
    selection::held,
};

/// Whether an object is what a predicate asks for.
pub fn holds(predicate: &Predicate, it: &Raw) -> bool {
    held::holds(predicate, &|place| values(place, it))
}

/// The values at a place: a list's elements one by one where an index would hold them so.
fn values(place: &Place, it: &Raw) -> Vec<Value> {
    let metadata = &it.metadata;
    match place {
        Place::Name => vec![metadata.name.clone().into()],
        Place::Uid => vec![metadata.uid.as_str().into()],
        Place::Project => vec![metadata.namespace.clone().into()],
        Place::Created => vec![metadata.creation_timestamp.to_string().into()],
        Place::Version => vec![metadata.version.into()],
        Place::Generation => vec![metadata.generation.into()],
        Place::Term(key) => match key.strip_prefix("label:") {
            Some(label) => {
                metadata.labels.get(label).map(|value| value.as_str().into()).into_iter().collect()
            }
            None if key == "owner" => {
                metadata.owner_references.iter().map(|owner| owner.uid.as_str().into()).collect()
            }
            None => match it.at(&key.split('.').collect::<Vec<_>>()) {
                Some(Value::Array(items)) => items,
                Some(Value::Null) | None => Vec::new(),
                Some(value) => vec![value],
            },
        },
        Place::Body(path) => {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            it.at(&path).filter(|value| !value.is_null()).into_iter().collect()
        }
    }
}
