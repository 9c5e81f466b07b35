//! Rows as objects of columns, and the elements of a column.

use base::{Error, Result};
use ports::infer::{Datatype, Element, Elements, Make, Signature, Slot, Tensor};
use serde_json::{Map, Value};

use crate::{is_single, shaped};

/// One tensor a column, each of shape rows × 1. A model of one input of many numbers, which have no names, is shown the
/// columns of a row in their order, unless the row names the input.
///
/// # Errors
/// `wrong-type`, `unknown-column` and `tensor-wrong-shape`, each with the row.
pub fn tensors(signature: &Signature, rows: &[Value]) -> Result<Vec<Tensor>> {
    if let [slot] = signature.inputs.as_slice()
        && !is_single(slot)
    {
        return Ok(vec![wide(slot, rows)?]);
    }
    let known: Vec<&str> = signature.inputs.iter().map(|slot| slot.name.as_str()).collect();
    for (i, row) in rows.iter().enumerate() {
        all_known((i, object(i, row)?), &known)?;
    }
    signature
        .inputs
        .iter()
        .map(|slot| {
            let values = rows.iter().map(|row| row.get(&slot.name).unwrap_or(&Value::Null));
            let elements = elements(slot.datatype, values, &slot.name)?;
            let shape = if slot.shape.len() == 1 { vec![rows.len()] } else { vec![rows.len(), 1] };
            Ok(Tensor { name: slot.name.clone(), shape, elements })
        })
        .collect()
}

/// Refuses a column that is none of these.
fn all_known((i, row): (usize, &Map<String, Value>), known: &[&str]) -> Result<()> {
    let Some(name) = row.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let shown: String = name.chars().take(60).collect();
    Err(Error::invalid("unknown-column", format!("the model knows no column `{shown}`"))
        .at(format!("rows[{i}].{shown}"))
        .hint(format!("its columns are: {}", known.join(", "))))
}

fn object(i: usize, row: &Value) -> Result<&Map<String, Value>> {
    row.as_object()
        .ok_or_else(|| Error::invalid("wrong-type", "a row is an object of columns").at(format!("rows[{i}]")))
}

/// The one tensor of rows: what each calls by the input's name, or else its columns, which are those of the first row in
/// their order.
fn wide(slot: &Slot, rows: &[Value]) -> Result<Tensor> {
    let rows: Vec<&Map<String, Value>> =
        rows.iter().enumerate().map(|(i, row)| object(i, row)).collect::<Result<_>>()?;
    let Some(first) = rows.first().filter(|row| !row.contains_key(&slot.name)) else {
        rows.iter().enumerate().try_for_each(|(i, row)| all_known((i, row), &[&slot.name]))?;
        let values: Vec<&Value> =
            rows.iter().map(|row| row.get(&slot.name).unwrap_or(&Value::Null)).collect();
        return shaped(slot, ("rows", &values));
    };
    let columns: Vec<&str> = first.keys().map(String::as_str).collect();
    let sizes: Vec<usize> = match &slot.shape[1..] {
        [size] if *size < 0 => vec![columns.len()],
        sizes => sizes.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect(),
    };
    let wanted: usize = sizes.iter().product();
    if let Some(i) = rows.iter().position(|row| row.len() != wanted) {
        let message =
            format!("`{}` takes {wanted} numbers a row, and there are {} columns", slot.name, rows[i].len());
        return Err(Error::invalid("tensor-wrong-shape", message)
            .at(format!("rows[{i}]"))
            .hint("send the columns the model was made for and no other, in its order"));
    }
    rows.iter().enumerate().try_for_each(|(i, row)| all_known((i, row), &columns))?;
    let all = rows.iter().flat_map(|row| columns.iter().map(|name| row.get(*name).unwrap_or(&Value::Null)));
    let elements = cells(slot.datatype, all, &|at| (at / wanted, columns[at % wanted]))?;
    Ok(Tensor { name: slot.name.clone(), shape: [vec![rows.len()], sizes].concat(), elements })
}

/// The elements of a column from one value a row; a missing number is no number.
///
/// # Errors
/// `wrong-type` for what is none of the type, with the row; whole numbers and booleans are never missing.
pub fn elements<'a>(
    datatype: Datatype,
    values: impl Iterator<Item = &'a Value>,
    name: &'a str,
) -> Result<Elements> {
    cells(datatype, values, &|row| (row, name))
}

