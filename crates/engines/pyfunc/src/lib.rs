//! Models of MLflow's flavours, run by Python in the sandbox.
//!
//! A model's files are laid out in a directory of their own, its requirements are met by an environment, and workers,
//! processes that load it with `mlflow.pyfunc`, answer frames on their standard streams. Nothing of the model is ever read
//! as code in this process: an evil pickle is unpickled where there is no network, no other process and no file but the
//! model's own.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use base::{Digest, Error, Result, Watch};
use engine_programs::{Scratch, lay_out};
use ports::{
    infer::flavour::{Bundle, Converted, Flavours, Started},
    sandbox::{Confines, Network, Program, Sandbox, system_places},
};

mod converter;
mod environment;
mod frame;
mod interpreter;
mod pool;
mod requirements;
mod worker;

use environment::{Environment, path_text};
use interpreter::Interpreter;
use worker::{Worker, unreadable};

/// Where packages come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Index {
    /// From nowhere: the interpreter's own packages are all there is.
    #[default]
    None,
    /// From where pip is configured to look.
    AsConfigured,
    /// From one address.
    At(String),
}

/// What the owner of the platform settles.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where environments and models are laid out.
    pub directory: PathBuf,
    /// The interpreter.
    pub python: PathBuf,
    /// Where packages come from.
    pub index: Index,
    /// What pip is told by the environment and by files, for [`Index::AsConfigured`].
    pub pip: BTreeMap<String, String>,
    /// The files pip is configured by.
    pub pip_files: Vec<PathBuf>,
    /// How many workers a model may have.
    pub workers_max: usize,
    /// The most memory of a worker, in bytes.
    pub memory_bytes: u64,
    /// How long an answer may take.
    pub patience: Duration,
}

/// Runs models of flavours.
pub struct Engine {
    settings: Settings,
    sandbox: Arc<dyn Sandbox>,
    interpreter: OnceLock<Interpreter>,
    met: Mutex<HashMap<Digest, bool>>,
}

/// Runs models of flavours as settled, confined by a sandbox.
///
/// # Errors
/// When the present directory is not known, which the one that was settled may begin at.
pub fn open(settings: Settings, sandbox: Arc<dyn Sandbox>) -> Result<Arc<dyn Flavours>> {
    // A worker starts elsewhere and must find its model.
    let directory = std::path::absolute(&settings.directory).map_err(Error::internal)?;
    let settings = Settings { directory, ..settings };
    Ok(Arc::new(Engine { settings, sandbox, interpreter: OnceLock::new(), met: Mutex::default() }))
}

/// How long loading may take.
const LOADING: Duration = Duration::from_secs(180);
/// The longest file a model may write, in its own scratch directory.
const FILE: u64 = 256 << 20;
const WORKER: &str = concat!(include_str!("model.py"), "\n\n", include_str!("worker.py"));
const CONVERTER: &str = concat!(include_str!("model.py"), "\n\n", include_str!("convert.py"));

impl Flavours for Engine {
    fn is_prepared(&self, bundle: &Bundle) -> bool {
        requirements_of(bundle).and_then(|needed| self.found(&needed)).is_ok_and(|found| found.is_some())
    }

    fn prepare(&self, bundle: &Bundle, watch: &dyn Watch) -> Result<()> {
        is_model(bundle)?;
        self.made(&requirements_of(bundle)?, watch).map(|_| ())
    }

    fn start(&self, bundle: &Bundle) -> Result<Started> {
        is_model(bundle)?;
        let environment = self.found(&requirements_of(bundle)?)?.ok_or_else(not_here)?;
        let model = self.laid_out(bundle)?;
        let (sandbox, settings) = (Arc::clone(&self.sandbox), self.settings.clone());
        let start = move || {
            let scratch = Scratch::new(&settings.directory)?;
            let command =
                sandbox.command(&program(&settings, &environment, (WORKER, &model, scratch.path())))?;
            Worker::start(command, LOADING, scratch)
        };
        let (first, head) = start()?;
        if let Some(why) = &head.unsupported {
            return Err(unsupported(why));
        }
        if let Some(why) = &head.error {
            return Err(unreadable(why));
        }
        let bytes: u64 =
            bundle.files.iter().filter_map(|(_, file)| fs::metadata(file).ok()).map(|it| it.len()).sum();
        let bounds = pool::Bounds {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            workers_max: self.settings.workers_max.max(1),
            patience: self.settings.patience,
            has_parts: head.has_parts,
            takes_params: head.takes_params,
        };
        let pool = pool::Pool::new(first, head.signature()?, bounds, Box::new(start));
        Ok(Started { model: Arc::new(pool), example: head.example })
    }

