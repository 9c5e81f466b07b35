//! Runs a model on rows, for `clients/onnx/check.py` to compare with onnxruntime.
//!
//! Usage: `run DIR...`, each with model.onnx and rows.json; writes predictions.json beside them.

use std::{env, fs, path::Path};

use base::{Error, Result};
use ports::infer::{Infer, Tensor, json};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let infer = engine_infer::open();
    for dir in env::args().skip(1) {
        let dir = Path::new(&dir);
        let read = |name: &str| fs::read(dir.join(name)).map_err(Error::internal);
        let rows: Vec<Value> = serde_json::from_slice(&read("rows.json")?).map_err(Error::internal)?;
        let inputs: Vec<Tensor> = rows.into_iter().map(json::read).collect::<Result<_>>()?;
        let model = infer.load(&read("model.onnx")?)?;
        let outputs: Value = model.run(inputs.clone())?.iter().map(json::written).collect::<Result<_>>()?;
        let mut told = json!({"outputs": outputs});
        match model.explain(inputs) {
            Ok(explanations) => told["explanations"] = json!(explanations),
            Err(error) => told["unexplained"] = json!(error.message()),
        }
        fs::write(dir.join("predictions.json"), told.to_string()).map_err(Error::internal)?;
    }
    Ok(())
}
