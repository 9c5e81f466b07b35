//! The lock that keeps a second process out of a data directory. It ends with the process, however that ends.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use base::{Error, Result};

/// Makes the directory if need be and takes its lock for as long as the file lives.
pub fn take(directory: &Path) -> Result<File> {
    fs::create_dir_all(directory).map_err(|error| unusable(directory, &error))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("store.lock"))
        .map_err(|error| unusable(directory, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::conflict(
            "data-dir-in-use",
            format!("another process uses the data directory `{}`", directory.display()),
        )
        .hint("stop it, or start this one with another `--data-dir`")),
        Err(TryLockError::Error(error)) => Err(unusable(directory, &error)),
    }
}

fn unusable(directory: &Path, error: &std::io::Error) -> Error {
    Error::unavailable(
        "data-dir-unusable",
        format!("the data directory `{}` cannot be used: {error}", directory.display()),
    )
    .hint("check that it is on a writable disk and belongs to this user")
}
