//! What is logged to runs, and traces, kept in SQLite or PostgreSQL and searched by columns in memory.
//!
//! A run is one record, which is read or written at once; the history of a metric is blocks of points that are only
//! ever appended and put together. A search looks at columns of its experiments, which follow the records by a counter
//! of changes, so that several processes on one database find each other's writes; it never reads a history.

use std::{path::Path, sync::Arc};

use base::Result;
use kernel::platform::Ports;
use ports::tracking::{Tracking, file::Artifacts, trace::Traces};

mod block;
mod column;
mod disk;
mod doc;
mod engine;
mod export;
mod layout;
mod ledger;
mod page;
mod postgres;
mod sqlite;
mod table;
mod trace;
mod wire;

pub use engine::Engine;

/// Puts an engine behind its three ports.
#[must_use]
pub fn behind(engine: &Arc<Engine>, ports: Ports) -> Ports {
    let tracking: Arc<dyn Tracking> = Arc::clone(engine) as _;
    let artifacts: Arc<dyn Artifacts> = Arc::clone(engine) as _;
    let traces: Arc<dyn Traces> = Arc::clone(engine) as _;
    ports.with(tracking).with(artifacts).with(traces)
}

/// Bytes of columns kept in memory when nothing else is said.
pub const COLUMNS_BYTES: usize = 128 << 20;

/// Opens what a PostgreSQL holds, in tables of its own beside the store's.
///
/// # Errors
/// `invalid-database-url`, `store-too-new` when a later version wrote it, and `store-unavailable`.
pub async fn open_url(url: &str, columns_bytes: usize) -> Result<Arc<Engine>> {
    Ok(Arc::new(Engine::new(Box::new(postgres::open(url).await?), columns_bytes)))
}

/// Opens what a data directory holds, in its file `tracking.db`. The caller holds the directory's lock.
///
/// # Errors
/// `store-too-new` when a later version wrote it, and `store-unavailable`.
pub fn open(directory: &Path, columns_bytes: usize) -> Result<Arc<Engine>> {
    Ok(Arc::new(Engine::new(Box::new(sqlite::open(directory)?), columns_bytes)))
}