/// Elements from values of which is known in which row and column each stands.
fn cells<'a>(
    datatype: Datatype,
    values: impl Iterator<Item = &'a Value>,
    place: &dyn Fn(usize) -> (usize, &'a str),
) -> Result<Elements> {
    struct Cells<'a, 'p, I>(I, &'p dyn Fn(usize) -> (usize, &'a str));
    impl<'a, I: Iterator<Item = &'a Value>> Make for Cells<'a, '_, I> {
        fn all<T: Element>(self) -> Result<Vec<T>> {
            let place = self.1;
            let one = |(at, value): (usize, &Value)| T::from_cell(value).ok_or_else(|| wrong::<T>(place(at)));
            self.0.enumerate().map(one).collect()
        }
    }
    datatype.elements(Cells(values, place))
}

fn wrong<T: Element>((row, name): (usize, &str)) -> Error {
    let wanted = match T::DATATYPE {
        Datatype::Bytes => "a text".to_owned(),
        Datatype::Bool => "true or false".to_owned(),
        float if float.is_float() => "a number".to_owned(),
        integer => format!("a whole number ({})", integer.name()),
    };
    Error::invalid("wrong-type", format!("column `{name}` wants {wanted}")).at(format!("rows[{row}].{name}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(shape: &[i64], rows: Value) -> Result<(Vec<usize>, Elements)> {
        let slot = Slot {
            name: "x".to_owned(),
            datatype: Datatype::Fp32,
            shape: shape.to_vec(),
            categories: Vec::new(),
            optional: false,
        };
        let signature = Signature { inputs: vec![slot], ..Signature::default() };
        let mut tensors = tensors(&signature, rows.as_array().unwrap())?;
        let tensor = tensors.remove(0);
        Ok((tensor.shape, tensor.elements))
    }

    #[test]
    fn an_input_of_many_numbers_takes_the_columns_in_their_order() {
        let four = Elements::Fp32(vec![1.0, 2.0, 3.0, 4.0]);
        let rows = json!([{"b": 1, "a": "2"}, {"a": 4, "b": 3}]);
        assert_eq!(told(&[-1, 2], rows.clone()).unwrap(), (vec![2, 2], four.clone()));
        assert_eq!(told(&[-1, -1], rows).unwrap(), (vec![2, 2], four.clone()));
        assert_eq!(
            told(&[-1, 2], json!([{"x": [1, 2]}, {"x": [3, 4]}])).unwrap(),
            (vec![2, 2], four.clone())
        );
        let picture = json!([{"a": 1, "b": 2, "c": 3, "d": 4}]);
        assert_eq!(told(&[-1, 2, 2], picture).unwrap(), (vec![1, 2, 2], four));
    }

    #[test]
    fn columns_that_are_not_the_model_s_are_refused_where_they_stand() {
        let refused = |shape: &[i64], rows: Value| {
            let error = told(shape, rows).unwrap_err();
            format!("{} at {}", error.code(), error.field().unwrap_or_default())
        };
        assert_eq!(refused(&[-1, 2], json!([{"a": 1, "b": 2}, {"a": 1}])), "tensor-wrong-shape at rows[1]");
        assert_eq!(refused(&[-1, 2], json!([{"a": 1, "b": 2, "c": 3}])), "tensor-wrong-shape at rows[0]");
        assert_eq!(
            refused(&[-1, 2], json!([{"a": 1, "b": 2}, {"a": 1, "b": "z"}])),
            "wrong-type at rows[1].b"
        );
        assert_eq!(
            refused(&[-1, 2], json!([{"a": 1, "b": 2}, {"a": 1, "c": 2}])),
            "unknown-column at rows[1].c"
        );
        assert_eq!(refused(&[-1, 2], json!([{"x": [1, 2], "a": 1}])), "unknown-column at rows[0].a");
        assert_eq!(refused(&[-1, 2], json!([{"x": [1, 2]}, {}])), "tensor-wrong-shape at rows[1]");
        assert_eq!(refused(&[-1, 2, -1], json!([{"a": 1, "b": 2}])), "tensor-wrong-shape at rows[0]");
        assert_eq!(refused(&[-1, 2], json!([[1, 2]])), "wrong-type at rows[0]");
    }
}
