//! A restore that was prepared by the API: done at the outset of the next start, before anything is opened.
//!
//! The backup is filled into a directory beside; then what was there is set aside; then the new takes
//! its place. A mark says how far it came, so that a crash at any moment goes on where it stopped,
//! and nothing that was there is ever removed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Settled, assemble, bundle};

/// The file that says that a restore is to be done, and how far it is.
const MARK: &str = "restore-at-start.json";
/// Where the backup is filled into.
const FILLING: &str = "restore-filling";
/// What makes up a platform's state in its data directory.
const STATE: [&str; 4] = ["store.db", "store.db-wal", "store.db-shm", "blobs"];

/// How far a restore is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    /// Nothing was touched yet.
    Fill,
    /// The backup is filled; what was there is being set aside.
    Aside,
    /// What was there is aside; the new takes its place.
    Place,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Mark {
    file: PathBuf,
    stage: Stage,
    /// Where what was there is set aside.
    aside: String,
}

/// Notes that the next start shall begin with a backup.
pub fn prepare(settled: &Settled, file: &Path) -> Result<()> {
    if settled.database_url.is_some() || settled.blobs_url.is_some() {
        let message = "objects or blobs are kept outside the data directory, and cannot be set aside";
        return Err(Error::conflict("restore-unsupported", message)
            .hint("restore into an empty database with `aic backup restore`"));
    }
    let aside = (1..).map(|number| format!("before-restore-{number}"));
    let aside = aside.into_iter().find(|name| !settled.data_dir.join(name).exists());
    let mark = Mark { file: file.to_owned(), stage: Stage::Fill, aside: aside.unwrap_or_default() };
    put(&settled.data_dir, &mark)
}

/// Does what was prepared, if something was.
pub async fn begin(settled: &Settled) -> Result<()> {
    let path = settled.data_dir.join(MARK);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let mut mark: Mark = serde_json::from_str(&text)
        .map_err(|error| failed(&path, &format!("it does not say what to restore: {error}")))?;
    let filling = settled.data_dir.join(FILLING);
    if mark.stage == Stage::Fill {
        // What a try before this one has left is not whole.
        if filling.exists() {
            fs::remove_dir_all(&filling).map_err(|error| failed(&filling, &error))?;
        }
        fs::create_dir_all(&filling).map_err(|error| failed(&filling, &error))?;
        // The keys are the present ones: who was erased since the backup stays erased.
        let store = assemble::open_store(settled).await?;
        let keys = bundle::keys(&*store, settled).await?;
        drop(store);
        bundle::restore(&mark.file, &keys, &Settled { data_dir: filling.clone(), ..settled.clone() }).await?;
        mark.stage = Stage::Aside;
        put(&settled.data_dir, &mark)?;
    }
    if mark.stage == Stage::Aside {
        let aside = settled.data_dir.join(&mark.aside);
        fs::create_dir_all(&aside).map_err(|error| failed(&aside, &error))?;
        moved(&settled.data_dir, &aside)?;
        mark.stage = Stage::Place;
        put(&settled.data_dir, &mark)?;
    }
    moved(&filling, &settled.data_dir)?;
    fs::remove_dir_all(&filling).map_err(|error| failed(&filling, &error))?;
    fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
    tracing::warn!(file = %mark.file.display(), aside = mark.aside, "began with a backup; what was there is set aside");
    Ok(())
}

/// Moves a platform's state; what was moved before stays where it is.
fn moved(from: &Path, to: &Path) -> Result<()> {
    for name in STATE {
        let source = from.join(name);
        if source.exists() {
            fs::rename(&source, to.join(name)).map_err(|error| failed(&source, &error))?;
        }
    }
    Ok(())
}

fn put(data_dir: &Path, mark: &Mark) -> Result<()> {
    let path = data_dir.join(MARK);
    let text = serde_json::to_string(mark).map_err(Error::internal)?;
    crate::config::write_private(&path, text.as_bytes()).map_err(|error| failed(&path, &error))
}

fn failed(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::unavailable("restore-stopped", format!("the restore stopped at `{}`: {why}", path.display()))
        .hint("start again when the cause is gone: it goes on where it stopped")
}
