//! The archive: where whole backups of the platform are written, and from where one is brought back.

use crate::Later;

/// A backup that has been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its length in bytes.
    pub bytes: u64,
    /// The BLAKE3 digest of its bytes, as 64 hexadecimal digits.
    pub digest: String,
    /// The position of the journal it holds everything up to.
    pub position: u64,
}

/// Keeps backups under plain names.
pub trait Archive: Send + Sync {
    /// Writes everything there is as of now; a file of that name is replaced only when the new one is whole.
    ///
    /// # Errors
    /// `archive-unusable` (503) when it cannot be written.
    fn write<'a>(&'a self, name: &'a str) -> Later<'a, Written>;

    /// Reads a backup from its first byte to its last, and holds it against its check sum.
    ///
    /// # Errors
    /// `backup-broken` (422) when it does not hold, `file-not-found` (404) when it is not there.
    fn check<'a>(&'a self, name: &'a str) -> Later<'a, Written>;

    /// Removes a backup; one that is not there is no error.
    fn remove<'a>(&'a self, name: &'a str) -> Later<'a, ()>;

    /// Notes that the next start shall begin with this backup instead of what is there.
    ///
    /// # Errors
    /// `restore-unsupported` (409) where what is there cannot be set aside.
    fn restore_at_start<'a>(&'a self, name: &'a str) -> Later<'a, ()>;
}
