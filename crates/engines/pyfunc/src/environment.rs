//! Environments: the packages a model needs, installed once for all models that need the same.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use base::{Error, Result, Watch};
use ports::sandbox::{Confines, Network, Program, system_places};

use crate::{Engine, Index, interpreter::Interpreter, requirements};

/// An environment that is there.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its interpreter.
    pub program: PathBuf,
    /// Where it and its packages lie.
    pub places: Vec<PathBuf>,
}

/// What marks an environment that was made whole.
pub const WHOLE: &str = "aic-whole";
/// The longest that installing may take.
const LONGEST_S: f64 = 1_800.0;
/// The memory and the longest file of an installer.
const MEMORY: u64 = 4 << 30;
const FILE: u64 = 8 << 30;

/// One environment is made after the other: an installer uses the whole machine.
static MAKING: Mutex<()> = Mutex::new(());

impl Engine {
    /// The environment for some requirements, if it is there: the interpreter's own packages where they do, else one that
    /// was made before.
    pub fn found(&self, requirements: &[String]) -> Result<Option<Environment>> {
        let interpreter = self.interpreter()?;
        let made = self.directory(interpreter, requirements);
        if made.join(WHOLE).is_file() {
            return Ok(Some(made_at(interpreter, &made)));
        }
        if self.met(interpreter, requirements)? {
            let Interpreter { program, places, .. } = interpreter.clone();
            return Ok(Some(Environment { program, places }));
        }
        Ok(None)
    }

    /// Whether the interpreter's own packages do; they do not change while the platform runs.
    pub fn met(&self, interpreter: &Interpreter, requirements: &[String]) -> Result<bool> {
        let digest = requirements::digest(requirements, &[]);
        let known = self.met.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let met = interpreter.unmet(requirements)?.is_empty();
        self.met.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, met);
        Ok(met)
    }

    pub fn directory(&self, interpreter: &Interpreter, requirements: &[String]) -> PathBuf {
        let digest = requirements::digest(requirements, &[&interpreter.version]).to_string();
        self.settings.directory.join("environments").join(digest)
    }

    /// Makes the environment for some requirements, unless it is there.
    pub fn made(&self, requirements: &[String], watch: &dyn Watch) -> Result<Environment> {
        let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = self.found(requirements)? {
            watch.line(&format!("the environment is there: {}", found.program.display()));
            return Ok(found);
        }
        let interpreter = self.interpreter()?;
        if self.settings.index == Index::None {
            let unmet = interpreter.unmet(requirements)?.join(", ");
            return Err(Error::conflict("requirements-failed", format!("{unmet} cannot be installed: no package index is configured"))
                .hint("name one with `aic up --python-index URL`, or `pip` for what pip is configured to use; or install them for `--python`"));
        }
        let target = self.directory(interpreter, requirements);
        self.make(&target, watch, |at| self.build(interpreter, (requirements, at), watch))?;
        Ok(made_at(interpreter, &target))
    }

    fn build(
        &self,
        interpreter: &Interpreter,
        (requirements, at): (&[String], &Path),
        watch: &dyn Watch,
    ) -> Result<()> {
        watch.progress(0, 2, "making an environment");
        watch.line(&format!("making an environment with Python {}", interpreter.version));
        let venv = ["-I", "-m", "venv"].map(str::to_owned).into_iter().chain([path_text(at)]);
        self.step(&interpreter.program, venv.collect(), (interpreter, at), watch)?;
        watch.progress(1, 2, "installing packages");
        watch.line(&format!("installing {}", requirements.join(", ")));
        let list = at.join("requirements.txt");
        fs::write(&list, requirements.join("\n")).map_err(Error::internal)?;
        let mut arguments = self.installing();
        arguments.extend(["-r".to_owned(), path_text(&list)]);
        self.step(&at.join("bin/python"), arguments, (interpreter, at), watch)
    }

    /// What pip is told for every installation: wheels alone, since a package's own code does not run while it is installed.
    pub fn installing(&self) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["-I", "-m", "pip", "install", "--only-binary", ":all:", "--no-input", "--no-color"]
                .map(str::to_owned)
                .into();
        arguments.extend(
            ["--disable-pip-version-check", "--progress-bar", "off", "--no-cache-dir"].map(str::to_owned),
        );
        if let Index::At(url) = &self.settings.index {
            arguments.extend(["--index-url".to_owned(), url.clone()]);
        }
        arguments
    }

    /// Runs one command of the making, confined, its output told line by line.
    pub fn step(
        &self,
        program: &Path,
        arguments: Vec<String>,
        (interpreter, at): (&Interpreter, &Path),
        watch: &dyn Watch,
    ) -> Result<()> {
        let scratch = at.join("scratch");
        let mut environment = BTreeMap::from([
            ("HOME".to_owned(), path_text(&scratch)),
            ("TMPDIR".to_owned(), path_text(&scratch)),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ]);
        if self.settings.index == Index::AsConfigured {
            environment.extend(self.settings.pip.clone());
        }
        let mut reads = system_places();
        reads.extend(interpreter.places.iter().cloned());
        reads.extend(NETWORK.iter().map(PathBuf::from));
        reads.extend(self.settings.pip_files.iter().cloned());
        let program = Program {
            path: program.to_owned(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment,
            directory: at.to_owned(),
            confines: Confines {
                reads,
                writes: vec![at.to_owned()],
                memory_bytes: MEMORY,
                file_bytes: FILE,
                network: Network::All,
                programs: true,
            },
        };
        run(self.sandbox.command(&program)?, watch)
    }
}

/// What an installer reads beside its own files to find and trust an index.
const NETWORK: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/run/systemd/resolve",
];

fn made_at(interpreter: &Interpreter, at: &Path) -> Environment {
    let mut places = interpreter.places.clone();
    places.push(at.to_owned());
    Environment { program: at.join("bin/python"), places }
}

pub(crate) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Runs a command to its end; killed when the work is stopped.
fn run(mut command: std::process::Command, watch: &dyn Watch) -> Result<()> {
    let (tell, lines) = mpsc::channel::<String>();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::internal)?;
    let streams: [Option<Box<dyn std::io::Read + Send>>; 2] =
        [child.stdout.take().map(|it| Box::new(it) as _), child.stderr.take().map(|it| Box::new(it) as _)];
    for stream in streams.into_iter().flatten() {
        let tell = tell.clone();
        thread::spawn(move || {
            BufReader::new(stream)
                .lines()
                .map_while(std::result::Result::ok)
                .all(|line| tell.send(line).is_ok())
        });
    }
    drop(tell);
    let began = watch.elapsed_s();
    let mut last = String::new();
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => {
                watch.line(&line);
                if !line.trim().is_empty() {
                    last = line;
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        let late = watch.elapsed_s() - began > LONGEST_S;
        if late || watch.stopped() {
            child.kill().map_err(Error::internal)?;
            child.wait().map_err(Error::internal)?;
            watch.check()?;
            return Err(failed(&format!("it took longer than {LONGEST_S} seconds")));
        }
    }
    if child.wait().map_err(Error::internal)?.success() { Ok(()) } else { Err(failed(&last)) }
}

fn failed(why: &str) -> Error {
    let why: String = why.chars().take(500).collect();
    Error::conflict("requirements-failed", format!("the model's environment cannot be made: {why}"))
        .hint("the run's log has everything the installer said")
}
