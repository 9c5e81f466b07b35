//! Files on their way: through memory or, when they are large, through a file nobody else reads; and read back.

use std::fs::{self, File, OpenOptions};
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use base::Digest;

use super::far::{Bytes, Server, address};
use super::source::{Source, Tree, elsewhere, proxied};
use crate::client::broken;
use crate::failure::{Failure, Result};

/// What is held in memory at most.
const SMALL: usize = 4 << 20;

/// Copies the files of trees.
pub struct Files<'a> {
    /// Where from.
    pub source: &'a dyn Source,
    /// Where to.
    pub target: &'a Server,
    /// Where a large one lies for a moment.
    pub scratch: &'a Path,
}

/// A file that was fetched.
enum Fetched {
    Small(Vec<u8>),
    Large(Parked),
}

/// A file in the scratch directory, gone with this.
struct Parked {
    path: PathBuf,
    length: u64,
}

impl Drop for Parked {
    fn drop(&mut self) {
        // If it stays, it is one file in a directory for such files.
        let _ = fs::remove_file(&self.path);
    }
}

static COUNT: AtomicU64 = AtomicU64::new(0);

impl Bytes for Fetched {
    fn length(&self) -> u64 {
        match self {
            Self::Small(bytes) => bytes.len() as u64,
            Self::Large(parked) => parked.length,
        }
    }

    fn open(&self) -> Result<Box<dyn Read>> {
        Ok(match self {
            Self::Small(bytes) => Box::new(Cursor::new(bytes.clone())),
            Self::Large(parked) => Box::new(
                File::open(&parked.path).map_err(|error| Failure::file(parked.path.display(), &error))?,
            ),
        })
    }
}

impl Files<'_> {
    /// Copies all files of a tree and reads them back; answers how many there are.
    pub fn copy(&self, tree: &Tree, to: &str) -> Result<u64> {
        let paths = self.source.files(tree)?;
        if paths.is_empty() {
            return Ok(0);
        }
        let root = proxied(to).ok_or_else(|| elsewhere(to))?;
        for path in &paths {
            let (fetched, digest) = self.fetch(tree, path)?;
            let there = format!("/api/2.0/mlflow-artifacts/artifacts/{}", address(&format!("{root}/{path}")));
            self.target.put(&there, &fetched)?;
            let found = hashed(&mut *self.target.fetch(&there)?, |_| Ok(()))?;
            if found != (fetched.length(), digest) {
                return Err(Failure::failed(format!("the file `{path}` differs over there")));
            }
        }
        Ok(paths.len() as u64)
    }

    fn fetch(&self, tree: &Tree, path: &str) -> Result<(Fetched, Digest)> {
        let mut reader = self.source.open(tree, path)?;
        let mut small = Vec::new();
        reader.by_ref().take(SMALL as u64 + 1).read_to_end(&mut small).map_err(|error| broken(&error))?;
        if small.len() <= SMALL {
            let digest = Digest::of(&small);
            return Ok((Fetched::Small(small), digest));
        }
        fs::create_dir_all(self.scratch).map_err(|error| Failure::file(self.scratch.display(), &error))?;
        let name = format!("mlflow-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut parked = Parked { path: self.scratch.join(name), length: 0 };
        let failure = |error: std::io::Error| Failure::file(parked.path.display(), &error);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&parked.path)
            .map_err(failure)?;
        let whole = Cursor::new(small).chain(reader);
        let (length, digest) = hashed(&mut { whole }, |bytes| file.write_all(bytes).map_err(failure))?;
        parked.length = length;
        Ok((Fetched::Large(parked), digest))
    }
}

/// The length and the digest of what is read, while it is passed on.
fn hashed(reader: &mut dyn Read, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<(u64, Digest)> {
    let (mut hasher, mut piece, mut length) = (blake3::Hasher::new(), vec![0; 1 << 18], 0);
    loop {
        let read = reader.read(&mut piece).map_err(|error| broken(&error))?;
        if read == 0 {
            return Ok((length, Digest::new(*hasher.finalize().as_bytes())));
        }
        hasher.update(&piece[..read]);
        each(&piece[..read])?;
        length += read as u64;
    }
}
