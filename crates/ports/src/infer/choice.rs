//! Choosing what runs an ONNX file, where there is more than one runtime for it.

use std::sync::Arc;

use base::Result;
use serde::{Deserialize, Serialize};

use super::{Model, Signature, Tensor};

/// A runtime, or the choice among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// Whichever answers sooner, by a trial.
    #[default]
    Auto,
    /// The platform's own.
    Native,
    /// onnxruntime's library.
    Onnxruntime,
}

impl Runtime {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Onnxruntime => "onnxruntime",
        }
    }
}

/// Makes the rows of a trial once it is known what the model takes; none where there is no example.
pub type Example<'a> = &'a dyn Fn(&Signature) -> Option<Vec<Tensor>>;

/// What is wanted of a runtime.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Which one.
    pub runtime: Runtime,
    /// How many threads one answer may use, where the runtime can share the work.
    pub threads: usize,
    /// One row that it is tried with.
    pub example: Example<'a>,
}

/// How long two runtimes took for the same rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// How many rows at once.
    pub rows: usize,
    /// Microseconds of the platform's own runtime, the median of several runs.
    pub native_us: f64,
    /// Microseconds of onnxruntime, the same.
    pub onnxruntime_us: f64,
}

/// A model and what runs it.
pub struct Chosen {
    /// The model.
    pub model: Arc<dyn Model>,
    /// What runs it; never `Auto`.
    pub runtime: Runtime,
    /// What was measured; nothing where there was no choice.
    pub timings: Vec<Timing>,
    /// Why it is this one, where something was tried.
    pub why: Option<String>,
}

impl Chosen {
    /// The one that there is.
    pub fn only(model: Arc<dyn Model>, runtime: Runtime) -> Self {
        Self { model, runtime, timings: Vec::new(), why: None }
    }
}

/// Refuses onnxruntime where it is not there.
///
/// # Errors
/// `runtime-missing`, unless another one does.
pub fn without_onnxruntime(runtime: Runtime) -> Result<()> {
    match runtime {
        Runtime::Auto | Runtime::Native => Ok(()),
        Runtime::Onnxruntime => Err(base::Error::conflict(
            "runtime-missing",
            "there is no onnxruntime on this machine",
        )
        .hint(
            "`pip install onnxruntime` for `--python`, or name its library with `aic up --onnxruntime PATH`",
        )),
    }
}
