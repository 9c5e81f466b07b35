//! Tensors as JSON: "Tensor Data" of the Open Inference Protocol v2.

use base::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Datatype, Elements, Tensor};

/// A tensor as the protocol writes it.
#[derive(Deserialize)]
struct Written {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    data: Vec<Value>,
}

/// A tensor from the JSON of a request.
///
/// # Errors
/// `bad-tensor`, `tensor-wrong-shape`, `tensor-wrong-type`, each with the field.
pub fn read(value: Value) -> Result<Tensor> {
    let written: Written = serde_json::from_value(value).map_err(|error| {
        Error::invalid("bad-tensor", format!("this is no tensor: {error}"))
            .hint("a tensor is {\"name\", \"shape\", \"datatype\", \"data\"}")
    })?;
    let shape: Vec<usize> = written.shape.iter().map(|size| *size as usize).collect();
    let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    let mut flat = Vec::new();
    flatten(Value::Array(written.data), &mut flat);
    if count != Some(flat.len()) {
        return Err(Error::invalid(
            "tensor-wrong-shape",
            format!("the shape {:?} does not hold {} elements", written.shape, flat.len()),
        )
        .at("data"));
    }
    let elements = elements(&written.datatype, flat)?;
    Ok(Tensor { name: written.name, shape, elements })
}

/// Nested lists are the same as flat ones (the protocol allows both).
fn flatten(value: Value, flat: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.into_iter().for_each(|item| flatten(item, flat)),
        other => flat.push(other),
    }
}

fn elements(datatype: &str, flat: Vec<Value>) -> Result<Elements> {
    fn each<T>(flat: Vec<Value>, wanted: &str, one: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>> {
        flat.iter()
            .enumerate()
            .map(|(i, value)| {
                one(value).ok_or_else(|| {
                    Error::invalid("tensor-wrong-type", format!("the element is not {wanted}"))
                        .at(format!("data[{i}]"))
                })
            })
            .collect()
    }
    // JSON has no NaN; null stands for a missing number.
    let float = |value: &Value| if value.is_null() { Some(f64::NAN) } else { value.as_f64() };
    Ok(match Datatype::named(datatype)? {
        Datatype::Bool => Elements::Bool(each(flat, "a boolean", Value::as_bool)?),
        Datatype::Int32 => {
            Elements::Int32(each(flat, "an INT32", |value| i32::try_from(value.as_i64()?).ok())?)
        }
        Datatype::Int64 => Elements::Int64(each(flat, "an INT64", Value::as_i64)?),
        Datatype::Fp32 => {
            Elements::Fp32(each(flat, "a number", |value| float(value).map(|number| number as f32))?)
        }
        Datatype::Fp64 => Elements::Fp64(each(flat, "a number", float)?),
        Datatype::Bytes => Elements::Bytes(each(flat, "a text", |value| match value {
            Value::Null => Some(String::new()),
            Value::String(text) => Some(text.clone()),
            _ => None,
        })?),
    })
}

/// A tensor as the JSON of an answer; what is no finite number is null there.
pub fn written(tensor: Tensor) -> Value {
    let finite = |number: f64| if number.is_finite() { json!(number) } else { Value::Null };
    let (datatype, data) = match tensor.elements {
        Elements::Bool(values) => (Datatype::Bool, json!(values)),
        Elements::Int32(values) => (Datatype::Int32, json!(values)),
        Elements::Int64(values) => (Datatype::Int64, json!(values)),
        Elements::Fp32(values) => {
            (Datatype::Fp32, values.into_iter().map(|value| finite(f64::from(value))).collect())
        }
        Elements::Fp64(values) => (Datatype::Fp64, values.into_iter().map(finite).collect()),
        Elements::Bytes(values) => (Datatype::Bytes, json!(values)),
    };
    json!({"name": tensor.name, "datatype": datatype, "shape": tensor.shape, "data": data})
}
