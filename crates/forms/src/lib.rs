//! The forms inputs come in beside tensors: instances, one a row, and columns, one an input.

use base::{Error, Result};
use ports::infer::{Model, Question, Signature, Slot, Tensor};
use serde_json::Value;

mod generate;
pub mod outputs;
pub mod rows;

pub use generate::written as generated;

/// Inputs in one of the forms faces read.
pub enum Inputs {
    /// Tensors.
    Tensors(Vec<Tensor>),
    /// One value a row: an object of columns, a list in the order of the inputs, or a single value.
    Instances(Vec<Value>),
    /// One list of rows for each input.
    Columns(serde_json::Map<String, Value>),
    /// Fields of one row, as the generate extension has them: inputs by name, a text, and parameters of the model.
    Fields(serde_json::Map<String, Value>),
}

impl Inputs {
    /// How many rows they carry.
    pub fn rows(&self) -> usize {
        match self {
            Self::Tensors(tensors) => tensors.first().and_then(|it| it.shape.first().copied()).unwrap_or(0),
            Self::Instances(rows) => rows.len(),
            Self::Columns(columns) => columns.values().next().and_then(Value::as_array).map_or(0, Vec::len),
            Self::Fields(_) => 1,
        }
    }

    /// The tensors a model takes.
    pub fn tensors(self, signature: &Signature) -> Result<Vec<Tensor>> {
        match self {
            Self::Tensors(tensors) => Ok(tensors),
            Self::Instances(rows) => instances(signature, &rows),
            Self::Columns(columns) => by_column(signature, &columns),
            Self::Fields(fields) => Ok(generate::read(signature, fields, false)?.0),
        }
    }

    /// What a model is asked: its tensors, and the parameters it takes.
    pub fn question(self, model: &dyn Model, signature: &Signature) -> Result<Question> {
        let (inputs, params) = match self {
            Self::Fields(fields) => generate::read(signature, fields, model.takes_params())?,
            other => (other.tensors(signature)?, serde_json::Map::new()),
        };
        Ok(Question { inputs, params, in_parts: false })
    }
}

/// Whether a slot takes one value a row.
fn is_single(slot: &Slot) -> bool {
    slot.shape.iter().skip(1).all(|size| *size == 1) || slot.shape.len() < 2
}

fn instances(signature: &Signature, rows: &[Value]) -> Result<Vec<Tensor>> {
    let singles = signature.inputs.iter().all(is_single);
    if rows.first().is_some_and(Value::is_object) {
        if singles {
            return rows::tensors(signature, rows);
        }
        let slots = signature.inputs.iter();
        return slots
            .map(|slot| {
                shaped(slot, ("instances", &rows.iter().map(|row| &row[&slot.name]).collect::<Vec<_>>()))
            })
            .collect();
    }
    if let [slot] = signature.inputs.as_slice() {
        let one = |row: &'_ Value| -> Value {
            match row {
                // A list of one for an input of one is that one.
                Value::Array(items) if is_single(slot) && items.len() == 1 => items[0].clone(),
                other => other.clone(),
            }
        };
        let rows: Vec<Value> = rows.iter().map(one).collect();
        return Ok(vec![shaped(slot, ("instances", &rows.iter().collect::<Vec<_>>()))?]);
    }
    let wanted = signature.inputs.len();
    for (i, row) in rows.iter().enumerate() {
        if row.as_array().is_none_or(|items| items.len() != wanted) {
            return Err(Error::invalid(
                "wrong-type",
                format!("an instance is an object, or a list of {wanted} values"),
            )
            .at(format!("instances[{i}]")));
        }
    }
    let slots = signature.inputs.iter().enumerate();
    slots
        .map(|(at, slot)| shaped(slot, ("instances", &rows.iter().map(|row| &row[at]).collect::<Vec<_>>())))
        .collect()
}

fn by_column(signature: &Signature, columns: &serde_json::Map<String, Value>) -> Result<Vec<Tensor>> {
    let known = |name: &String| signature.inputs.iter().any(|slot| slot.name == *name);
    if let Some(name) = columns.keys().find(|name| !known(name)) {
        let shown: String = name.chars().take(60).collect();
        let names: Vec<&str> = signature.inputs.iter().map(|slot| slot.name.as_str()).collect();
        return Err(Error::invalid("unknown-column", format!("the model knows no column `{shown}`"))
            .at(format!("inputs.{shown}"))
            .hint(format!("its columns are: {}", names.join(", "))));
    }
    let rows = columns.values().next().and_then(Value::as_array).map_or(0, Vec::len);
    let column = |slot: &Slot| {
        let Some(values) = columns.get(&slot.name) else {
            return shaped(slot, ("instances", &vec![&Value::Null; rows]));
        };
        match values.as_array() {
            Some(values) if values.len() == rows => {
                shaped(slot, ("instances", &values.iter().collect::<Vec<_>>()))
            }
            _ => Err(Error::invalid(
                "tensor-wrong-shape",
                format!("column `{}` is no list of {rows} rows", slot.name),
            )
            .at(format!("inputs.{}", slot.name))),
        }
    };
    signature.inputs.iter().map(column).collect()
}

/// The tensor of a slot from one value a row, each single or nested lists of one shape; the rows are those of a place.
fn shaped(slot: &Slot, (place, rows): (&str, &[&Value])) -> Result<Tensor> {
    let mut shape = vec![rows.len()];
    let first = rows.first().map(|row| dims(row)).unwrap_or_default();
    match (slot.shape.len(), first.is_empty()) {
        (0 | 1, true) => {}
        (_, true) => shape.extend(slot.shape.iter().skip(1).map(|_| 1)),
        (_, false) => shape.extend(&first),
    }
    let mut flat = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        if !flatten(row, &first, &mut flat) {
            return Err(Error::invalid(
                "tensor-wrong-shape",
                format!("`{}` has not one shape in all rows", slot.name),
            )
            .at(format!("{place}[{i}]")));
        }
    }
    let elements = rows::elements(slot.datatype, flat.into_iter(), &slot.name)?;
    Ok(Tensor { name: slot.name.clone(), shape, elements })
}

