//! What is done with the cells of tables in memory: read as JSON, cast, compared, filled, chosen, told apart.

use std::collections::HashMap;

use base::{Digest, Error, Result, Time};
use serde_json::{Value, json};

use super::{Column, ColumnType, Table, Values};

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// They are equal.
    Equal,
    /// They differ.
    NotEqual,
    /// The row's is smaller.
    Below,
    /// The row's is smaller or equal.
    AtMost,
    /// The row's is larger.
    Above,
    /// The row's is larger or equal.
    AtLeast,
    /// The row's is one of a list.
    In,
    /// The row has none.
    Missing,
    /// The row has one.
    Present,
}

/// A cell as JSON; a missing value is null.
pub fn value(column: &Column, row: usize) -> Value {
    match (&column.values, column.kind) {
        (Values::Texts { codes, distinct }, _) => {
            codes[row].map_or(Value::Null, |code| distinct[code as usize].clone().into())
        }
        (Values::Numbers(numbers), _) if numbers[row].is_nan() => Value::Null,
        (Values::Numbers(numbers), ColumnType::Integer) => json!(numbers[row] as i64),
        (Values::Numbers(numbers), ColumnType::Boolean) => json!(numbers[row] != 0.0),
        (Values::Numbers(numbers), ColumnType::Time) => {
            json!(Time::from_micros((numbers[row] * 1e6) as i64))
        }
        (Values::Numbers(numbers), ColumnType::Number | ColumnType::Text) => json!(numbers[row]),
    }
}

/// Whether a row has no value.
pub fn missing(column: &Column, row: usize) -> bool {
    match &column.values {
        Values::Numbers(numbers) => numbers[row].is_nan(),
        Values::Texts { codes, .. } => codes[row].is_none(),
    }
}

/// A cell as a text; none where it is missing.
pub fn text(column: &Column, row: usize) -> Option<String> {
    match value(column, row) {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// Some rows of a table.
pub fn chosen(table: &Table, rows: &[usize]) -> Table {
    let column = |it: &Column| Column {
        name: it.name.clone(),
        kind: it.kind,
        values: match &it.values {
            Values::Numbers(numbers) => Values::Numbers(rows.iter().map(|row| numbers[*row]).collect()),
            Values::Texts { codes, distinct } => Values::Texts {
                codes: rows.iter().map(|row| codes[*row]).collect(),
                distinct: distinct.clone(),
            },
        },
    };
    Table { rows: rows.len(), columns: table.columns.iter().map(column).collect() }
}

/// A column as another type; what does not fit becomes missing.
pub fn cast(column: &Column, kind: ColumnType) -> Column {
    let values = match (&column.values, kind) {
        (_, kind) if kind == column.kind => column.values.clone(),
        (Values::Numbers(numbers), ColumnType::Text) => {
            texts((0..numbers.len()).map(|row| text(column, row)))
        }
        (Values::Numbers(numbers), kind) => {
            Values::Numbers(numbers.iter().map(|x| number_as(*x, kind)).collect())
        }
        (Values::Texts { codes, distinct }, kind) => {
            let read: Vec<f64> = distinct.iter().map(|text| read(text, kind).unwrap_or(f64::NAN)).collect();
            Values::Numbers(
                codes.iter().map(|code| code.map_or(f64::NAN, |code| read[code as usize])).collect(),
            )
        }
    };
    Column { name: column.name.clone(), kind, values }
}

fn number_as(x: f64, kind: ColumnType) -> f64 {
    match kind {
        ColumnType::Integer => x.trunc(),
        ColumnType::Boolean if x.is_nan() => x,
        ColumnType::Boolean => f64::from(u8::from(x != 0.0)),
        ColumnType::Number | ColumnType::Time | ColumnType::Text => x,
    }
}

/// A text as a number of a type.
pub fn read(text: &str, kind: ColumnType) -> Option<f64> {
    let text = text.trim();
    let number = || text.parse::<f64>().ok().filter(|x| x.is_finite());
    match kind {
        ColumnType::Integer => number().filter(|x| x.fract() == 0.0),
        ColumnType::Number => number(),
        ColumnType::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(1.0),
            "false" | "no" | "0" => Some(0.0),
            _ => None,
        },
        ColumnType::Time => {
            let day = format!("{text}T00:00:00Z");
            let time: Time = text.parse().or_else(|_| day.parse()).ok()?;
            Some(time.micros() as f64 / 1e6)
        }
        ColumnType::Text => None,
    }
}

fn texts(all: impl Iterator<Item = Option<String>>) -> Values {
    let mut places = HashMap::<String, u32>::new();
    let mut distinct = Vec::new();
    let codes = all
        .map(|text| {
            let text = text?;
            Some(*places.entry(text).or_insert_with_key(|text| {
                distinct.push(text.clone());
                distinct.len() as u32 - 1
            }))
        })
        .collect();
    Values::Texts { codes, distinct }
}

/// A value as a column's numbers are kept.
fn as_number(value: &Value, kind: ColumnType) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::String(text) => read(text, kind),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn unfit(column: &Column) -> Error {
    let message = format!("the value does not fit column `{}`, which is {:?}", column.name, column.kind);
    Error::invalid("wrong-type", message.to_lowercase()).at("value")
}

/// Which rows compare.
pub fn fits<'a>(
    column: &'a Column,
    compare: Compare,
    value: Option<&Value>,
) -> Result<Box<dyn Fn(usize) -> bool + 'a>> {
    let there = |row: usize| match &column.values {
        Values::Numbers(numbers) => !numbers[row].is_nan(),
        Values::Texts { codes, .. } => codes[row].is_some(),
    };
    match compare {
        Compare::Present => return Ok(Box::new(there)),
        Compare::Missing => return Ok(Box::new(move |row| !there(row))),
        Compare::Equal | Compare::NotEqual | Compare::Below | Compare::AtMost => {}
        Compare::Above | Compare::AtLeast | Compare::In => {}
    }
    let value =
        value.ok_or_else(|| Error::invalid("missing-field", "this step needs `value`").at("value"))?;
    let listed: Vec<Value> = match (compare, value) {
        (Compare::In, Value::Array(values)) => values.clone(),
        (Compare::In, _) => return Err(Error::invalid("wrong-type", "`value` is a list here").at("value")),
        (_, value) => vec![value.clone()],
    };
    match &column.values {
        Values::Numbers(numbers) => {
            let wanted: Option<Vec<f64>> = listed.iter().map(|value| as_number(value, column.kind)).collect();
            let wanted = wanted.ok_or_else(|| unfit(column))?;
            Ok(Box::new(move |row| {
                !numbers[row].is_nan()
                    && wanted.iter().any(|wanted| holds(compare, numbers[row].total_cmp(wanted)))
            }))
        }
        Values::Texts { codes, distinct } => {
            let wanted: Option<Vec<&str>> = listed.iter().map(Value::as_str).collect();
            let wanted = wanted.ok_or_else(|| unfit(column))?;
            let right: Vec<bool> = distinct
                .iter()
                .map(|text| wanted.iter().any(|wanted| holds(compare, text.as_str().cmp(wanted))))
                .collect();
            Ok(Box::new(move |row| codes[row].is_some_and(|code| right[code as usize])))
        }
    }
}

