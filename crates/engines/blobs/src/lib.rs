//! Bytes by their BLAKE3 digest: in a local directory, or in an object store with a local cache.
//!
//! A blob is hashed while it streams into a temporary file, made durable, and only then visible
//! under its digest. What is read whole is verified; what no longer fits its name is never served.

use std::{collections::HashSet, path::Path, sync::Arc};

use base::{Digest, Result, Time};
use kernel::{Later, blob::Blobs};

mod fail;
mod local;
mod remote;
mod upload;

pub use remote::over;

/// Blobs that can be collected: what nothing refers to any more goes.
pub trait Collected: Blobs {
    /// Forgets every blob that is not referenced and was last put before a moment, and uploads given
    /// up before it.
    ///
    /// A blob is put before anything refers to it, so `before` must leave the time that takes, say an hour.
    fn sweep<'a>(&'a self, referenced: &'a HashSet<Digest>, before: Time) -> Later<'a, Swept>;
}

/// What a sweep took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many blobs.
    pub blobs: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Opens blobs in a local directory, which is made if it is not there.
///
/// # Errors
/// `data-dir-unusable`.
pub fn open(directory: &Path) -> Result<Arc<dyn Collected>> {
    Ok(Arc::new(local::Local::open(directory)?))
}

/// Opens blobs in an object store by its URL, such as `s3://bucket/path`, with settings by name and
/// a directory for the local cache.
///
/// # Errors
/// `invalid-blob-url` when no object store is meant by it, `data-dir-unusable` for the cache.
#[cfg(feature = "cloud")]
pub fn open_url(url: &str, settings: Vec<(String, String)>, cache: &Path) -> Result<Arc<dyn Collected>> {
    remote::by_url(url, settings, cache)
}
