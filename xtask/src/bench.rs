//! `cargo xtask bench`: builds the measurements under `benches/` in release and runs them.
//!
//! A measurement is a program, `benches/src/bin/NAME.rs`. It gets the platform's binary as
//! AIC_BIN and prints its figures; `benches/README.md` keeps the ones that count.

use std::fs;

use crate::build::{self, Profile};
use crate::place::Place;
use crate::{clients, report, shell};

/// Runs all measurements, or the one named; the words after the name go to it.
pub fn run(place: &Place, words: &[&str]) -> Result<(), String> {
    let known = names(place);
    if known.is_empty() {
        report::say("there is nothing under `benches/src/bin` to run yet");
        return Ok(());
    }
    let (chosen, args) = match words {
        [] => (known, &[][..]),
        [name, rest @ ..] if known.iter().any(|one| one == name) => {
            (vec![(*name).to_owned()], crate::without_dashes(rest))
        }
        [name, ..] => {
            return Err(format!("there is no measurement `{name}`; there are: {}", known.join(", ")));
        }
    };
    let aic = build::aic(place, Profile::Release)?;
    for name in chosen {
        report::say(&format!("\n{name}"));
        let program = build::program(place, Profile::Release, &name)?;
        let mut command = shell::command(program, &place.root);
        command.args(args).env("AIC_BIN", &aic);
        // A measurement beside a stranger's server has a Python environment of its own, or that of the client test of its name.
        let peers = place.root.join("benches/peers").join(&name);
        let (dir, kept) = match peers.is_dir() {
            true => (peers, format!("bench-{name}")),
            false => (place.root.join("clients").join(&name), name.clone()),
        };
        if let Some(venv) = clients::environment(place, &dir, &kept)? {
            command.env("PATH", format!("{}/bin:{}", venv.display(), place.path));
        }
        shell::show(&mut command)?;
    }
    Ok(())
}

fn names(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.root.join("benches/src/bin")).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.path().file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}
