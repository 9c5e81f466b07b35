//! The Open Inference Protocol v2 over REST, from the client's side.

use ports::infer::{Datatype, Signature, Slot, Tensor, json};
use serde_json::{Value, json as object};

use crate::speech::{Introduction, Question};

/// "Model Ready" and "Model Metadata".
pub fn introduction(model: &str) -> Introduction {
    Introduction {
        health: format!("/v2/models/{}/ready", crate::segment(model)),
        model: Some(format!("/v2/models/{}", crate::segment(model))),
    }
}

/// A model's metadata as a signature.
pub fn signature(told: &Value) -> Result<Signature, String> {
    let slots = |field: &str| {
        let listed = told[field].as_array().map(Vec::as_slice).unwrap_or_default();
        listed.iter().map(slot).collect::<Result<Vec<Slot>, String>>()
    };
    Ok(Signature { inputs: slots("inputs")?, outputs: slots("outputs")?, ..Signature::default() })
}

fn slot(told: &Value) -> Result<Slot, String> {
    let text = |field: &str| told[field].as_str().unwrap_or_default();
    let datatype = Datatype::named(text("datatype")).map_err(|error| error.message().to_owned())?;
    if datatype.is_bytes_alone() {
        return Err(format!("it has tensors of {}, which JSON does not carry", datatype.name()));
    }
    let shape = told["shape"].as_array().map(Vec::as_slice).unwrap_or_default();
    let shape = shape.iter().map(|size| size.as_i64().ok_or("a shape is a list of numbers"));
    Ok(Slot {
        name: text("name").to_owned(),
        datatype,
        shape: shape.collect::<Result<_, _>>()?,
        categories: Vec::new(),
        optional: false,
    })
}

/// An inference request.
pub fn question(model: &str, inputs: &[Tensor]) -> Question {
    // What JSON does not carry was refused with the signature.
    let inputs: Vec<Value> = inputs.iter().filter_map(|it| json::written(it).ok()).collect();
    let path = format!("/v2/models/{}/infer", crate::segment(model));
    Question { path, body: object!({"inputs": inputs}) }
}

/// The tensors of an inference response.
pub fn tensors(answers: &[Value]) -> Result<Vec<Tensor>, String> {
    let outputs = answers.first().and_then(|it| it["outputs"].as_array());
    let outputs = outputs.ok_or("an answer without `outputs`")?;
    let read = |it: &Value| json::read(it.clone()).map_err(|error| error.message().to_owned());
    outputs.iter().map(read).collect()
}
