//! Models that are directories of files in one of MLflow's flavours, such as `python_function`: code that is run by a
//! program of its own, in an environment made of the model's requirements.

use std::{path::PathBuf, sync::Arc};

use base::{Digest, Result, Watch};
use serde_json::Value;

use super::{Infer, Model, Tensor, agree::agree};

/// The files of a model.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// By path below the model's directory: a file with the bytes, never written to.
    pub files: Vec<(String, PathBuf)>,
    /// The digest of all of them.
    pub digest: Digest,
}

/// A model that was started.
pub struct Started {
    /// The model; its program ends when it is dropped.
    pub model: Arc<dyn Model>,
    /// A row of its own input example.
    pub example: Option<Value>,
}

/// A model written as ONNX, and what that is held against.
pub struct Converted {
    /// The files, the most exact first. Their inputs, outputs and types are the model's own.
    pub candidates: Vec<Vec<u8>>,
    /// The rows of its input example, and others made like them.
    pub rows: Vec<Tensor>,
    /// What the model says to them.
    pub expected: Vec<Tensor>,
    /// A row of its own input example.
    pub example: Option<Value>,
}

/// A file that says what the model says.
pub struct Alike {
    /// The file.
    pub file: Vec<u8>,
    /// How many rows both answered alike.
    pub rows: usize,
    /// How far their numbers were apart at most, of the larger of them and 1.
    pub apart: f64,
}

impl Converted {
    /// The first file that says what the model says to every row.
    ///
    /// # Errors
    /// What the last one does otherwise, in words.
    pub fn alike(&self, infer: &dyn Infer) -> std::result::Result<Alike, String> {
        let words = |error: base::Error| error.message().to_owned();
        let mut why = "its converter wrote nothing".to_owned();
        for file in &self.candidates {
            let answer = infer.load(file).and_then(|model| model.run(self.rows.clone())).map_err(words);
            let differs = |it| format!("the answers are others: {it}");
            match answer.and_then(|answer| agree(&self.expected, &answer).map_err(differs)) {
                Ok(apart) => {
                    let rows = self.rows.first().and_then(|it| it.shape.first()).copied().unwrap_or(0);
                    return Ok(Alike { file: file.clone(), rows, apart });
                }
                Err(reason) => why = reason,
            }
        }
        Err(why)
    }
}

/// Starts models of flavours, confined.
pub trait Flavours: Send + Sync {
    /// Whether the model's environment is there: then starting it takes seconds.
    fn is_prepared(&self, bundle: &Bundle) -> bool;

    /// Makes the model's environment, which may take minutes; kept for all models with the same requirements.
    ///
    /// # Errors
    /// `flavour-unsupported` for a directory that is no model; `requirements-refused` for a requirement that is no name
    /// with versions; `requirements-failed` when one cannot be installed (the watcher has the log); `python-missing`
    /// where there is no interpreter; `cancelled`.
    fn prepare(&self, bundle: &Bundle, watch: &dyn Watch) -> Result<()>;

    /// Starts the model in its environment.
    ///
    /// # Errors
    /// `environment-missing` when it was not prepared here; `flavour-unsupported` when its signature is of other types
    /// than tables and tensors; `model-unreadable` when it cannot be loaded, with the last it said.
    fn start(&self, bundle: &Bundle) -> Result<Started>;

    /// Writes the model as ONNX by its library's converter, which may be installed for it.
    ///
    /// # Errors
    /// `flavour-unsupported` for a model that no converter writes, or that has no example to be held against;
    /// `requirements-failed` where the converters are not there and cannot be installed; those of `start`.
    fn convert(&self, bundle: &Bundle, watch: &dyn Watch) -> Result<Converted>;
}
