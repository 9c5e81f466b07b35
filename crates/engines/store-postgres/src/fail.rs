//! What PostgreSQL's failures mean to whoever asked.

use base::{Error, Status};
use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// The error a caller sees.
pub fn explained(error: tokio_postgres::Error) -> Error {
    let code = error.code();
    if code == Some(&SqlState::DISK_FULL) {
        return Error::new(Status::NoRoom, "store-full", "the disk is full; nothing was written")
            .hint("make room where the database lies; reading goes on, and writing resumes by itself")
            .retry_after(30)
            .because(told(&error));
    }
    if is_away(&error) {
        return unavailable().because(told(&error));
    }
    Error::internal(told(&error))
}

/// Whether the server cannot be reached or does not serve, rather than refuses what it was asked.
pub fn is_away(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else {
        // What has no code did not come from the server.
        return error.is_closed() || std::error::Error::source(error).is_some();
    };
    // Classes of SQLSTATE: connection, resources, operator intervention, system.
    ["08", "53", "57", "58"].contains(&&code.code()[..2]) || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

/// The pool has no connection to give.
pub fn pool(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) => explained(error),
        error => unavailable().because(error),
    }
}

/// The server does not answer.
pub fn unavailable() -> Error {
    Error::unavailable("store-unavailable", "the store cannot be reached just now")
        .hint("try again; if it stays, look at the server's log")
        .retry_after(5)
}

/// The whole story, for the log: the driver's own text leaves out what the server said.
fn told(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{error}: {said:?}"),
        None => format!("{error:?}"),
    }
}
