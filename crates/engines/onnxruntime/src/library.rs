//! The library itself: where it is found, and that it is loaded once for the whole process.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use base::{Error, Result};
use ort::{
    environment::Environment,
    ep::{CUDA, ExecutionProvider},
    logging::LogLevel,
};

/// The library, ready to make sessions.
pub struct Loaded {
    /// What sessions are made in.
    pub environment: Environment,
    /// Whether it can use a GPU.
    pub has_gpu: bool,
    path: PathBuf,
}

/// A process can load one library, and only once.
static LOADED: Mutex<Option<Arc<Loaded>>> = Mutex::new(None);

const FIND: &str = "
import importlib.util, pathlib
it = importlib.util.find_spec('onnxruntime')
for root in it.submodule_search_locations if it else []:
    for file in sorted(pathlib.Path(root, 'capi').glob('libonnxruntime.so*')):
        print(file)
";

/// The library beside an interpreter's package `onnxruntime`; the package itself is not imported.
pub fn beside(python: &Path) -> Option<PathBuf> {
    let told = Command::new(python).args(["-I", "-c", FIND]).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(told.stdout).ok()?;
    text.lines().map(PathBuf::from).find(|path| path.is_file())
}

/// Loads the library.
///
/// # Errors
/// `runtime-missing` for a file that is none, or too old, or when another one is loaded already.
pub fn load(path: &Path) -> Result<Arc<Loaded>> {
    let mut known = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = &*known {
        return match loaded.path == path {
            true => Ok(Arc::clone(loaded)),
            false => Err(unusable(path, "another one is loaded already")),
        };
    }
    // What is no library at all is told by an error, what is a strange one by a panic.
    let loaded = catch_unwind(AssertUnwindSafe(|| loaded(path)))
        .map_err(|_| unusable(path, "it does not answer as onnxruntime does"))??;
    tracing::info!(path = %path.display(), gpu = loaded.has_gpu, build = ort::info(), "onnxruntime is loaded");
    Ok(Arc::clone(known.insert(Arc::new(loaded))))
}

fn loaded(path: &Path) -> Result<Loaded> {
    let builder = ort::init_from(path).map_err(|error| unusable(path, &error.to_string()))?;
    let log = |level: LogLevel, _: &str, _: &str, place: &str, message: &str| match level {
        LogLevel::Verbose | LogLevel::Info => tracing::trace!(place, message, "onnxruntime"),
        // What a request did wrong is told to whoever sent it.
        LogLevel::Warning | LogLevel::Error => tracing::debug!(place, message, "onnxruntime"),
        LogLevel::Fatal => tracing::error!(place, message, "onnxruntime"),
    };
    let environment = builder.with_name("aic").with_telemetry(false).with_logger(Arc::new(log)).build();
    let environment = environment.map_err(|error| unusable(path, &error.to_string()))?;
    environment.set_log_level(LogLevel::Warning);
    let has_gpu = CUDA::is_available().unwrap_or(false);
    Ok(Loaded { environment, has_gpu, path: path.to_owned() })
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::conflict("runtime-missing", format!("`{}` cannot be used as onnxruntime: {why}", path.display()))
        .hint("name the library of onnxruntime 1.17 or newer, such as `libonnxruntime.so.1.23.2`")
}
