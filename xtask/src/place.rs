//! Where things are: the checkout, the build directory, the cache. The only reader of the environment here.

use std::path::{Path, PathBuf};

/// The directories every command works in.
pub struct Place {
    /// The root of the checkout.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    /// What may be kept between checkouts, such as Python environments.
    pub cache: PathBuf,
    /// The search path, to put a Python environment in front of it.
    pub path: String,
}

impl Place {
    /// Looks around once, at the start.
    pub fn find() -> Result<Self, String> {
        let here = std::env::current_dir()
            .map_err(|error| format!("the current directory cannot be read: {error}"))?;
        let manifest = setting("CARGO_MANIFEST_DIR").map_or_else(|| here.clone(), PathBuf::from);
        let root = manifest
            .ancestors()
            .find(|dir| dir.join("Cargo.lock").is_file())
            .ok_or("no Cargo.lock above here; run it inside the checkout as `cargo xtask`")?
            .to_path_buf();
        let target = setting("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| here.join(dir));
        let cache = setting("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| setting("HOME").map(|home| Path::new(&home).join(".cache")))
            .unwrap_or_else(|| target.clone())
            .join("aic");
        Ok(Self { root, target, cache, path: setting("PATH").unwrap_or_default() })
    }

    /// A program that cargo built.
    pub fn built(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }

    /// Whether the workspace holds the platform's binary yet.
    pub fn has_aic(&self) -> bool {
        self.root.join("crates/aic/Cargo.toml").is_file()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place here that reads the environment")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
