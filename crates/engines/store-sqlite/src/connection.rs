//! A connection to the file, set up the way every connection here is, and the layout brought up to date.

use std::{fs::File, path::Path};

use base::{Error, Result};
use rusqlite::{Connection, OpenFlags};
use store_sql::MIGRATIONS;

use crate::fail;

/// How long a connection waits for a lock of another one.
const BUSY_MS: u64 = 5_000;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 128;

/// After so many pages in the log it is copied into the file: 32 MiB.
const LOG_PAGES: u32 = 8_192;

/// The connection that writes. It brings the layout up to date.
pub fn writing(file: &Path) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = opened(file, flags).map_err(|error| fail::explained(&error))?;
    prepare(&mut db).map_err(|error| fail::explained(&error))?;
    migrate(&mut db)?;
    Ok(db)
}

fn prepare(db: &mut Connection) -> rusqlite::Result<()> {
    // FULL: a commit is on the disk before it is answered.
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    db.pragma_update(None, "journal_size_limit", 64 << 20)?;
    db.pragma_update(None, "cache_size", -32 * 1024)
}

/// A connection that only reads.
pub fn reading(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = opened(file, flags)?;
    db.pragma_update(None, "query_only", true)?;
    db.pragma_update(None, "cache_size", -8 * 1024)?;
    Ok(db)
}

fn opened(file: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.pragma_update(None, "temp_store", "memory")?;
    Ok(db)
}

/// Runs the steps of the layout the file has not seen, each in its own transaction.
fn migrate(db: &mut Connection) -> Result<()> {
    let found: i64 = db
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| fail::explained(&error))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(Error::conflict(
            "store-too-new",
            format!("the store has layout {found}, and this version knows up to {known}"),
        )
        .hint("start the version that wrote it, or a later one"));
    }
    for step in MIGRATIONS.iter().filter(|step| step.number > found) {
        let run = |db: &mut Connection| {
            let transaction = db.transaction()?;
            transaction.execute_batch(step.sqlite)?;
            transaction.pragma_update(None, "user_version", step.number)?;
            transaction.commit()
        };
        run(db).map_err(|error| fail::explained(&error))?;
    }
    Ok(())
}

/// Makes the names of new files durable.
pub fn sync_directory(directory: &Path) -> Result<()> {
    File::open(directory).and_then(|it| it.sync_all()).map_err(|error| fail::unavailable().because(error))
}
