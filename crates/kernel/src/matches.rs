//! Decides a predicate on an object in memory, with the same meaning stores give it in SQL.

use serde_json::Value;

use crate::{
    index::Cell,
    object::Raw,
    predicate::{Op, Place, Predicate},
};

/// Whether an object is what a predicate asks for.
pub fn holds(predicate: &Predicate, it: &Raw) -> bool {
    match predicate {
        Predicate::All(parts) => parts.iter().all(|part| holds(part, it)),
        Predicate::Any(parts) => parts.iter().any(|part| holds(part, it)),
        Predicate::Not(part) => !holds(part, it),
        Predicate::Compare { place, op, cell } => compare(values(place, it).as_slice(), *op, cell),
    }
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

fn compare(values: &[Value], op: Op, cell: &Cell) -> bool {
    if *cell == Cell::Null {
        return match op {
            Op::Equal => values.is_empty(),
            _ => op == Op::NotEqual && !values.is_empty(),
        };
    }
    if op == Op::NotEqual {
        return !values.iter().any(|value| one(value, Op::Equal, cell));
    }
    values.iter().any(|value| one(value, op, cell))
}

fn one(value: &Value, op: Op, cell: &Cell) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    if op == Op::Has {
        return match (value, cell) {
            (Value::Array(items), _) => items.iter().any(|item| one(item, Op::Equal, cell)),
            (Value::Object(map), Cell::Text(key)) => map.contains_key(key),
            (Value::String(text), Cell::Text(part)) => text.contains(part.as_str()),
            _ => one(value, Op::Equal, cell),
        };
    }
    let ordering = match (value, cell) {
        (Value::String(text), Cell::Text(other)) if op == Op::StartsWith => {
            return text.starts_with(other.as_str());
        }
        (Value::String(text), Cell::Text(other)) => Some(text.as_str().cmp(other)),
        (Value::String(text), Cell::Time(time)) => text.parse().ok().map(|at: base::Time| at.cmp(time)),
        (Value::Number(number), Cell::Number(other)) => {
            number.as_f64().and_then(|number| number.partial_cmp(other))
        }
        (Value::Bool(value), Cell::Bool(other)) => Some(value.cmp(other)),
        _ => None,
    };
    match op {
        Op::Equal => ordering == Some(Equal),
        Op::Less => ordering == Some(Less),
        Op::LessOrEqual => matches!(ordering, Some(Less | Equal)),
        Op::Greater => ordering == Some(Greater),
        Op::GreaterOrEqual => matches!(ordering, Some(Greater | Equal)),
        Op::NotEqual | Op::StartsWith | Op::Has => false,
    }
}
