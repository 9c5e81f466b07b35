//! Building the platform's binary, always with the whole workspace selected.
//!
//! Selecting one package would unify features anew and compile the world a second time.

use std::path::PathBuf;

use crate::place::Place;
use crate::shell;

/// What a build is for.
#[derive(Clone, Copy)]
pub enum Profile {
    /// For tests.
    Dev,
    /// For people and measurements.
    Release,
}

impl Profile {
    /// The directory cargo puts it in.
    pub fn directory(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds one program of the workspace and says where it is.
pub fn program(place: &Place, profile: Profile, name: &str) -> Result<PathBuf, String> {
    let mut words = vec!["build", "--workspace", "--bin", name];
    if let Profile::Release = profile {
        words.push("--release");
    }
    shell::show(&mut shell::cargo(&place.root, &words))?;
    Ok(place.built(profile.directory(), name))
}

/// Builds the platform's binary.
pub fn aic(place: &Place, profile: Profile) -> Result<PathBuf, String> {
    if !place.has_aic() {
        return Err("this checkout has no `crates/aic` yet".to_owned());
    }
    program(place, profile, "aic")
}
