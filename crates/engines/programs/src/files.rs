//! Files that a program reads, and the directory in which it writes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use base::{Error, Result};

/// A directory that goes with its value, if it has not become something else by then.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new one among those of a directory.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(directory: &Path) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join("scratch").join(format!("{}-{number}", std::process::id()));
        fs::create_dir_all(&path).map_err(Error::internal)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0)
            && self.0.exists()
        {
            tracing::warn!(%error, "a scratch directory was left behind");
        }
    }
}

/// Lays blobs out under their own names: links where the file system has them, else copies.
///
/// # Errors
/// What `refused` makes of a name that leads elsewhere.
pub fn lay_out(files: &[(String, PathBuf)], target: &Path, refused: impl Fn(&str) -> Error) -> Result<()> {
    fs::create_dir_all(target).map_err(Error::internal)?;
    for (path, blob) in files {
        if !path.split('/').all(|part| !matches!(part, "" | "." | "..")) {
            return Err(refused(&format!("a file called `{path}` cannot be laid out")));
        }
        let file = target.join(path);
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory).map_err(Error::internal)?;
        }
        if fs::hard_link(blob, &file).is_err() {
            fs::copy(blob, &file).map_err(Error::internal)?;
        }
    }
    Ok(())
}
