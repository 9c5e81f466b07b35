//! A predicate decided over the JSON of an object, word for word as `kernel::predicate` says it.

use std::cmp::Ordering;

use base::Time;
use kernel::{
    index::{self, Cell},
    predicate::{Op, Place, Predicate},
    store::Record,
};
use serde_json::Value;

/// Whether an object is what a predicate asks for.
pub fn holds(predicate: &Predicate, record: &Record) -> bool {
    match predicate {
        Predicate::All(parts) => parts.iter().all(|part| holds(part, record)),
        Predicate::Any(parts) => parts.iter().any(|part| holds(part, record)),
        Predicate::Not(part) => !holds(part, record),
        Predicate::Compare { place, op, cell } => match op {
            Op::NotEqual => !compare(record, place, Op::Equal, cell),
            op => compare(record, place, *op, cell),
        },
    }
}

fn compare(record: &Record, place: &Place, op: Op, cell: &Cell) -> bool {
    let value = value(record, place);
    let elements = matches!(place, Place::Term(_));
    let values = match &value {
        Value::Array(items) if elements => items.as_slice(),
        Value::Object(_) if elements && *cell != Cell::Null => &[],
        value => std::slice::from_ref(value),
    };
    if *cell == Cell::Null {
        return op == Op::Equal && values.iter().all(Value::is_null);
    }
    values.iter().any(|value| one(value, op, cell))
}

/// The value at a place; a moment as its text.
fn value(record: &Record, place: &Place) -> Value {
    let path = match place {
        Place::Name => return record.name.clone().into(),
        Place::Uid => return record.uid.as_str().into(),
        Place::Project => return record.project.clone().into(),
        Place::Created => return record.created.to_string().into(),
        Place::Version => return record.version.into(),
        Place::Generation => return record.generation.into(),
        Place::Term(key) => index::path(key),
        Place::Body(path) => path.clone(),
    };
    let body: Value = serde_json::from_str(&record.body).expect("a draft's body is JSON");
    let found = path.iter().try_fold(&body, |value, name| value.as_object()?.get(name));
    found.cloned().unwrap_or_default()
}

fn one(value: &Value, op: Op, cell: &Cell) -> bool {
    if op == Op::Has {
        return match (value, cell) {
            (Value::Array(items), _) => items.iter().any(|item| one(item, Op::Equal, cell)),
            (Value::Object(map), Cell::Text(key)) => map.contains_key(key),
            (Value::String(text), Cell::Text(part)) => text.contains(part),
            _ => one(value, Op::Equal, cell),
        };
    }
    let order = match (value, cell) {
        (Value::String(text), Cell::Text(start)) if op == Op::StartsWith => {
            return text.starts_with(start);
        }
        (Value::String(left), Cell::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::String(left), Cell::Time(right)) => left.parse::<Time>().ok().map(|left| left.cmp(right)),
        (Value::Number(left), Cell::Number(right)) => left.as_f64().and_then(|left| left.partial_cmp(right)),
        (Value::Bool(left), Cell::Bool(right)) => Some(left.cmp(right)),
        _ => None,
    };
    order.is_some_and(|order| match op {
        Op::Equal => order == Ordering::Equal,
        Op::Less => order == Ordering::Less,
        Op::LessOrEqual => order != Ordering::Greater,
        Op::Greater => order == Ordering::Greater,
        Op::GreaterOrEqual => order != Ordering::Less,
        Op::NotEqual | Op::StartsWith | Op::Has => false,
    })
}
