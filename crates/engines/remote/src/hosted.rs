//! A server that is started here: a program the owner of the platform allows, confined, which listens at a port of this
//! machine and calls nobody. One that ends is started again for whoever asks next.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use base::{Error, Result};
use ports::{
    infer::remote,
    sandbox::{Confines, Network, Program, Sandbox},
};

use crate::fault::unreachable;

/// How many lines of what a program printed are kept.
const LINES: usize = 20;
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
    running: Mutex<Option<Running>>,
    /// Where it writes and its model lies.
    _scratch: Scratch,
}

struct Running {
    child: Arc<Mutex<Child>>,
    said: Arc<Mutex<VecDeque<String>>>,
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
        let model = scratch.0.join("model");
        lay_out(&model, program)?;
        let home = scratch.0.join("home");
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
        if running.as_ref().is_some_and(Running::lives) {
            return Ok(false);
        }
        if let Some(ended) = running.take() {
            tracing::warn!(server = self.name, last = ended.last_words(), "a model's server has ended");
        }
        *running = Some(Running::start(&*self.sandbox, &self.program)?);
        Ok(true)
    }

    /// Why it is gone, if it is.
    pub fn ended(&self) -> Option<Error> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = running.as_ref().filter(|it| !it.lives())?;
        Some(unreachable(&self.name, "its program ended").hint(format!("it said: {}", gone.last_words())))
    }
}

impl Running {
    fn start(sandbox: &dyn Sandbox, program: &Program) -> Result<Self> {
        let mut command = sandbox.command(program)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let said = Arc::<Mutex<VecDeque<String>>>::default();
        let (tell, told) = mpsc::sync_channel(1);
        let heard = Arc::clone(&said);
        // A program ends with the thread that started it, so this one stays as long as the program does.
        let run = move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return drop(tell.send(Err(Error::internal(error)))),
            };
            let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
            let child = Arc::new(Mutex::new(child));
            drop(tell.send(Ok(Arc::clone(&child))));
            thread::scope(|scope| {
                if let Some(stderr) = stderr {
                    scope.spawn(|| listen(stderr, &heard));
                }
                if let Some(stdout) = stdout {
                    scope.spawn(|| listen(stdout, &heard));
                }
            });
            // Nobody hears it any more.
            end(&child);
        };
        thread::Builder::new().name("model-server".to_owned()).spawn(run).map_err(Error::internal)?;
        let child = told.recv().map_err(Error::internal)??;
        Ok(Self { child, said })
    }

    fn lives(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(child.try_wait(), Ok(None))
    }

    fn last_words(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&self.child);
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // One that has ended cannot be ended again.
    drop(child.kill());
    drop(child.wait());
}

/// Keeps the last lines; one without an end is cut.
fn listen(stream: impl Read, said: &Mutex<VecDeque<String>>) {
    const LONGEST: u64 = 4_096;
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while (&mut stream).take(LONGEST).read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let text: String = String::from_utf8_lossy(&line).trim().chars().take(500).collect();
        line.clear();
        if text.is_empty() {
            continue;
        }
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == LINES {
            said.pop_front();
        }
        said.push_back(text);
    }
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

fn lay_out(target: &Path, program: &remote::Program) -> Result<()> {
    fs::create_dir_all(target).map_err(Error::internal)?;
    for (path, blob) in &program.files {
        if !path.split('/').all(|part| !matches!(part, "" | "." | "..")) {
            let why = format!("a file called `{path}` cannot be laid out");
            return Err(Error::conflict("server-unfit", why));
        }
        let file = target.join(path);
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory).map_err(Error::internal)?;
        }
        if fs::hard_link(blob, &file).is_err() {
            fs::copy(blob, &file).map_err(Error::internal)?;
        }
    }
    Ok(())
}

/// A port nobody listens at. Somebody else may take it before the program does; then the program ends and says so.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::internal)?;
    Ok(listener.local_addr().map_err(Error::internal)?.port())
}

/// A directory that goes with its value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(directory: &Path) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join("scratch").join(format!("{}-{number}", std::process::id()));
        fs::create_dir_all(&path).map_err(Error::internal)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "a scratch directory was left behind");
        }
    }
}
