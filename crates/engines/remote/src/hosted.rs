//! A server that is started here: a program the owner of the platform allows, confined, which listens at a port of this
//! machine and calls nobody. One that ends is started again for whoever asks next.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use base::{Error, Result};
use engine_programs::{Kept, Scratch, lay_out};
use ports::{
    infer::remote,
    sandbox::{Confines, Network, Program, Sandbox},
};

use crate::fault::unreachable;

/// How many lines of what a program printed last are told.
const TOLD: usize = 20;
/// The longest file a program may write, in its own scratch directory.
const FILE: u64 = 1 << 30;

/// What the owner of the platform settles.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where files of models are laid out, and programs have their scratch directories.
    pub directory: PathBuf,
    /// The programs that may be started; each goes by its file's name.
    pub programs: Vec<PathBuf>,
    /// The most memory of a program, in bytes.
    pub memory_bytes: u64,
}

/// A program and how to start it.
pub struct Hosted {
    name: String,
    program: Program,
    port: u16,
    sandbox: Arc<dyn Sandbox>,
    running: Mutex<Option<Kept>>,
    /// Where it writes and its model lies.
    _scratch: Scratch,
}

impl Hosted {
    /// Lays the model out and works out how the program is started.
    pub fn new(
        (settings, sandbox): (&Settings, Arc<dyn Sandbox>),
        name: &str,
        program: &remote::Program,
    ) -> Result<Self> {
        let path = allowed(settings, program)?;
        let directory = std::path::absolute(&settings.directory).map_err(Error::internal)?;
        let scratch = Scratch::new(&directory)?;
        let model = scratch.path().join("model");
        lay_out(&program.files, &model, |why| Error::conflict("server-unfit", why))?;
        let home = scratch.path().join("home");
        fs::create_dir_all(&home).map_err(Error::internal)?;
        let port = free_port()?;
        let filled = |argument: &String| {
            argument.replace("{port}", &port.to_string()).replace("{model}", &model.to_string_lossy())
        };
        let arguments = program.command.iter().skip(1).map(|it| filled(it).into()).collect();
        let shown = home.to_string_lossy().into_owned();
        let mut environment = program.environment.clone();
        for (key, value) in [("HOME", &shown), ("TMPDIR", &shown), ("LANG", &"C.UTF-8".to_owned())] {
            environment.insert(key.to_owned(), value.clone());
        }
        environment.entry("PATH".to_owned()).or_insert_with(|| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let mut reads = ports::sandbox::system_places();
        reads.extend(installed_at(&path));
        reads.push(model);
        let confines = Confines {
            reads,
            writes: vec![home.clone()],
            memory_bytes: settings.memory_bytes,
            file_bytes: FILE,
            network: Network::Listen(port),
            programs: false,
        };
        let program = Program { path, arguments, environment, directory: home, confines };
        let running = Mutex::default();
        Ok(Self { name: name.to_owned(), program, port, sandbox, running, _scratch: scratch })
    }

    /// The port it listens at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it unless it runs; answers whether it was started.
    pub fn start(&self) -> Result<bool> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_ref().is_some_and(Kept::lives) {
            return Ok(false);
        }
        if let Some(ended) = running.take() {
            tracing::warn!(server = self.name, last = last_words(&ended), "a model's server has ended");
        }
        *running = Some(Kept::start(self.sandbox.command(&self.program)?, "model-server", None)?);
        Ok(true)
    }

    /// Why it is gone, if it is.
    pub fn ended(&self) -> Option<Error> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = running.as_ref().filter(|it| !it.lives())?;
        Some(unreachable(&self.name, "its program ended").hint(format!("it said: {}", last_words(gone))))
    }
}

fn last_words(program: &Kept) -> String {
    let said = program.last_words();
    said[said.len().saturating_sub(TOLD)..].join(" | ")
}

/// The file of a command's program, if it is one of those that may be started.
fn allowed(settings: &Settings, program: &remote::Program) -> Result<PathBuf> {
    let named = program.command.first().map(String::as_str).unwrap_or_default();
    let is_it = |path: &&PathBuf| path.file_name().is_some_and(|it| it == named) || path.as_os_str() == named;
    settings.programs.iter().find(is_it).cloned().ok_or_else(|| {
        Error::forbidden("program-refused", format!("the program `{named}` is none that may be started here"))
            .hint("the owner of the platform names programs with `aic up --server-program PATH`")
    })
}

/// Where a program and what it was installed with lie: `PREFIX` of `PREFIX/bin/program`, behind links, too.
fn installed_at(path: &Path) -> Vec<PathBuf> {
    let resolved = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut places = vec![path.to_owned(), resolved.clone()];
    for file in [path, &resolved] {
        let directory = file.parent();
        places.extend(directory.map(Path::to_owned));
        let is_bin = directory.and_then(Path::file_name).is_some_and(|it| it == "bin");
        // The root is nobody's prefix.
        let prefix = directory.and_then(Path::parent).filter(|it| is_bin && it.parent().is_some());
        places.extend(prefix.map(Path::to_owned));
    }
    places
}

/// A port nobody listens at. Somebody else may take it before the program does; then the program ends and says so.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::internal)?;
    Ok(listener.local_addr().map_err(Error::internal)?.port())
}
