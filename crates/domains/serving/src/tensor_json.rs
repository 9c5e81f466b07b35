//! Tensors as JSON: the Open Inference Protocol v2's requests and answers.

use forms::outputs::{names, wanted};
use kernel::prelude::*;
use ports::infer::json;

use crate::endpoint::Picked;

/// An inference request (Open Inference Protocol v2, "Inference Request JSON Object").
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Request {
    /// The caller's name for the request.
    #[field(max = 200)]
    pub id: Option<String>,
    /// What the request carries beside them, for the endpoint's routing.
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

/// Runs a revision on a request's tensors.
pub async fn infer(cx: &Cx, picked: &Picked, endpoint: &str, ask: Request) -> Result<Value> {
    let mut inputs = Vec::new();
    for (i, value) in ask.inputs.into_iter().enumerate() {
        inputs.push(json::read(value).map_err(|error| {
            let at =
                error.field().map_or_else(|| format!("inputs[{i}]"), |field| format!("inputs[{i}].{field}"));
            error.at(at)
        })?);
    }
    let rows = inputs.first().and_then(|tensor| tensor.shape.first().copied()).unwrap_or(0);
    let names = ask.outputs.as_deref().map(names).transpose()?.unwrap_or_default();
    let outputs = wanted(picked.run(cx, inputs, rows).await?, &names)?;
    let outputs: Vec<Value> = outputs.iter().map(json::written).collect::<Result<_>>()?;
    let mut answer = json!({
        "model_name": endpoint,
        "model_version": picked.target().loaded.number.to_string(),
        "outputs": outputs,
    });
    // Whoever gave the request no name is told that of the logged prediction.
    let prediction = picked.prediction().map(ToString::to_string);
    if let Some(id) = ask.id.or_else(|| prediction.clone()) {
        answer["id"] = id.into();
    }
    if let Some(prediction) = prediction {
        answer["parameters"] = json!({"prediction_id": prediction});
    }
    Ok(answer)
}
