//! From a request to rows of the log: one column a value, whatever the model's tensors look like.

use ports::{
    each_element,
    infer::{Datatype, Element, Elements, Tensor},
    requestlog::{COLUMNS, Entry, INPUT, OUTPUT, WHY},
    table::ColumnType,
};
use serde_json::{Value, json};

/// Tensors with more values a row than this are left out.
const WIDTH_MAX: usize = 256;
/// The most columns of a row.
const COLUMNS_MAX: usize = 1_000;

/// A column's name and type.
pub type Head = (String, ColumnType);

/// The rows of a request.
pub struct Rows {
    /// The columns.
    pub heads: Vec<Head>,
    /// One list of values a row, in the order of the columns. The number of the row is left to the shelf.
    pub rows: Vec<Vec<Value>>,
}

/// Reads the rows of a request.
pub fn of(entry: &Entry) -> Rows {
    let count =
        entry.inputs.iter().chain(&entry.outputs).find_map(|it| it.shape.first().copied()).unwrap_or(0);
    let mut heads: Vec<Head> = COLUMNS.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    let seconds = entry.at.micros() as f64 / 1e6;
    let own = |row: usize| {
        vec![
            Value::Null,
            json!(entry.id),
            json!(row),
            json!(seconds),
            json!(entry.caller),
            json!(entry.version),
            json!(entry.revision),
            json!(entry.seconds * 1e3),
        ]
    };
    let mut rows: Vec<Vec<Value>> = (0..count).map(own).collect();
    for (tensors, prefix) in [(&entry.inputs, INPUT), (&entry.outputs, OUTPUT)] {
        for tensor in tensors {
            spread(entry, (tensor, prefix), &mut heads, &mut rows);
        }
    }
    if let Some(first) = entry.explanations.first() {
        heads.push(("base".to_owned(), ColumnType::Number));
        let names: Vec<&String> =
            first.contributions.keys().filter(|name| !entry.policy.redact.contains(name)).collect();
        heads.extend(names.iter().map(|name| (format!("{WHY}{name}"), ColumnType::Number)));
        for (row, why) in rows.iter_mut().zip(&entry.explanations) {
            row.push(json!(why.base));
            row.extend(names.iter().map(|name| json!(why.contributions.get(*name))));
        }
    }
    Rows { heads, rows }
}

/// Puts the values of a tensor behind those of the rows.
fn spread(entry: &Entry, (tensor, prefix): (&Tensor, &str), heads: &mut Vec<Head>, rows: &mut [Vec<Value>]) {
    let count = rows.len();
    let width = tensor.elements.count().checked_div(count).unwrap_or(0);
    if width == 0 || width > WIDTH_MAX || width * count != tensor.elements.count() {
        return;
    }
    let kind = match tensor.elements.datatype() {
        Datatype::Bool => ColumnType::Boolean,
        Datatype::Bytes => ColumnType::Text,
        float if float.is_float() => ColumnType::Number,
        _integer => ColumnType::Integer,
    };
    let is_chances = tensor.name == "probabilities" && width == entry.classes.len();
    for at in 0..width {
        let name = match width {
            _ if is_chances => format!("{}.{}", tensor.name, entry.classes[at]),
            1 => tensor.name.clone(),
            _ => format!("{}[{at}]", tensor.name),
        };
        let hidden = entry.policy.redact.iter().any(|it| *it == name || *it == tensor.name);
        if hidden || heads.len() >= COLUMNS_MAX {
            continue;
        }
        heads.push((format!("{prefix}{name}"), kind));
        for (place, row) in rows.iter_mut().enumerate() {
            row.push(value(&tensor.elements, place * width + at));
        }
    }
}

fn value(elements: &Elements, at: usize) -> Value {
    match elements {
        Elements::Bool(values) => json!(u8::from(values[at])),
        Elements::Bytes(values) if values[at].trim().is_empty() => Value::Null,
        Elements::Bytes(values) => json!(values[at].trim()),
        numbers => each_element!(numbers, values => values[at].json()),
    }
}