fn holds(compare: Compare, order: std::cmp::Ordering) -> bool {
    match compare {
        Compare::Equal | Compare::In => order.is_eq(),
        Compare::NotEqual => order.is_ne(),
        Compare::Below => order.is_lt(),
        Compare::AtMost => order.is_le(),
        Compare::Above => order.is_gt(),
        Compare::AtLeast => order.is_ge(),
        Compare::Missing | Compare::Present => false,
    }
}

/// Gives missing values a value.
pub fn fill(column: &mut Column, value: &Value) -> Result<()> {
    let number = as_number(value, column.kind);
    let wrong = unfit(column);
    match &mut column.values {
        Values::Numbers(numbers) => {
            let number = number.ok_or(wrong)?;
            for x in numbers.iter_mut().filter(|x| x.is_nan()) {
                *x = number;
            }
        }
        Values::Texts { codes, distinct } => {
            let text = value.as_str().ok_or(wrong)?;
            let code = distinct.iter().position(|it| it == text).unwrap_or_else(|| {
                distinct.push(text.to_owned());
                distinct.len() - 1
            });
            for missing in codes.iter_mut().filter(|code| code.is_none()) {
                *missing = Some(code as u32);
            }
        }
    }
    Ok(())
}

/// Sixteen bytes that tell rows apart: the front of BLAKE3 over their values.
pub fn digest(table: &Table, columns: &[usize], row: usize) -> [u8; 16] {
    let mut bytes = Vec::new();
    for column in columns.iter().map(|at| &table.columns[*at]) {
        match &column.values {
            Values::Numbers(numbers) => {
                // Zero has two signs and not-a-number many forms.
                let x = if numbers[row] == 0.0 { 0.0 } else { numbers[row] };
                bytes.push(u8::from(x.is_nan()));
                bytes.extend(if x.is_nan() { [0; 8] } else { x.to_bits().to_le_bytes() });
            }
            Values::Texts { codes, distinct } => match codes[row] {
                None => bytes.push(1),
                Some(code) => {
                    let text = distinct[code as usize].as_bytes();
                    bytes.push(0);
                    bytes.extend((text.len() as u64).to_le_bytes());
                    bytes.extend(text);
                }
            },
        }
    }
    let mut front = [0; 16];
    front.copy_from_slice(&Digest::of(&bytes).bytes()[..16]);
    front
}
