//! Runs ONNX models by onnxruntime's library, loaded where it is installed, and chooses between it and the platform's own
//! runtime by a measured trial.
//!
//! Nothing is linked: without the library everything is run as without this engine. What calls into the library is the crate
//! `ort`; there is no unsafe code here. A file may not name others (`outside`), and a session uses as many threads as it is
//! told. Memory is not bounded by the library; its arena, which never gives anything back, is off.

mod convert;
mod library;
mod outside;
mod sessions;
mod trial;

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use base::Result;
use ports::infer::{
    Explanation, Infer, Model, Trials,
    choice::{self, Chosen, Runtime, Wanted},
};

use crate::{
    library::Loaded,
    sessions::{Bounds, Sessions},
};

/// Where the library is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Library {
    /// Nowhere: it is not used.
    Off,
    /// Beside the Python package `onnxruntime` of an interpreter, if it has one; looked for when the first model is loaded.
    Beside(PathBuf),
    /// In a file.
    At(PathBuf),
}

/// What the owner of the platform settles.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the library is.
    pub library: Library,
    /// How long an answer of a model may take that loops; others end by themselves.
    pub patience: Duration,
}

/// Runs models by the platform's own runtime, and by the library where it is there and better.
///
/// # Errors
/// `runtime-missing` for a file that is no such library, or one of a version before 1.17.
pub fn open(settings: Settings, native: Arc<dyn Infer>) -> Result<Arc<dyn Infer>> {
    let patience = settings.patience;
    let (python, loaded) = match settings.library {
        Library::Off => return Ok(native),
        Library::At(path) => (PathBuf::new(), OnceLock::from(Some(library::load(&path)?))),
        Library::Beside(python) => (python, OnceLock::new()),
    };
    Ok(Arc::new(Both { native, patience, python, loaded }))
}

/// Both runtimes.
struct Both {
    native: Arc<dyn Infer>,
    patience: Duration,
    python: PathBuf,
    loaded: OnceLock<Option<Arc<Loaded>>>,
}

impl Both {
    /// The library, found on first use.
    fn library(&self) -> Option<&Arc<Loaded>> {
        let found = || {
            let path = library::beside(&self.python)?;
            match library::load(&path) {
                Ok(loaded) => Some(loaded),
                Err(error) => {
                    tracing::warn!(path = %path.display(), ?error, "onnxruntime is there and cannot be used");
                    None
                }
            }
        };
        self.loaded.get_or_init(found).as_ref()
    }

    /// A model run by the library; `native` is the same model, where there is one, which explains it.
    fn foreign(
        &self,
        onnx: &[u8],
        threads: usize,
        native: Option<Arc<dyn Model>>,
    ) -> Result<Option<Arc<dyn Model>>> {
        let Some(loaded) = self.library() else { return Ok(None) };
        let bounds = Bounds { threads, patience: self.patience };
        Ok(Some(Arc::new(Sessions::open(loaded, (onnx, bounds), native)?)))
    }
}

impl Infer for Both {
    fn load(&self, onnx: &[u8]) -> Result<Arc<dyn Model>> {
        match self.native.load(onnx) {
            Err(error) if error.code() == "model-unreadable" => Ok(self.unread(onnx, 1)?.ok_or(error)?),
            other => other,
        }
    }

    fn choose(&self, onnx: &[u8], wanted: Wanted<'_>) -> Result<Chosen> {
        let native = match wanted.runtime {
            Runtime::Native => return self.native.load(onnx).map(|it| Chosen::only(it, Runtime::Native)),
            Runtime::Auto | Runtime::Onnxruntime => self.native.load(onnx),
        };
        let native = match native {
            Ok(native) => native,
            Err(error) if error.code() == "model-unreadable" => {
                let model = self.unread(onnx, wanted.threads)?;
                if model.is_none() {
                    choice::without_onnxruntime(wanted.runtime)?;
                }
                let why = error.message().to_owned();
                let chosen = Chosen::only(model.ok_or(error)?, Runtime::Onnxruntime);
                return Ok(Chosen { why: Some(why), ..chosen });
            }
            Err(error) => return Err(error),
        };
        let foreign = self.foreign(onnx, wanted.threads, Some(Arc::clone(&native)));
        match (foreign, wanted.runtime) {
            (Ok(Some(foreign)), Runtime::Onnxruntime) => Ok(Chosen::only(foreign, Runtime::Onnxruntime)),
            (Ok(Some(foreign)), _) => Ok(trial::held((native, foreign), wanted.example)),
            (Ok(None), runtime) => {
                choice::without_onnxruntime(runtime)?;
                Ok(Chosen::only(native, Runtime::Native))
            }
            (Err(error), Runtime::Onnxruntime) => Err(error),
            (Err(error), _) => {
                let why = format!("onnxruntime does not read it: {}", error.message());
                Ok(Chosen { why: Some(why), ..Chosen::only(native, Runtime::Native) })
            }
        }
    }

    fn approximate(&self, model: &dyn Model, ask: Trials) -> Result<Vec<Explanation>> {
        self.native.approximate(model, ask)
    }
}

impl Both {
    /// A model that only the library reads, if it is there and does.
    fn unread(&self, onnx: &[u8], threads: usize) -> Result<Option<Arc<dyn Model>>> {
        match self.foreign(onnx, threads, None) {
            // What is wrong with the file is told by whoever read it first.
            Err(error) if error.code() == "model-unreadable" => {
                tracing::debug!(?error, "onnxruntime does not read the model either");
                Ok(None)
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
