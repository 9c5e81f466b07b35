//! Models that are directories of files in one of MLflow's flavours, such as `python_function`: code that is run by a
//! program of its own, in an environment made of the model's requirements.

use std::{path::PathBuf, sync::Arc};

use base::{Digest, Result, Watch};
use serde_json::Value;

use super::Model;

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
}
