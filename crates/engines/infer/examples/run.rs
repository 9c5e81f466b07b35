//! Runs a model on rows, for `clients/onnx/check.py` to compare with onnxruntime.
//!
//! Usage: `run DIR...`, each with model.onnx and rows.json; writes predictions.json beside them.

use std::{env, fs, path::Path};

use base::{Error, Result};
use ports::infer::{Elements, Infer, Tensor};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let infer = engine_infer::open();
    for dir in env::args().skip(1) {
        let dir = Path::new(&dir);
        let read = |name: &str| fs::read(dir.join(name)).map_err(Error::internal);
        let rows: Vec<Value> = serde_json::from_slice(&read("rows.json")?).map_err(Error::internal)?;
        let inputs: Option<Vec<Tensor>> = rows.iter().map(tensor).collect();
        let inputs = inputs.ok_or_else(|| Error::bad_request("usage", "rows.json is no list of tensors"))?;
        let model = infer.load(&read("model.onnx")?)?;
        let outputs: Value = model.run(inputs.clone())?.iter().map(json).collect();
        let mut told = json!({"outputs": outputs});
        match model.explain(inputs) {
            Ok(explanations) => told["explanations"] = json!(explanations),
            Err(error) => told["unexplained"] = json!(error.message()),
        }
        fs::write(dir.join("predictions.json"), told.to_string()).map_err(Error::internal)?;
    }
    Ok(())
}

/// A tensor from its JSON; null is a missing number.
fn tensor(of: &Value) -> Option<Tensor> {
    let data = of["data"].as_array()?;
    let float = |it: &Value| {
        if it.is_null() { Some(f64::NAN) } else { it.as_f64() }
    };
    let elements = match of["datatype"].as_str()? {
        "BOOL" => Elements::Bool(data.iter().map(Value::as_bool).collect::<Option<_>>()?),
        "INT32" => {
            Elements::Int32(data.iter().map(|it| it.as_i64().map(|x| x as i32)).collect::<Option<_>>()?)
        }
        "INT64" => Elements::Int64(data.iter().map(Value::as_i64).collect::<Option<_>>()?),
        "FP32" => Elements::Fp32(data.iter().map(|it| float(it).map(|x| x as f32)).collect::<Option<_>>()?),
        "FP64" => Elements::Fp64(data.iter().map(float).collect::<Option<_>>()?),
        "BYTES" => {
            Elements::Bytes(data.iter().map(|it| it.as_str().map(str::to_owned)).collect::<Option<_>>()?)
        }
        _ => return None,
    };
    Some(Tensor {
        name: of["name"].as_str()?.to_owned(),
        shape: of["shape"]
            .as_array()?
            .iter()
            .map(|it| it.as_u64().map(|x| x as usize))
            .collect::<Option<_>>()?,
        elements,
    })
}

/// A tensor as JSON; a number that is none is null.
fn json(tensor: &Tensor) -> Value {
    let (datatype, data) = match &tensor.elements {
        Elements::Bool(it) => ("BOOL", json!(it)),
        Elements::Int32(it) => ("INT32", json!(it)),
        Elements::Int64(it) => ("INT64", json!(it)),
        Elements::Fp32(it) => ("FP32", json!(it)),
        Elements::Fp64(it) => ("FP64", json!(it)),
        Elements::Bytes(it) => ("BYTES", json!(it)),
    };
    json!({"name": tensor.name, "shape": tensor.shape, "datatype": datatype, "data": data})
}
