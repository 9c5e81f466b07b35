//! A blob on its way into a directory: a temporary file and the hash of what it holds so far; written while more comes.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use base::{Digest, Error, Result};
use kernel::blob::Stored;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::fail;

/// So much is gathered before it is written: a thread is not called for each small piece a network brings.
const GATHERED: usize = 1 << 20;

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

/// A part that is written on another thread, a large piece at a time, while the next piece comes in.
pub struct Writer {
    gathered: Vec<u8>,
    /// None while a piece is being written, and after one could not be.
    part: Option<Part>,
    writing: Option<JoinHandle<Result<Part>>>,
}

impl Writer {
    /// One that begins.
    pub fn new(part: Part) -> Self {
        Self { gathered: Vec::new(), part: Some(part), writing: None }
    }

    /// Takes in bytes; a piece before them may still be on its way to the disk.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        if self.gathered.is_empty() && bytes.len() >= GATHERED {
            self.gathered = bytes;
        } else {
            if self.gathered.capacity() == 0 {
                self.gathered.reserve(GATHERED + bytes.len());
            }
            self.gathered.extend_from_slice(&bytes);
        }
        if self.gathered.len() >= GATHERED {
            let part = self.settled().await?;
            self.begin(part);
        }
        Ok(())
    }

    /// All of it, written.
    pub async fn finish(mut self) -> Result<Part> {
        let part = self.settled().await?;
        self.begin(part);
        self.settled().await
    }

    fn begin(&mut self, mut part: Part) {
        let bytes = std::mem::take(&mut self.gathered);
        self.writing = Some(spawn_blocking(move || part.write(&bytes).map(|()| part)));
    }

    /// The part, once what was begun is written.
    async fn settled(&mut self) -> Result<Part> {
        match self.writing.take() {
            Some(writing) => writing.await.map_err(Error::internal)?,
            None => self.part.take().ok_or_else(given_up),
        }
    }
}

/// An upload that failed before cannot go on.
fn given_up() -> Error {
    fail::unavailable().because("an earlier write of this upload failed")
}
