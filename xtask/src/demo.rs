//! `cargo xtask demo`: builds the release binary and hands the terminal to `aic demo`.

use std::os::unix::process::CommandExt;

use crate::build::{self, Profile};
use crate::place::Place;
use crate::{report, shell};

/// Replaces this process, so that Ctrl-C and the exit code are the demo's own.
pub fn run(place: &Place, args: &[&str]) -> Result<(), String> {
    report::say("building the release binary; the first time takes minutes, later seconds");
    let aic = build::aic(place, Profile::Release)?;
    let error = shell::command(&aic, &place.root).arg("demo").args(args).exec();
    Err(format!("`{}` cannot be run: {error}", aic.display()))
}
