//! The tools a test run needs: looked for, and installed where they are missing.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use crate::place::Place;
use crate::report::{self, End};
use crate::shell;
use crate::test::Reach;

/// Newer ones may ask for a newer compiler than the workspace does.
const NEXTEST: &str = "0.9.143";

/// Finds or installs everything, and lists what was installed.
pub fn ready(place: &Place, reach: Reach) -> End {
    let mut installed = Vec::new();
    let mut missing = Vec::new();
    let mut need = |name: &'static str, outcome: Result<bool, String>| match outcome {
        Ok(true) => installed.push(name),
        Ok(false) => (),
        Err(how) => missing.push(format!("{name}: {how}")),
    };
    need("rustfmt", component(place, "rustfmt", "fmt"));
    need("clippy", component(place, "clippy", "clippy"));
    need("cargo-nextest", nextest(place));
    if reach == Reach::Everything {
        need("PostgreSQL", postgres(place));
        need("Python's venv", python(place));
    }
    if !missing.is_empty() {
        return End::Failed(missing.join("; "));
    }
    match installed.as_slice() {
        [] => End::Passed("all were there".to_owned()),
        names => End::Passed(format!("installed {}", names.join(", "))),
    }
}

/// Each of these answers whether it had to install something.
fn component(place: &Place, name: &str, subcommand: &str) -> Result<bool, String> {
    if shell::succeeds(&mut shell::cargo(&place.root, &[subcommand, "--version"])) {
        return Ok(false);
    }
    report::say(&format!("installing {name}"));
    shell::show(shell::command("rustup", &place.root).args(["component", "add", name]))?;
    Ok(true)
}

fn nextest(place: &Place) -> Result<bool, String> {
    if shell::succeeds(&mut shell::cargo(&place.root, &["nextest", "--version"])) {
        return Ok(false);
    }
    report::say("installing cargo-nextest; it is compiled here, which takes some minutes once");
    let words = ["install", "--locked", "cargo-nextest", "--version", NEXTEST];
    shell::show(&mut shell::cargo(&place.root, &words))?;
    Ok(true)
}

fn postgres(place: &Place) -> Result<bool, String> {
    if postgres_programs().is_some() {
        return Ok(false);
    }
    report::say("installing PostgreSQL's server programs");
    apt_install(place, &["postgresql"])?;
    match postgres_programs() {
        Some(_) => Ok(true),
        None => Err("installed, but `initdb` is nowhere under /usr/lib/postgresql".to_owned()),
    }
}

/// The directory of the newest `initdb` and `postgres`, which Debian keeps off the search path.
pub fn postgres_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file())
        .max_by_key(|bin| version_in(bin))
        .or_else(|| {
            let bin = shell::ask(std::process::Command::new("pg_config").arg("--bindir"))?;
            let bin = PathBuf::from(bin);
            bin.join("initdb").is_file().then_some(bin)
        })
}

fn version_in(bin: &std::path::Path) -> u32 {
    let name = bin.parent().and_then(|dir| dir.file_name()).map(|name| name.to_string_lossy());
    name.and_then(|name| name.parse().ok()).unwrap_or(0)
}

fn python(place: &Place) -> Result<bool, String> {
    // Debian ships `python3` without what `python3 -m venv` needs to put pip inside.
    let usable =
        || shell::succeeds(shell::command("python3", &place.root).args(["-c", "import venv, ensurepip"]));
    if usable() {
        return Ok(false);
    }
    report::say("installing Python's venv module");
    apt_install(place, &["python3", "python3-venv"])?;
    if usable() { Ok(true) } else { Err("installed, but `python3 -m venv` still cannot work".to_owned()) }
}

/// Installs Debian packages as root, or through sudo.
pub fn apt_install(place: &Place, packages: &[&str]) -> Result<(), String> {
    let by_hand = || format!("install it by hand: apt-get install {}", packages.join(" "));
    if !shell::succeeds(shell::command("apt-get", &place.root).arg("--version")) {
        return Err(format!("this machine has no apt-get; {}", by_hand()));
    }
    let root = shell::ask(shell::command("id", &place.root).arg("-u")).as_deref() == Some("0");
    let before: &[&str] = if root {
        &[]
    } else if shell::succeeds(shell::command("sudo", &place.root).args(["-n", "true"])) {
        &["sudo", "-n"]
    } else if io::stdin().is_terminal() {
        &["sudo"]
    } else {
        return Err(format!("neither root nor a password-less sudo; {}", by_hand()));
    };
    let apt = |words: &[&str]| {
        // A run level of 1 keeps Debian from starting the servers it installs.
        let settings = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"];
        let all: Vec<&str> = before.iter().chain(&settings).chain(words).copied().collect();
        shell::show(shell::command(all[0], &place.root).args(&all[1..]))
    };
    apt(&["update", "-q"])?;
    let mut words = vec!["install", "-q", "-y", "--no-install-recommends"];
    words.extend(packages);
    apt(&words)
}
