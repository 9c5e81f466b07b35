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
    /// What it may do with sockets.
    pub network: Network,
    /// Whether it may start other programs; they are confined like it.
    pub programs: bool,
}

/// What a program may do with sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Nothing.
    None,
    /// Wait at one TCP port for whoever calls, and call nobody.
    Listen(u16),
    /// Everything.
    All,
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

/// What programs read of the system to start and to know the machine; nothing here is anybody's secret.
pub fn system_places() -> Vec<PathBuf> {
    [
        "/usr",
        "/lib",
        "/lib64",
        "/bin",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/passwd",
        "/etc/mime.types",
        "/etc/os-release",
        "/etc/debian_version",
        "/etc/lsb-release",
        "/etc/redhat-release",
        "/etc/alpine-release",
        "/dev/zero",
        "/dev/urandom",
        "/dev/random",
        "/proc/self",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/filesystems",
        "/proc/mounts",
        "/proc/sys/vm/overcommit_memory",
        "/sys/devices/system/cpu",
        "/sys/devices/system/node",
        "/sys/fs/cgroup",
    ]
    .map(PathBuf::from)
    .into()
}
