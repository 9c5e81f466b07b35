//! Tensors as JSON: the Open Inference Protocol v2's requests and answers.

use std::sync::Arc;

use kernel::prelude::*;
use ports::infer::{Datatype, Elements, Tensor};

use crate::{predict, serving::Loaded};

/// An inference request (Open Inference Protocol v2, "Inference Request JSON Object").
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Request {
    /// The caller's name for the request.
    #[field(max = 200)]
    pub id: Option<String>,
    /// Parameters of the request; none change the answer yet.
    pub parameters: Option<Value>,
    /// One tensor for each input of the model.
    #[field(min = 1, max = 1000)]
    pub inputs: Vec<Value>,
    /// The outputs wanted; all when absent.
    pub outputs: Option<Vec<Value>>,
}

impl Request {
    /// How many rows it carries: the first number of the first tensor's shape.
    pub fn rows(&self) -> usize {
        let shape = self.inputs.first().map(|tensor| &tensor["shape"][0]);
        shape.and_then(Value::as_u64).map_or(0, |rows| usize::try_from(rows).unwrap_or(usize::MAX))
    }
}

/// A tensor as the protocol writes it.
#[derive(Deserialize)]
struct Written {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    data: Vec<Value>,
}

/// Runs a model on a request's tensors.
pub async fn infer(cx: &Cx, loaded: Arc<Loaded>, endpoint: &str, ask: Request) -> Result<Value> {
    let mut inputs = Vec::new();
    for (i, value) in ask.inputs.into_iter().enumerate() {
        inputs.push(read(value).map_err(|error| {
            let at =
                error.field().map_or_else(|| format!("inputs[{i}]"), |field| format!("inputs[{i}].{field}"));
            error.at(at)
        })?);
    }
    let rows = inputs.first().and_then(|tensor| tensor.shape.first().copied()).unwrap_or(0);
    if rows > predict::ROWS_MAX {
        return Err(Error::too_large(
            "too-many-rows",
            format!("at most {} rows a request", predict::ROWS_MAX),
        ));
    }
    let outputs = predict::run(cx, &loaded, inputs, rows).await?;
    let wanted = ask.outputs.map(|wanted| names(&wanted, &outputs)).transpose()?;
    let outputs: Vec<Value> = outputs
        .into_iter()
        .filter(|tensor| wanted.as_ref().is_none_or(|wanted| wanted.contains(&tensor.name)))
        .map(written)
        .collect();
    let mut answer = json!({
        "model_name": endpoint,
        "model_version": loaded.number.to_string(),
        "outputs": outputs,
    });
    if let Some(id) = ask.id {
        answer["id"] = id.into();
    }
    Ok(answer)
}

/// The names of the outputs wanted, each of which must be one the model has.
fn names(wanted: &[Value], outputs: &[Tensor]) -> Result<Vec<String>> {
    let known = |name: &str| outputs.iter().any(|tensor| tensor.name == name);
    let name = |(i, output): (usize, &Value)| match output["name"].as_str() {
        Some(name) if known(name) => Ok(name.to_owned()),
        _ => {
            let known: Vec<&str> = outputs.iter().map(|tensor| tensor.name.as_str()).collect();
            Err(Error::invalid("bad-tensor", "the model has no such output")
                .at(format!("outputs[{i}].name"))
                .hint(format!("its outputs are: {}", known.join(", "))))
        }
    };
    wanted.iter().enumerate().map(name).collect()
}

fn read(value: Value) -> Result<Tensor> {
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
    Ok(match datatype {
        "BOOL" => Elements::Bool(each(flat, "a boolean", Value::as_bool)?),
        "INT32" => Elements::Int32(each(flat, "an INT32", |value| i32::try_from(value.as_i64()?).ok())?),
        "INT64" => Elements::Int64(each(flat, "an INT64", Value::as_i64)?),
        "FP32" => Elements::Fp32(each(flat, "a number", |value| float(value).map(|number| number as f32))?),
        "FP64" => Elements::Fp64(each(flat, "a number", float)?),
        "BYTES" => Elements::Bytes(each(flat, "a text", |value| match value {
            Value::Null => Some(String::new()),
            Value::String(text) => Some(text.clone()),
            _ => None,
        })?),
        other => {
            return Err(Error::invalid(
                "tensor-wrong-type",
                format!("the datatype `{other}` is not carried"),
            )
            .at("datatype")
            .hint("BOOL, INT32, INT64, FP32, FP64 and BYTES are"));
        }
    })
}

fn written(tensor: Tensor) -> Value {
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
