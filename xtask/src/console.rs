//! The web console: built with Node from `console/` into `console/dist`, which is checked in and embedded.
//!
//! Whoever changes nothing in `console/` needs no Node: a test of `face-console` compares the list of
//! sources the build was made of. Where Node is, the whole test builds it anew and compares.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::place::Place;
use crate::report::{self, End};
use crate::shell;

/// What Vite and Svelte's compiler ask for.
const NODE: u32 = 20;
/// What is not copied: it is made.
const MADE: [&str; 2] = ["node_modules", "dist"];

/// Checks, builds and weighs it; the build stands in `console/dist` afterwards.
pub fn run(place: &Place) -> Result<(), String> {
    if !has_node(place) {
        return Err(format!("the console is built with Node {NODE} or newer and npm; install them first"));
    }
    build(place, &place.root.join("console"))?;
    report::say("built into console/dist; commit it with the sources");
    Ok(())
}

/// The same comparison as a whole test makes.
pub fn check(place: &Place) -> Result<(), String> {
    match up_to_date(place) {
        End::Passed(note) | End::Skipped(note) => {
            report::say(&note);
            Ok(())
        }
        End::Failed(how) => Err(how),
    }
}

/// Builds it somewhere else and compares with what is checked in.
pub fn up_to_date(place: &Place) -> End {
    if !has_node(place) {
        return End::Skipped(format!(
            "there is no Node {NODE} or newer; what the build was made of was compared"
        ));
    }
    let (kept, fresh) = (place.root.join("console"), place.target.join("xtask/console"));
    let built = copied(&kept, &fresh).and_then(|()| build(place, &fresh));
    if let Err(how) = built {
        return End::Failed(how);
    }
    let types = Path::new("src/lib/operations.ts");
    if fs::read(kept.join(types)).ok() != fs::read(fresh.join(types)).ok() {
        return End::Failed(
            "console/src/lib/operations.ts is out of date; run `cargo xtask console`".to_owned(),
        );
    }
    // Files are named by their contents, so that equal names are equal files.
    let (kept, fresh) = (names(&kept.join("dist")), names(&fresh.join("dist")));
    match kept.symmetric_difference(&fresh).next() {
        None => End::Passed(format!("{} files", kept.len())),
        Some(name) => {
            End::Failed(format!("console/dist is out of date (`{name}`); run `cargo xtask console`"))
        }
    }
}

fn has_node(place: &Place) -> bool {
    let version = shell::ask(shell::command("node", &place.root).arg("--version")).unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next().and_then(|it| it.parse::<u32>().ok());
    major.is_some_and(|major| major >= NODE)
        && shell::succeeds(shell::command("npm", &place.root).arg("--version"))
}

/// What the lock file names, then the API's types, the console's, build and weight.
fn build(place: &Place, dir: &Path) -> Result<(), String> {
    let api = place.root.join("api/openapi.json");
    let npm = |words: &[&str]| shell::show(shell::command("npm", dir).args(words).env("AIC_OPENAPI", &api));
    npm(&["ci", "--no-audit", "--no-fund", "--silent"])?;
    npm(&["run", "--silent", "types"])?;
    npm(&["run", "--silent", "check"])?;
    npm(&["run", "--silent", "build"])?;
    npm(&["run", "--silent", "budget"])
}

/// The sources alone; what was installed there before stays.
fn copied(from: &Path, into: &Path) -> Result<(), String> {
    fs::create_dir_all(into).map_err(|error| failed(into, &error))?;
    for entry in fs::read_dir(into).map_err(|error| failed(into, &error))?.flatten() {
        let path = entry.path();
        if entry.file_name() != "node_modules" {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|error| failed(&path, &error))?;
        }
    }
    copy_into(from, into)
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("`{}`: {error}", path.display())
}

fn copy_into(from: &Path, into: &Path) -> Result<(), String> {
    fs::create_dir_all(into).map_err(|error| failed(into, &error))?;
    for entry in fs::read_dir(from).map_err(|error| failed(from, &error))?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if MADE.iter().any(|made| name == *made) {
            continue;
        }
        if path.is_dir() {
            copy_into(&path, &into.join(name))?;
        } else {
            fs::copy(&path, into.join(name)).map_err(|error| failed(&path, &error))?;
        }
    }
    Ok(())
}

/// The names below a directory, one level deep.
fn names(dir: &Path) -> BTreeSet<String> {
    let read = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    let here = read(dir).map(|entry| entry.file_name().to_string_lossy().into_owned());
    let below = read(&dir.join("assets")).map(|entry| entry.file_name().to_string_lossy().into_owned());
    here.chain(below).collect()
}
