//! What the disk's and SQLite's failures mean to whoever asked.

use base::{Error, Status};
use rusqlite::ErrorCode;

/// Why a task did not happen.
pub enum Failure {
    /// A condition did not hold; nothing is wrong with the store.
    Refused(Error),
    /// The store could not do it.
    Broken(rusqlite::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

/// Whether the disk is to blame: then every other task would fail alike.
pub fn is_disk(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
        )
    )
}

/// The error a caller sees.
pub fn explained(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => full().because(error),
        _ if is_disk(error) => unavailable().because(error),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => unavailable().because(error),
        Some(_) | None => Error::internal(error),
    }
}

/// The disk has no room.
pub fn full() -> Error {
    Error::new(Status::NoRoom, "store-full", "the disk is full; nothing was written")
        .hint("make room in the data directory; reading goes on, and writing resumes by itself")
        .retry_after(30)
}

/// The disk does not answer.
pub fn unavailable() -> Error {
    Error::unavailable("store-unavailable", "the store cannot be reached just now")
        .hint("try again; if it stays, look at the server's log")
        .retry_after(5)
}
