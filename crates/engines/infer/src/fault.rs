//! The errors of this engine, each made in one place.

use base::Error;
pub use engine_onnx::unreadable;

/// An operator met tensors it cannot work on; the model, not the caller, is wrong.
pub fn failed(operator: &str, why: impl std::fmt::Display) -> Error {
    Error::invalid("model-failed", format!("the model's operator `{operator}` failed: {why}"))
        .hint("the model asks for something its own inputs do not give; export it again")
}

/// There is no exact explanation for this model.
pub fn not_explainable(why: impl std::fmt::Display) -> Error {
    Error::invalid("not-explainable", format!("this model cannot be explained: {why}"))
        .hint("explanations are exact, so they need trees with `nodes_hitrates`, or a linear model")
}
