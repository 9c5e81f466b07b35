//! Programs that tenants bring, such as the code of their models: started so that they can do nothing but what they are for.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, process::Command};

use base::Result;
use serde::{Deserialize, Serialize};

/// What a program may do; all else is refused by the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confines {
    /// Directories and files it may read and run programs from.
    pub reads: Vec<PathBuf>,
    /// Directories it may write in, too.
    pub writes: Vec<PathBuf>,
    /// The most bytes of memory it may have.
    pub memory_bytes: u64,
    /// The longest file it may write, in bytes.
    pub file_bytes: u64,
    /// Whether it may open sockets.
    pub network: bool,
    /// Whether it may start other programs; they are confined like it.
    pub programs: bool,
}

/// A program to start.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment: it inherits nothing.
    pub environment: BTreeMap<String, String>,
    /// Where it starts.
    pub directory: PathBuf,
    /// What it may.
    pub confines: Confines,
}

/// Starts programs confined.
pub trait Sandbox: Send + Sync {
    /// A command that starts the program confined, for the caller to connect and spawn. The program ends with the thread
    /// that spawned it.
    ///
    /// # Errors
    /// `sandbox-unavailable` (503) where the kernel cannot confine it: then it is not started at all.
    fn command(&self, program: &Program) -> Result<Command>;
}
