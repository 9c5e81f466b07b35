//! Programs that tenants bring, confined by the kernel (Linux).
//!
//! Files are confined by Landlock, system calls by seccomp, memory and files' lengths by resource limits; see
//! `landlock(7)`, `seccomp(2)` and `setrlimit(2)`. All of it is put on by a launcher, which is this very binary in
//! another role, in the process that becomes the program: nothing runs between fork and exec here, no right is needed,
//! and what is confined stays so whatever it starts.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use base::{Error, Result};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};
use ports::sandbox::{Confines, Network, Program, Sandbox};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};

mod calls;

/// The first argument of the launcher.
pub const LAUNCHER: &str = "confined";

/// Confines by a launcher: a program that calls [`enter`] with what follows [`LAUNCHER`].
pub fn open(launcher: &Path) -> Arc<dyn Sandbox> {
    Arc::new(Launched { launcher: launcher.to_owned() })
}

struct Launched {
    launcher: PathBuf,
}

impl Sandbox for Launched {
    fn command(&self, program: &Program) -> Result<Command> {
        // Whether the kernel has Landlock is known by making a set of rules, which restricts nobody yet.
        least().and_then(Ruleset::create).map_err(|error| {
            Error::unavailable(
                "sandbox-unavailable",
                "this kernel has no Landlock, and code that tenants bring does not run unconfined",
            )
            .because(error)
            .hint("boot a Linux kernel of 5.13 or later with `landlock` among its security modules")
        })?;
        let confines = serde_json::to_string(&program.confines).map_err(Error::internal)?;
        let mut command = Command::new(&self.launcher);
        command.arg(LAUNCHER).arg(confines).arg(&program.path).args(&program.arguments);
        command.env_clear().envs(&program.environment).current_dir(&program.directory);
        Ok(command)
    }
}

/// Becomes a program within confines; only answers why it could not.
pub fn enter(confines: &str, program: &OsString, arguments: &[OsString]) -> String {
    let confined = serde_json::from_str(confines)
        .map_err(|error| error.to_string())
        .and_then(|confines| confine(&confines).map_err(|error| error.to_string()));
    match confined {
        Err(why) => format!("cannot confine the program: {why}"),
        Ok(()) => {
            let error = Command::new(program).args(arguments).exec();
            format!("cannot start {}: {error}", program.to_string_lossy())
        }
    }
}

/// What went wrong of several libraries' errors.
type Wrong = Box<dyn std::error::Error>;

fn confine(confines: &Confines) -> std::result::Result<(), Wrong> {
    // Whoever started it is its only use: it ends with him, and is the first to go when memory is short.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    std::fs::write("/proc/self/oom_score_adj", "500")?;
    limit(confines)?;
    drop_capabilities()?;
    files(confines)?;
    calls::filter(confines)
}

/// How much address space is granted beyond the memory: libraries reserve far more than they use.
const RESERVED: u64 = 8 << 30;
/// How many files may be open.
const OPEN_FILES: u64 = 1_024;

fn limit(confines: &Confines) -> std::io::Result<()> {
    let limits = [
        (Resource::Data, confines.memory_bytes),
        (Resource::As, confines.memory_bytes.saturating_add(RESERVED)),
        (Resource::Fsize, confines.file_bytes),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        // What is less already stays so.
        let most = rustix::process::getrlimit(resource).maximum.map_or(most, |before| before.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

fn drop_capabilities() -> std::io::Result<()> {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

/// What Landlock began with: it must be there.
fn least() -> std::result::Result<Ruleset, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
}

fn files(confines: &Confines) -> std::result::Result<(), Wrong> {
    // What later kernels added is taken where it is.
    let most = ABI::V6;
    let mut rules = least()?;
    // One that listens must not be able to call: a kernel that cannot refuse that (before 6.7) does not start it.
    if let Network::Listen(_) = confines.network {
        rules = rules.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
    }
    rules = rules
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(most))?
        .scope(Scope::from_all(most))?;
    if confines.network == Network::None {
        rules = rules.handle_access(AccessNet::from_all(most))?;
    }
    let mut rules = rules.create()?;
    if let Network::Listen(port) = confines.network {
        rules = rules.add_rule(NetPort::new(port, AccessNet::BindTcp))?;
    }
    rules
        .add_rules(path_beneath_rules(&confines.reads, AccessFs::from_read(most)))?
        .add_rules(path_beneath_rules(&confines.writes, AccessFs::from_all(most)))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::from_all(most)))?
        .restrict_self()?;
    Ok(())
}
