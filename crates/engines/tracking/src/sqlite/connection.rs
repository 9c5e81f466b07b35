//! A connection to the file, set up the way every connection here is, and the layout brought up to date.

use std::{path::Path, time::Duration};

use base::{Error, Result};
use rusqlite::{Connection, OpenFlags};

use super::{explained, traces};
use crate::layout::STEPS;

/// How long a connection waits for a lock of another one.
const BUSY: Duration = Duration::from_secs(5);

/// The connection that writes.
pub fn writing(file: &Path) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = opened(file, flags).map_err(|error| explained(&error))?;
    let prepare = |db: &Connection| {
        // FULL: a commit is on the disk before it is answered.
        db.pragma_update(None, "journal_mode", "wal")?;
        db.pragma_update(None, "synchronous", "full")?;
        db.pragma_update(None, "wal_autocheckpoint", 8_192)?;
        db.pragma_update(None, "journal_size_limit", 64 << 20)?;
        db.pragma_update(None, "cache_size", -32 * 1024)
    };
    prepare(&db).map_err(|error| explained(&error))?;
    migrate(&mut db)?;
    Ok(db)
}

/// A connection that only reads.
pub fn reading(file: &Path) -> rusqlite::Result<Connection> {
    let db = opened(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.pragma_update(None, "query_only", true)?;
    db.pragma_update(None, "cache_size", -8 * 1024)?;
    Ok(db)
}

fn opened(file: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(64);
    db.pragma_update(None, "temp_store", "memory")?;
    traces::teach(&db)?;
    Ok(db)
}

fn migrate(db: &mut Connection) -> Result<()> {
    let found: i64 =
        db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|error| explained(&error))?;
    if found > STEPS.len() as i64 {
        return Err(Error::conflict(
            "store-too-new",
            format!(
                "what is logged to runs has layout {found}, and this version knows up to {}",
                STEPS.len()
            ),
        )
        .hint("start the version that wrote it, or a later one"));
    }
    for step in STEPS.iter().filter(|step| step.number > found) {
        let run = |db: &mut Connection| {
            let transaction = db.transaction()?;
            transaction.execute_batch(step.sqlite)?;
            transaction.pragma_update(None, "user_version", step.number)?;
            transaction.commit()
        };
        run(db).map_err(|error| explained(&error))?;
    }
    Ok(())
}
