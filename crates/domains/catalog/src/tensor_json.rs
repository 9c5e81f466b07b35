//! Tensors as JSON: the Open Inference Protocol v2's requests and answers.

use std::sync::Arc;

use kernel::prelude::*;
use ports::infer::{Tensor, json};

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

/// Runs a model on a request's tensors.
pub async fn infer(cx: &Cx, loaded: Arc<Loaded>, endpoint: &str, ask: Request) -> Result<Value> {
    let mut inputs = Vec::new();
    for (i, value) in ask.inputs.into_iter().enumerate() {
        inputs.push(json::read(value).map_err(|error| {
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
        .map(json::written)
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
