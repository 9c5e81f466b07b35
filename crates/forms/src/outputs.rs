//! Which outputs of a model an answer carries.

use base::{Error, Result};
use ports::infer::Tensor;
use serde_json::Value;

/// The names of the outputs wanted.
///
/// # Errors
/// `bad-tensor` when one has no name.
pub fn names(wanted: &[Value]) -> Result<Vec<String>> {
    let name = |(i, output): (usize, &Value)| {
        let name = output["name"].as_str().map(str::to_owned);
        name.ok_or_else(|| {
            Error::invalid("bad-tensor", "an output has a name").at(format!("outputs[{i}].name"))
        })
    };
    wanted.iter().enumerate().map(name).collect()
}

/// The outputs that are wanted, all where none is named; each must be one the model has.
///
/// # Errors
/// `bad-tensor` when one is not.
pub fn wanted(outputs: Vec<Tensor>, names: &[String]) -> Result<Vec<Tensor>> {
    let has = |name: &String| outputs.iter().any(|tensor| tensor.name == *name);
    if let Some(i) = names.iter().position(|name| !has(name)) {
        let known: Vec<&str> = outputs.iter().map(|tensor| tensor.name.as_str()).collect();
        return Err(Error::invalid("bad-tensor", "the model has no such output")
            .at(format!("outputs[{i}].name"))
            .hint(format!("its outputs are: {}", known.join(", "))));
    }
    Ok(outputs.into_iter().filter(|tensor| names.is_empty() || names.contains(&tensor.name)).collect())
}
