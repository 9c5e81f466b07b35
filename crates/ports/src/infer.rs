//! Running models: tensors in, tensors out, as the Open Inference Protocol v2 counts them.

use std::{collections::BTreeMap, sync::Arc};

use base::Result;
use serde::{Deserialize, Serialize};

use self::choice::{Chosen, Runtime, Wanted};

mod admit;
pub mod agree;
pub mod binary;
pub mod choice;
mod element;
pub mod flavour;
pub mod json;
pub mod load;
mod parts;
pub mod remote;

pub use element::{Datatype, Element, Elements, Make};
pub use half::{bf16, f16};
pub use parts::{Listener, Question};

/// A named tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name in the model.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements; their number is the product of the shape.
    pub elements: Elements,
}

/// One input or output of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub datatype: Datatype,
    /// Its shape; -1 is any, and the first is the number of rows.
    pub shape: Vec<i64>,
    /// The values a text input knows, when they are few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Whether a row may come without it.
    #[serde(default)]
    pub optional: bool,
}

/// What a model takes and gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signature {
    /// What it takes.
    pub inputs: Vec<Slot>,
    /// What it gives: for classifiers `label` and `probabilities`, else `prediction`.
    pub outputs: Vec<Slot>,
    /// The classes in the order of the probabilities; empty for regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// The inputs that do not take every number, and which they take.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub strict: BTreeMap<String, Strictness>,
}

/// Which numbers an input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strictness {
    /// Neither missing nor infinite ones.
    Finite,
    /// No infinite ones.
    Bounded,
}

/// Why one row got its prediction: the base value and the contributions sum to the margin.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The class explained (the predicted one), absent for regression.
    pub class: Option<String>,
    /// What the model answers when nothing is known: log-odds for classifiers, the target's unit for regression.
    pub base: f64,
    /// What each input adds, in the unit of `base`.
    pub contributions: BTreeMap<String, f64>,
    /// The model's raw answer for the row: base plus all contributions.
    pub margin: f64,
    /// `tree-shap` (exact, Lundberg et al. 2020, path-dependent), `linear` (exact for linear models) or `kernel-shap`
    /// (Lundberg and Lee 2017, against a background; exact where all sets of inputs were tried).
    pub method: String,
}

/// What is asked of an explanation by trial.
#[derive(Clone, Debug)]
pub struct Trials {
    /// The rows to explain.
    pub inputs: Vec<Tensor>,
    /// Rows that stand for what is not known.
    pub background: Vec<Tensor>,
    /// The most sets of inputs that are tried for a row; all of them where there are no more.
    pub sets_max: usize,
    /// What the choice of sets starts from.
    pub seed: u64,
}

/// A model ready to run. Cheap to share, safe to call from many threads.
pub trait Model: Send + Sync {
    /// What it takes and gives, as read from the model itself.
    fn signature(&self) -> &Signature;

    /// Runs it.
    ///
    /// # Errors
    /// `tensor-missing`, `tensor-unknown`, `tensor-wrong-type`, `tensor-wrong-shape`; `model-failed`
    /// when the model contradicts itself while it runs.
    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>>;

    /// Answers a question to whoever listens, in parts where the model has them and they are wanted; as `run` does else. It
    /// ends soon after the listener has left.
    ///
    /// # Errors
    /// Those of `run`, before the first part or after some.
    fn answer(&self, question: Question, listener: &mut dyn Listener) -> Result<()> {
        listener.hear(self.run(question.inputs)?);
        Ok(())
    }

    /// Whether it answers in parts where that is wanted.
    fn has_parts(&self) -> bool {
        false
    }

    /// Whether it is told parameters beside its inputs.
    fn takes_params(&self) -> bool {
        false
    }

    /// Explains each row exactly, where the model's form allows it.
    ///
    /// # Errors
    /// `not-explainable` for a model that is neither trees nor linear, or whose trees do not say how
    /// many rows each node saw (`nodes_hitrates`); those of `run` else.
    fn explain(&self, inputs: Vec<Tensor>) -> Result<Vec<Explanation>>;

    /// Bytes of memory it holds, about.
    fn bytes(&self) -> usize;

    /// Whether it waits for somebody else's answer, another process or another machine: then it is never run where
    /// others wait for the thread.
    fn waits(&self) -> bool {
        false
    }
}

/// Makes models ready.
pub trait Infer: Send + Sync {
    /// Reads an ONNX file and prepares it.
    ///
    /// # Errors
    /// `model-unreadable` for what is no ONNX file or needs an operator nobody here knows (named).
    fn load(&self, onnx: &[u8]) -> Result<Arc<dyn Model>>;

    /// The same by the runtime that is wanted, or that answers an example sooner. Without another, there is this one.
    ///
    /// # Errors
    /// `runtime-missing` for one that is not here; those of `load`.
    fn choose(&self, onnx: &[u8], wanted: Wanted<'_>) -> Result<Chosen> {
        choice::without_onnxruntime(wanted.runtime)?;
        self.load(onnx).map(|model| Chosen::only(model, Runtime::Native))
    }

    /// Explains each row by trying the model with sets of its inputs taken from a background (Kernel SHAP), whatever the
    /// model is. `base` and `margin` are probabilities of the class, or the target's unit for regression.
    ///
    /// # Errors
    /// `not-explainable` for a model whose inputs are not one value a row, or that answers no number a row;
    /// `no-background` without a row to compare with; `too-many-rows` when it would take too many trials; those of `run`.
    fn approximate(&self, model: &dyn Model, ask: Trials) -> Result<Vec<Explanation>>;
}