    fn convert(&self, bundle: &Bundle, watch: &dyn Watch) -> Result<Converted> {
        self.converted(bundle, watch)
    }
}

impl Engine {
    /// The interpreter, asked once.
    fn interpreter(&self) -> Result<&Interpreter> {
        if let Some(known) = self.interpreter.get() {
            return Ok(known);
        }
        let found = Interpreter::of(&self.settings.python)?;
        Ok(self.interpreter.get_or_init(|| found))
    }

    /// The model's files under their own names: links to the blobs where the file system has them, else copies.
    fn laid_out(&self, bundle: &Bundle) -> Result<PathBuf> {
        let target = self.settings.directory.join("models").join(bundle.digest.to_string());
        if target.is_dir() {
            return Ok(target);
        }
        let building = Scratch::new(&self.settings.directory)?;
        lay_out(&bundle.files, building.path(), unsupported)?;
        fs::create_dir_all(target.parent().unwrap_or(&target)).map_err(Error::internal)?;
        match fs::rename(building.path(), &target) {
            // Somebody else laid it out meanwhile.
            Err(_) if target.is_dir() => Ok(target),
            other => other.map_err(Error::internal).map(|()| target),
        }
    }
}

/// A worker as a program: it reads its environment and its model, and writes in a directory of its own.
fn program(
    settings: &Settings,
    environment: &Environment,
    (code, model, scratch): (&str, &Path, &Path),
) -> Program {
    let mut reads = system_places();
    reads.extend(environment.places.iter().cloned());
    reads.push(model.to_owned());
    let threads = "2";
    let told = [
        ("HOME", path_text(scratch)),
        ("TMPDIR", path_text(scratch)),
        ("MPLCONFIGDIR", path_text(scratch)),
        ("LANG", "C.UTF-8".to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
        ("MLFLOW_DISABLE_TELEMETRY", "true".to_owned()),
        ("MLFLOW_TRACKING_URI", format!("file://{}", path_text(&scratch.join("mlruns")))),
        ("HF_HUB_OFFLINE", "1".to_owned()),
        ("OMP_NUM_THREADS", threads.to_owned()),
        ("OPENBLAS_NUM_THREADS", threads.to_owned()),
    ];
    Program {
        path: environment.program.clone(),
        arguments: ["-s", "-c", code].into_iter().map(Into::into).chain([model.into()]).collect(),
        environment: told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        directory: scratch.to_owned(),
        confines: Confines {
            reads,
            writes: vec![scratch.to_owned()],
            memory_bytes: settings.memory_bytes,
            file_bytes: FILE,
            network: Network::None,
            programs: false,
        },
    }
}

fn not_here() -> Error {
    Error::unavailable("environment-missing", "the model's Python environment is not on this machine")
        .hint("`redeploy` makes it")
}

fn is_model(bundle: &Bundle) -> Result<()> {
    match bundle.files.iter().any(|(path, _)| path == "MLmodel") {
        true => Ok(()),
        false => Err(unsupported("its directory has no file `MLmodel`")),
    }
}

/// The model's requirements; none where it names none.
fn requirements_of(bundle: &Bundle) -> Result<Vec<String>> {
    /// The longest list that is read.
    const LONGEST: u64 = 1 << 20;
    let Some((_, file)) = bundle.files.iter().find(|(path, _)| path == "requirements.txt") else {
        return Ok(Vec::new());
    };
    if fs::metadata(file).map_err(Error::internal)?.len() > LONGEST {
        return Err(unsupported("its requirements are too long"));
    }
    requirements::read(&String::from_utf8_lossy(&fs::read(file).map_err(Error::internal)?))
}

fn unsupported(why: &str) -> Error {
    Error::invalid("flavour-unsupported", format!("the model cannot be served: {why}"))
}
