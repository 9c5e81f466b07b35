//! The Python interpreter that environments are made with.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base::{Error, Result};
use serde::Deserialize;

/// What an interpreter says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Interpreter {
    /// Where it is.
    pub program: PathBuf,
    /// Its version, such as `3.11.7`.
    pub version: String,
    /// Where it and its packages lie.
    pub places: Vec<PathBuf>,
}

const FACTS: &str = "
import json, platform, sys, sysconfig
places = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sysconfig.get_paths().values()}
print(json.dumps({'program': sys.executable, 'version': platform.python_version(), 'places': sorted(places)}))
";

const UNMET: &str = "
import importlib.metadata, json, sys
try:
    from packaging.requirements import Requirement
except ImportError:
    from pip._vendor.packaging.requirements import Requirement
unmet = []
for line in json.load(sys.stdin):
    it = Requirement(line)
    if it.marker is not None and not it.marker.evaluate():
        continue
    try:
        if not it.specifier.contains(importlib.metadata.version(it.name), prereleases=True):
            unmet.append(line)
    except importlib.metadata.PackageNotFoundError:
        unmet.append(line)
print(json.dumps(unmet))
";

impl Interpreter {
    /// Asks an interpreter. It runs our own lines, without the user's packages and without what lies in the directory.
    pub fn of(program: &Path) -> Result<Self> {
        let told = ask(program, FACTS, "")?;
        serde_json::from_str(&told).map_err(|error| missing(program).because(error))
    }

    /// Which requirements its own packages do not meet.
    pub fn unmet(&self, requirements: &[String]) -> Result<Vec<String>> {
        if requirements.is_empty() {
            return Ok(Vec::new());
        }
        let told = ask(&self.program, UNMET, &serde_json::to_string(requirements).map_err(Error::internal)?)?;
        serde_json::from_str(&told).map_err(Error::internal)
    }
}

fn ask(program: &Path, lines: &str, input: &str) -> Result<String> {
    let mut child = Command::new(program)
        .args(["-I", "-c", lines])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| missing(program).because(error))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(Error::internal)?;
    }
    let done = child.wait_with_output().map_err(Error::internal)?;
    if !done.status.success() {
        return Err(missing(program).because(String::from_utf8_lossy(&done.stderr)));
    }
    String::from_utf8(done.stdout).map_err(Error::internal)
}

fn missing(program: &Path) -> Error {
    Error::unavailable("python-missing", format!("there is no Python interpreter at `{}`", program.display()))
        .hint("install Python 3 with `venv`, or name an interpreter with `aic up --python PATH`")
}