fn dims(value: &Value) -> Vec<usize> {
    match value {
        Value::Array(items) => {
            let mut sizes = vec![items.len()];
            sizes.extend(items.first().map(dims).unwrap_or_default());
            sizes
        }
        _ => Vec::new(),
    }
}

/// Whether a value has just these sizes, with its elements put behind the others.
fn flatten<'a>(value: &'a Value, sizes: &[usize], flat: &mut Vec<&'a Value>) -> bool {
    match (value, sizes.split_first()) {
        (Value::Array(items), Some((size, rest))) => {
            items.len() == *size && items.iter().all(|item| flatten(item, rest, flat))
        }
        (Value::Array(_), None) | (_, Some(_)) => false,
        (other, None) => {
            flat.push(other);
            true
        }
    }
}

/// One value a row, as plain clients expect it: the label of a classifier, else the first output.
pub fn plain(outputs: &[Tensor], rows: usize) -> Vec<Value> {
    let label = outputs.iter().find(|it| matches!(it.name.as_str(), "label" | "output_label"));
    let Some(tensor) = label.or(outputs.first()) else { return Vec::new() };
    let data = tensor.elements.json();
    let width = data.len().checked_div(rows).unwrap_or(0);
    match width {
        0 => Vec::new(),
        1 if tensor.shape.len() < 3 => data,
        _ => data.chunks(width).map(|row| Value::Array(row.to_vec())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use ports::infer::{Datatype, Elements};
    use serde_json::json;

    use super::*;

    fn slot(name: &str, shape: &[i64]) -> Slot {
        Slot {
            name: name.to_owned(),
            datatype: Datatype::Fp32,
            shape: shape.to_vec(),
            categories: Vec::new(),
            optional: false,
        }
    }

    fn read(inputs: Vec<Slot>, form: Inputs) -> Result<Vec<(Vec<usize>, Elements)>> {
        let signature = Signature { inputs, ..Signature::default() };
        Ok(form.tensors(&signature)?.into_iter().map(|it| (it.shape, it.elements)).collect())
    }

    #[test]
    fn instances_fit_inputs_of_one_value_and_of_many() {
        let rows = |value: Value| Inputs::Instances(value.as_array().cloned().unwrap());
        let many = vec![(vec![2, 2], Elements::Fp32(vec![1.0, 2.0, 3.0, 4.0]))];
        assert_eq!(read(vec![slot("x", &[-1, 2])], rows(json!([[1, 2], [3, 4]]))).unwrap(), many);
        assert_eq!(
            read(vec![slot("x", &[-1, 2])], rows(json!([{"x": [1, 2]}, {"x": [3, 4]}]))).unwrap(),
            many
        );
        let one = vec![(vec![2, 1], Elements::Fp32(vec![1.0, 3.0]))];
        assert_eq!(read(vec![slot("x", &[-1, 1])], rows(json!([[1], 3]))).unwrap(), one);
        let two =
            vec![(vec![2, 1], Elements::Fp32(vec![1.0, 3.0])), (vec![2, 1], Elements::Fp32(vec![2.0, 4.0]))];
        let columns = || vec![slot("a", &[-1, 1]), slot("b", &[-1, 1])];
        assert_eq!(read(columns(), rows(json!([[1, 2], [3, 4]]))).unwrap(), two);
        assert_eq!(read(columns(), rows(json!([{"a": 1, "b": 2}, {"b": 4, "a": 3}]))).unwrap(), two);
        let named = json!({"a": [1, 3], "b": [2, 4]}).as_object().cloned().unwrap();
        assert_eq!(read(columns(), Inputs::Columns(named)).unwrap(), two);
    }

    #[test]
    fn what_has_no_one_shape_is_refused() {
        for (rows, code) in [
            (json!([[1, 2], [3]]), "tensor-wrong-shape"),
            (json!([[1, "x"], [3, 4]]), "wrong-type"),
            (json!([[1, [2]], [3, 4]]), "tensor-wrong-shape"),
        ] {
            let form = Inputs::Instances(rows.as_array().cloned().unwrap());
            let refused = read(vec![slot("x", &[-1, 2])], form);
            assert!(
                refused.is_err_and(|error| error.code() == code || error.code() == "tensor-wrong-shape"),
                "{rows}"
            );
        }
        let columns = vec![slot("a", &[-1, 1]), slot("b", &[-1, 1])];
        let refused = read(columns, Inputs::Instances(vec![json!([1])]));
        assert_eq!(refused.unwrap_err().code(), "wrong-type");
    }

    #[test]
    fn plain_answers_are_one_a_row() {
        let tensor = |name: &str, shape: &[usize], elements: Elements| Tensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            elements,
        };
        let odds = tensor("probabilities", &[2, 2], Elements::Fp32(vec![0.5, 0.5, 0.25, 0.75]));
        let label = tensor("label", &[2], Elements::Bytes(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(plain(&[odds.clone(), label], 2), [json!("a"), json!("b")]);
        assert_eq!(plain(&[odds], 2), [json!([0.5, 0.5]), json!([0.25, 0.75])]);
        assert_eq!(plain(&[], 2), Vec::<Value>::new());
    }
}
