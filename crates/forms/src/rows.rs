//! Rows as objects of columns, and the elements of a column.

use base::{Error, Result};
use ports::infer::{Datatype, Element, Elements, Make, Signature, Tensor};
use serde_json::Value;

/// One tensor a column, each of shape rows × 1.
pub fn tensors(signature: &Signature, rows: &[Value]) -> Result<Vec<Tensor>> {
    for (i, row) in rows.iter().enumerate() {
        let Value::Object(row) = row else {
            return Err(
                Error::invalid("wrong-type", "a row is an object of columns").at(format!("rows[{i}]"))
            );
        };
        let unknown = row.keys().find(|name| !signature.inputs.iter().any(|slot| slot.name == **name));
        if let Some(name) = unknown {
            let known: Vec<&str> = signature.inputs.iter().map(|slot| slot.name.as_str()).collect();
            let shown: String = name.chars().take(60).collect();
            return Err(Error::invalid("unknown-column", format!("the model knows no column `{shown}`"))
                .at(format!("rows[{i}].{shown}"))
                .hint(format!("its columns are: {}", known.join(", "))));
        }
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

/// The elements of a column from one value a row; a missing number is no number.
///
/// # Errors
/// `wrong-type` for what is none of the type, with the row; whole numbers and booleans are never missing.
pub fn elements<'a>(
    datatype: Datatype,
    values: impl Iterator<Item = &'a Value>,
    name: &str,
) -> Result<Elements> {
    struct Cells<'a, I>(I, &'a str);
    impl<'a, I: Iterator<Item = &'a Value>> Make for Cells<'_, I> {
        fn all<T: Element>(self) -> Result<Vec<T>> {
            let name = self.1;
            let one =
                |(row, value): (usize, &Value)| T::from_cell(value).ok_or_else(|| wrong::<T>(row, name));
            self.0.enumerate().map(one).collect()
        }
    }
    datatype.elements(Cells(values, name))
}

fn wrong<T: Element>(row: usize, name: &str) -> Error {
    let wanted = match T::DATATYPE {
        Datatype::Bytes => "a text".to_owned(),
        Datatype::Bool => "true or false".to_owned(),
        float if float.is_float() => "a number".to_owned(),
        integer => format!("a whole number ({})", integer.name()),
    };
    Error::invalid("wrong-type", format!("column `{name}` wants {wanted}")).at(format!("rows[{row}].{name}"))
}
