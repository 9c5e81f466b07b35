//! Tests that drive the real binary with strangers' clients: each is an executable `clients/NAME/run`.
//!
//! It gets the binary as AIC_BIN and an empty directory as AIC_TMP. If a `requirements.txt` lies
//! beside it, `python` and `pip` on its search path are those of an environment with exactly that.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::build::{self, Profile};
use crate::place::Place;
use crate::report::{self, End};
use crate::shell;
use crate::tools;

/// How long one client may take before it counts as hanging.
const PATIENCE: &str = "900";

/// Builds the binary and runs all client tests, or the one named.
pub fn run(place: &Place, only: Option<&str>) -> Result<(), String> {
    let aic = build::aic(place, Profile::Dev)?;
    match drive(place, &aic, only) {
        End::Passed(note) | End::Skipped(note) => {
            report::say(&note);
            Ok(())
        }
        End::Failed(how) => Err(how),
    }
}

/// Runs them one after another, and names what ran.
pub fn drive(place: &Place, aic: &Path, only: Option<&str>) -> End {
    let mut names = found(place);
    if let Some(only) = only {
        names.retain(|name| name == only);
        if names.is_empty() {
            return End::Failed(format!("there is no `clients/{only}/run`"));
        }
    }
    if names.is_empty() {
        return End::Skipped("there is no `run` under `clients/` yet".to_owned());
    }
    let mut failed = Vec::new();
    for name in &names {
        report::say(&format!("client {name}"));
        if let Err(how) = one(place, aic, name) {
            report::say(&format!("client {name}: {how}"));
            failed.push(name.clone());
        }
    }
    if failed.is_empty() {
        End::Passed(format!("ran {}", names.join(", ")))
    } else {
        End::Failed(format!("of {}: {}", names.join(", "), failed.join(", ")))
    }
}

fn found(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.root.join("clients")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("run").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn one(place: &Place, aic: &Path, name: &str) -> Result<(), String> {
    let dir = place.root.join("clients").join(name);
    let run = dir.join("run");
    let mode = fs::metadata(&run).map_err(|error| error.to_string())?.permissions().mode();
    if mode & 0o111 == 0 {
        return Err(format!("`{}` is not executable; `chmod +x` it", run.display()));
    }
    let scratch = std::env::temp_dir().join(format!("aic-client-{name}-{}", std::process::id()));
    fs::create_dir_all(&scratch).map_err(|error| format!("`{}`: {error}", scratch.display()))?;
    let mut command = shell::command("timeout", &dir);
    command.args(["--kill-after=10", PATIENCE]).arg(&run);
    command.env("AIC_BIN", aic).env("AIC_TMP", &scratch).env_remove("PYTHONPATH");
    packages(place, &dir)?;
    if let Some(modules) = modules(place, &dir, name)? {
        command.env("NODE_PATH", modules);
    }
    if let Some(venv) = environment(place, &dir, name)? {
        command.env("PATH", format!("{}/bin:{}", venv.display(), place.path));
        command.env("VIRTUAL_ENV", &venv);
    }
    let outcome = shell::show(&mut command);
    // A failure's files are kept to be looked at; the next line says where.
    match outcome {
        Ok(()) => fs::remove_dir_all(&scratch).map_err(|error| error.to_string()),
        Err(how) => Err(format!("{how}; what it left is in {}", scratch.display())),
    }
}

/// The Python environment for a client, made once for each content of its `requirements.txt`.
pub fn environment(place: &Place, dir: &Path, name: &str) -> Result<Option<PathBuf>, String> {
    let list = dir.join("requirements.txt");
    let Ok(wanted) = fs::read(&list) else {
        return Ok(None);
    };
    let venv = place.cache.join("venvs").join(format!("{name}-{:016x}", fingerprint(&wanted)));
    let complete = venv.join("complete");
    if complete.is_file() {
        return Ok(Some(venv));
    }
    report::say(&format!("making the Python environment {}", venv.display()));
    if venv.exists() {
        fs::remove_dir_all(&venv).map_err(|error| format!("`{}`: {error}", venv.display()))?;
    }
    shell::show(shell::command("python3", dir).args(["-m", "venv"]).arg(&venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    shell::show(shell::command(venv.join("bin/python"), dir).args(pip).arg(&list))?;
    // Written last, so that an environment whose making was interrupted is made anew.
    fs::write(&complete, &wanted).map_err(|error| format!("`{}`: {error}", complete.display()))?;
    Ok(Some(venv))
}

/// Installs the Debian packages a client names, where one is missing.
fn packages(place: &Place, dir: &Path) -> Result<(), String> {
    let Ok(wanted) = fs::read_to_string(dir.join("packages.txt")) else {
        return Ok(());
    };
    let missing: Vec<&str> = wanted
        .split_whitespace()
        .filter(|name| !shell::succeeds(shell::command("dpkg", dir).args(["-s", name])))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    report::say(&format!("installing {}", missing.join(", ")));
    tools::apt_install(place, &missing)
}

/// What npm brings for a client, made once for each content of its `package.json`.
fn modules(place: &Place, dir: &Path, name: &str) -> Result<Option<PathBuf>, String> {
    let list = dir.join("package.json");
    let Ok(wanted) = fs::read(&list) else {
        return Ok(None);
    };
    let home = place.cache.join("modules").join(format!("{name}-{:016x}", fingerprint(&wanted)));
    let complete = home.join("complete");
    if !complete.is_file() {
        report::say(&format!("installing npm's modules into {}", home.display()));
        fs::create_dir_all(&home).map_err(|error| format!("`{}`: {error}", home.display()))?;
        fs::copy(&list, home.join("package.json")).map_err(|error| error.to_string())?;
        let words = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"];
        shell::show(shell::command("npm", &home).args(words))?;
        fs::write(&complete, &wanted).map_err(|error| format!("`{}`: {error}", complete.display()))?;
    }
    Ok(Some(home.join("node_modules")))
}

/// FNV-1a: the same on every machine and compiler, and nobody attacks a cache of one's own.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_requirement_means_another_environment() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(fingerprint(b"mlflow==3.17.2\n"), fingerprint(b"mlflow==3.17.1\n"));
    }
}
