//! Bytes by their digest.

use std::path::{Path, PathBuf};

use base::Digest;

use crate::Later;

/// What is known of a blob once it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The BLAKE3 of its bytes, which is its name.
    pub digest: Digest,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Keeps bytes by their BLAKE3 digest, on local disk or an object store. Asynchronous, for it streams.
pub trait Blobs: Send + Sync {
    /// Opens a place to write; nothing is visible before [`Upload::finish`].
    fn create(&self) -> Later<'_, Box<dyn Upload>>;

    /// Stores bytes at hand.
    fn put(&self, bytes: Vec<u8>) -> Later<'_, Stored>;

    /// Reads a whole blob of at most `limit` bytes and verifies it.
    fn get(&self, digest: Digest, limit: u64) -> Later<'_, Vec<u8>>;

    /// Reads `len` bytes from `offset`; a short answer is the end of the blob.
    fn range(&self, digest: Digest, offset: u64, len: u64) -> Later<'_, Vec<u8>>;

    /// The blob's length, or `blob-not-found`.
    fn length(&self, digest: Digest) -> Later<'_, u64>;

    /// A verified local file with the blob's bytes, fetched if the store is remote. Never write to it.
    fn local(&self, digest: Digest) -> Later<'_, PathBuf>;

    /// Stores a local file's bytes, streaming.
    fn put_file<'a>(&'a self, path: &'a Path) -> Later<'a, Stored>;

    /// Every digest stored, for garbage collection and backup.
    fn list(&self) -> Later<'_, Vec<Stored>>;

    /// Forgets a blob. Forgetting what is not there is no error.
    fn delete(&self, digest: Digest) -> Later<'_, ()>;
}

/// A blob being written.
pub trait Upload: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: Vec<u8>) -> Later<'_, ()>;

    /// Makes it durable and visible under its digest.
    fn finish(self: Box<Self>) -> Later<'static, Stored>;
}
