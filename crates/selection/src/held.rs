//! Decides a predicate on an object in memory, with the same meaning stores give it in SQL.

use serde_json::Value;
use store::{
    index::Cell,
    predicate::{Op, Place, Predicate},
};

/// Whether a predicate holds of what has these values at a place: a list's elements one by one where an index would
/// hold them so, and none where there is nothing.
pub fn holds(predicate: &Predicate, values: &dyn Fn(&Place) -> Vec<Value>) -> bool {
    match predicate {
        Predicate::All(parts) => parts.iter().all(|part| holds(part, values)),
        Predicate::Any(parts) => parts.iter().any(|part| holds(part, values)),
        Predicate::Not(part) => !holds(part, values),
        Predicate::Compare { place, op, cell } => compare(&values(place), *op, cell),
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
