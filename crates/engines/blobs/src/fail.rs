//! What a disk's and an object store's failures mean to whoever asked.

use std::io::{self, ErrorKind};

use base::{Digest, Error, Status};

/// There is no such blob.
pub fn missing(digest: Digest) -> Error {
    Error::not_found("blob-not-found", format!("there is no blob `{digest}`"))
}

/// The stored bytes are not what their name says.
pub fn damaged(digest: Digest) -> Error {
    Error::new(Status::Internal, "blob-damaged", format!("the stored bytes of blob `{digest}` have changed"))
        .hint("restore it from a backup, or upload it again")
}

/// The blob is longer than the reader wants.
pub fn too_large(digest: Digest, limit: u64) -> Error {
    Error::too_large("blob-too-large", format!("blob `{digest}` has more than {limit} bytes"))
        .hint("read it in ranges")
}

/// The disk failed.
pub fn disk(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Error::new(Status::NoRoom, "store-full", "the disk is full; nothing was written")
                .hint("make room; reading goes on, and writing resumes by itself")
                .retry_after(30)
                .because(error)
        }
        _ => unavailable().because(error),
    }
}

/// The disk failed at a blob.
pub fn blob(digest: Digest, error: io::Error) -> Error {
    if error.kind() == ErrorKind::NotFound {
        return missing(digest);
    }
    disk(error)
}

/// The object store failed at a blob.
pub fn remote(digest: Digest, error: object_store::Error) -> Error {
    if matches!(error, object_store::Error::NotFound { .. }) {
        return missing(digest);
    }
    unavailable().because(error)
}

/// Blobs cannot be reached.
pub fn unavailable() -> Error {
    Error::unavailable("store-unavailable", "the store cannot be reached just now")
        .hint("try again; if it stays, look at the server's log")
        .retry_after(5)
}

/// The directory cannot be used.
pub fn unusable(directory: &std::path::Path, error: io::Error) -> Error {
    Error::unavailable(
        "data-dir-unusable",
        format!("the data directory `{}` cannot be used: {error}", directory.display()),
    )
    .hint("check that it is on a writable disk and belongs to this user")
}
