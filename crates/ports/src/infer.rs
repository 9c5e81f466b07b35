//! Running models: tensors in, tensors out, as the Open Inference Protocol v2 counts them.

use std::{collections::BTreeMap, sync::Arc};

use base::{Error, Result};
use serde::{Deserialize, Serialize};

mod admit;
pub mod binary;
pub mod flavour;
pub mod json;
pub mod load;
pub mod remote;

/// The element types of the Open Inference Protocol v2 that we carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Datatype {
    /// `true` or `false`.
    Bool,
    /// 32-bit integers.
    Int32,
    /// 64-bit integers.
    Int64,
    /// 32-bit floats.
    Fp32,
    /// 64-bit floats.
    Fp64,
    /// Texts.
    Bytes,
}

impl Datatype {
    /// The type by its name in the protocol.
    ///
    /// # Errors
    /// `tensor-wrong-type` for one that is not carried.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "BOOL" => Self::Bool,
            "INT32" => Self::Int32,
            "INT64" => Self::Int64,
            "FP32" => Self::Fp32,
            "FP64" => Self::Fp64,
            "BYTES" => Self::Bytes,
            other => {
                let shown: String = other.chars().take(20).collect();
                return Err(Error::invalid(
                    "tensor-wrong-type",
                    format!("the datatype `{shown}` is not carried"),
                )
                .at("datatype")
                .hint("BOOL, INT32, INT64, FP32, FP64 and BYTES are"));
            }
        })
    }

    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }
}

/// The elements of a tensor in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Booleans.
    Bool(Vec<bool>),
    /// 32-bit integers.
    Int32(Vec<i32>),
    /// 64-bit integers.
    Int64(Vec<i64>),
    /// 32-bit floats.
    Fp32(Vec<f32>),
    /// 64-bit floats.
    Fp64(Vec<f64>),
    /// Texts; an absent value is the empty text.
    Bytes(Vec<String>),
}

impl Elements {
    /// Their type.
    pub fn datatype(&self) -> Datatype {
        match self {
            Self::Bool(_) => Datatype::Bool,
            Self::Int32(_) => Datatype::Int32,
            Self::Int64(_) => Datatype::Int64,
            Self::Fp32(_) => Datatype::Fp32,
            Self::Fp64(_) => Datatype::Fp64,
            Self::Bytes(_) => Datatype::Bytes,
        }
    }
}

impl Elements {
    /// An empty list of the same type.
    #[must_use]
    pub fn none(&self) -> Self {
        match self {
            Self::Bool(_) => Self::Bool(Vec::new()),
            Self::Int32(_) => Self::Int32(Vec::new()),
            Self::Int64(_) => Self::Int64(Vec::new()),
            Self::Fp32(_) => Self::Fp32(Vec::new()),
            Self::Fp64(_) => Self::Fp64(Vec::new()),
            Self::Bytes(_) => Self::Bytes(Vec::new()),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Fp32(values) => values.len(),
            Self::Fp64(values) => values.len(),
            Self::Bytes(values) => values.len(),
        }
    }

    /// Puts others of the same type behind these; answers whether they were of the same type.
    pub fn append(&mut self, other: Self) -> bool {
        match (self, other) {
            (Self::Bool(ours), Self::Bool(theirs)) => ours.extend(theirs),
            (Self::Int32(ours), Self::Int32(theirs)) => ours.extend(theirs),
            (Self::Int64(ours), Self::Int64(theirs)) => ours.extend(theirs),
            (Self::Fp32(ours), Self::Fp32(theirs)) => ours.extend(theirs),
            (Self::Fp64(ours), Self::Fp64(theirs)) => ours.extend(theirs),
            (Self::Bytes(ours), Self::Bytes(theirs)) => ours.extend(theirs),
            _ => return false,
        }
        true
    }

    /// These rows of them, in this order, where a row has so many elements; rows there are not are left out.
    #[must_use]
    pub fn chosen(&self, rows: &[usize], width: usize) -> Self {
        fn of<T: Clone>(values: &[T], rows: &[usize], width: usize) -> Vec<T> {
            let row = |row: &usize| values.get(row * width..(row + 1) * width).unwrap_or_default();
            rows.iter().flat_map(row).cloned().collect()
        }
        match self {
            Self::Bool(values) => Self::Bool(of(values, rows, width)),
            Self::Int32(values) => Self::Int32(of(values, rows, width)),
            Self::Int64(values) => Self::Int64(of(values, rows, width)),
            Self::Fp32(values) => Self::Fp32(of(values, rows, width)),
            Self::Fp64(values) => Self::Fp64(of(values, rows, width)),
            Self::Bytes(values) => Self::Bytes(of(values, rows, width)),
        }
    }

    /// Takes the first ones out.
    #[must_use]
    pub fn take_first(&mut self, count: usize) -> Self {
        fn first<T>(values: &mut Vec<T>, count: usize) -> Vec<T> {
            let rest = values.split_off(count.min(values.len()));
            std::mem::replace(values, rest)
        }
        match self {
            Self::Bool(values) => Self::Bool(first(values, count)),
            Self::Int32(values) => Self::Int32(first(values, count)),
            Self::Int64(values) => Self::Int64(first(values, count)),
            Self::Fp32(values) => Self::Fp32(first(values, count)),
            Self::Fp64(values) => Self::Fp64(first(values, count)),
            Self::Bytes(values) => Self::Bytes(first(values, count)),
        }
    }
}

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

    /// Explains each row by trying the model with sets of its inputs taken from a background (Kernel SHAP), whatever the
    /// model is. `base` and `margin` are probabilities of the class, or the target's unit for regression.
    ///
    /// # Errors
    /// `not-explainable` for a model whose inputs are not one value a row, or that answers no number a row;
    /// `no-background` without a row to compare with; `too-many-rows` when it would take too many trials; those of `run`.
    fn approximate(&self, model: &dyn Model, ask: Trials) -> Result<Vec<Explanation>>;
}
