//! `aic backup`: everything in one file, and starting again from one.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Cx, listing};
use crate::client::{Answer, Ask, broken};
use crate::failure::{Failure, Result};
use crate::output::text;
use crate::restore;

const PATH: &str = "/api/v1/admin/backups";

/// What one can do with backups.
#[derive(clap::Subcommand)]
pub enum Backup {
    /// Write everything the server holds into one file, while it goes on serving.
    Create {
        /// The file; it must not be there yet.
        file: PathBuf,
    },
    /// Order one on the server's side, and tell the run that writes it.
    Take {
        /// Why it is taken.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// List those the server has taken.
    List,
    /// Fill an empty data directory from such a file; needs no server.
    Restore {
        /// The file.
        file: PathBuf,
        /// The keys of what is sealed in it; the file beside it with `.keys` behind its name, unless named here.
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
        /// The directory to fill.
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
    },
}

/// Runs one of them.
pub fn run(cx: &mut Cx, it: &Backup) -> Result<()> {
    match it {
        Backup::Create { file } => {
            if file.exists() {
                return Err(Failure::usage(format!("`{}` is there already", file.display()))
                    .hint("choose another name; a backup is never overwritten"));
            }
            let answer =
                cx.client.send(Ask::call("/api/v1/system/backup").accept("application/octet-stream"))?;
            let bytes = save(cx, answer, file, 0o600)?;
            let keys = restore::beside(file);
            let answer =
                cx.client.send(Ask::call("/api/v1/system/backup/keys").accept("application/json"))?;
            save(cx, answer, &keys, 0o600)?;
            cx.out.say(&format!("{}: {bytes} bytes", file.display()))?;
            cx.out.say(&format!("{}: its keys; keep them elsewhere, and only the newest", keys.display()))
        }
        Backup::Take { note } => {
            let ask = note.as_ref().map_or_else(|| json!({}), |note| json!({"note": note}));
            let answer = cx.client.json(Ask::post(format!("{PATH}/take")).json(&ask))?;
            cx.out.value(&answer, |it| format!("{}: run {}\n", text(it, "backup"), text(it, "run")))
        }
        Backup::List => {
            let found = cx.client.json(Ask::get(PATH).with("limit", 200))?;
            cx.out.value(&found, |found| {
                let columns = [
                    ("NAME", "metadata.name"),
                    ("PHASE", "status.phase"),
                    ("POSITION", "status.position"),
                    ("BYTES", "status.bytes"),
                    ("FINISHED", "status.finished"),
                    ("FILE", "status.file"),
                ];
                listing::columns(found, &columns)
            })
        }
        Backup::Restore { file, keys, data_dir } => {
            restore::run(file, keys.as_deref(), data_dir)?;
            cx.out.say(&format!("restored into {}; start it with `aic up --data-dir`", data_dir.display()))
        }
    }
}

/// Streams an answer into a file that is there whole or not at all; answers its length.
pub fn save(cx: &mut Cx, answer: Answer, file: &Path, mode: u32) -> Result<u64> {
    let failure = |error: &std::io::Error| Failure::file(file.display(), error);
    let expected = answer.length;
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut target = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&partial)
        .map_err(|error| failure(&error))?;
    let mut meter = cx.out.meter("received", expected);
    let mut reader = answer.reader();
    let mut bytes = vec![0; 256 * 1024];
    let mut length = 0;
    loop {
        let read = reader.read(&mut bytes).map_err(|error| broken(&error))?;
        if read == 0 {
            break;
        }
        target.write_all(&bytes[..read]).map_err(|error| failure(&error))?;
        length += read as u64;
        meter.add(read);
    }
    if expected.is_some_and(|expected| expected != length) {
        return Err(Failure::unavailable(format!("only {length} bytes came")).hint("try again"));
    }
    target.sync_all().map_err(|error| failure(&error))?;
    fs::rename(&partial, file).map_err(|error| failure(&error))?;
    Ok(length)
}
