//! The errors of this engine, each made in one place.

use std::{fmt, path::Path};

use base::{Error, Status};

/// There is no row, or not even a header.
pub fn empty(what: &str) -> Error {
    Error::invalid("table-empty", format!("the table is empty: {what}"))
        .hint("a table is a header line and at least one row")
}

/// A row has more or fewer cells than the header.
pub fn ragged(line: u64, cells: usize, header: usize) -> Error {
    let message = format!("line {line} has {cells} cells, the header has {header}");
    Error::invalid("table-ragged", message)
        .hint("quote cells that hold commas, and check that the columns are separated by commas")
}

/// Bytes that are no UTF-8.
pub fn not_utf8(line: u64) -> Error {
    Error::invalid("table-not-utf8", format!("line {line} is not UTF-8"))
        .hint("save the file as UTF-8, for example with `iconv -f latin1 -t utf-8`")
}

/// Two columns of one name.
pub fn duplicate_column(name: &str) -> Error {
    Error::invalid("table-duplicate-column", format!("line 1 names the column `{name}` twice"))
        .hint("give every column its own name")
}

/// More columns than are read.
pub fn too_wide(columns: usize, most: usize) -> Error {
    let message = format!("the table has {columns} columns, {most} are the most");
    Error::invalid("table-too-wide", message).hint("leave out columns nobody needs")
}

/// Anything else that is wrong with the bytes.
pub fn unreadable(why: impl fmt::Display) -> Error {
    Error::invalid("table-unreadable", format!("the table cannot be read: {why}"))
}

/// The file could not be opened, read or written.
pub fn io(path: &Path, error: &std::io::Error) -> Error {
    let cause = format!("{}: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::NotFound => unreadable("there is no such file").because(cause),
        std::io::ErrorKind::StorageFull => {
            Error::new(Status::NoRoom, "no-room", "there is no room left to write the table").because(cause)
        }
        _ => Error::internal(cause),
    }
}

/// What was to be written was not taken.
pub fn unwritable(error: &std::io::Error) -> Error {
    io(Path::new("what is being written"), error)
}
