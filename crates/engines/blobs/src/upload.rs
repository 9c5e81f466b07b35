//! A blob on its way into a directory: a temporary file and the hash of what it holds so far.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use base::{Digest, Result};
use kernel::blob::Stored;

use crate::fail;

/// A file that is removed again unless it is kept.
pub struct Part {
    file: File,
    path: PathBuf,
    hasher: blake3::Hasher,
    bytes: u64,
    kept: bool,
}

/// Names differ within a process by their count, and from those of a process before by not being there.
static COUNT: AtomicU64 = AtomicU64::new(0);

impl Part {
    /// Opens a temporary file in a directory.
    pub fn open(directory: &Path) -> Result<Self> {
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{}-{count}", std::process::id()));
            let file = File::options().write(true).create_new(true).open(&path);
            return match file {
                Ok(file) => Ok(Self { file, path, hasher: blake3::Hasher::new(), bytes: 0, kept: false }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => Err(fail::disk(error)),
            };
        }
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(fail::disk)
    }

    /// Makes the bytes durable and says what they are.
    pub fn sync(&self) -> Result<Stored> {
        self.file.sync_all().map_err(fail::disk)?;
        Ok(Stored { digest: Digest::new(*self.hasher.finalize().as_bytes()), bytes: self.bytes })
    }

    /// Moves the file to its place.
    pub fn keep(mut self, place: &Path) -> Result<()> {
        fs::rename(&self.path, place).map_err(fail::disk)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            // If it stays, a sweep finds it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
