//! Runs ONNX models in pure Rust.
//!
//! Classic models (trees, linear models, encoders, scalers: the `ai.onnx.ml` domain and the
//! operators around it) run in a small interpreter written after the ONNX operator
//! specification; it can explain them exactly. Every other graph goes to `tract`, when the
//! feature of that name is on.

mod attributes;
mod encode;
mod fault;
#[cfg(feature = "tract")]
mod general;
mod linear;
mod math;
mod model;
mod op;
mod origin;
mod plan;
mod reduce;
mod score;
mod shap;
mod shape;
mod signature;
mod trees;
mod trials;
mod value;

use std::sync::Arc;

use base::Result;
use engine_onnx::Message;
use ports::infer::{Explanation, Infer, Model, Trials};

use crate::{fault::unreadable, model::Classic, plan::Plan};

/// The engine. It holds nothing; models do.
pub fn open() -> impl Infer {
    Onnx
}

struct Onnx;

impl Infer for Onnx {
    fn load(&self, onnx: &[u8]) -> Result<Arc<dyn Model>> {
        let file = engine_onnx::Model::decode(onnx)
            .map_err(|error| unreadable("it is no ONNX file").because(error))?;
        let signature = engine_onnx::signature(&file)?;
        let graph = file.graph.as_ref().ok_or_else(|| unreadable("it has no graph"))?;
        let names: Vec<String> = signature.inputs.iter().map(|it| it.name.clone()).collect();
        match Plan::read(graph, &names)? {
            plan::Read::Ready(plan) => {
                // `tract` has types that the interpreter carries in wider ones, but not all of them.
                #[cfg(feature = "tract")]
                if signature::is_widened(&signature)
                    && graph.node.iter().all(|it| it.domain != engine_onnx::ML)
                    && let Ok(general) = general::General::load(onnx, signature.clone())
                {
                    return Ok(Arc::new(general));
                }
                Ok(Arc::new(Classic::new(signature, plan, graph)))
            }
            #[cfg(feature = "tract")]
            // What is partly classic would fail there as well, only later.
            plan::Read::Unknown(_) if graph.node.iter().all(|it| it.domain != engine_onnx::ML) => {
                Ok(Arc::new(general::General::load(onnx, signature)?))
            }
            plan::Read::Unknown(operator) => {
                Err(unreadable(format!("it needs the operator `{operator}`, which nobody here knows")))
            }
        }
    }

    fn approximate(&self, model: &dyn Model, ask: Trials) -> Result<Vec<Explanation>> {
        trials::explain(model, ask)
    }
}

#[cfg(test)]
mod tests;
