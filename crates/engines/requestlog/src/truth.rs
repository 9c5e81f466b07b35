//! What turned out to be true, as lines of a file: the last line about a row counts.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use base::{Error, Result};
use ports::requestlog::{Truth, Truths};
use serde_json::{Value, json};

use crate::unusable;

/// Rows of an endpoint whose truth is kept at most.
const TRUTHS_MAX: usize = 1_000_000;

/// The file.
pub fn path(directory: &Path) -> PathBuf {
    directory.join("truth.jsonl")
}

/// Reads the file; a line that was cut is as if it had not come.
pub fn read(directory: &Path) -> Result<Truths> {
    let path = path(directory);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Truths::new()),
        Err(error) => return Err(unusable(&path, &error)),
    };
    let mut truths = Truths::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| unusable(&path, &error))?;
        if let Ok((id, row, value)) = serde_json::from_str::<(String, u64, Value)>(&line) {
            truths.insert((id, row), value);
        }
    }
    Ok(truths)
}

/// Appends lines, and answers when they are on the disk.
pub fn append(directory: &Path, truths: &[&Truth], known: usize) -> Result<()> {
    if truths.is_empty() {
        return Ok(());
    }
    if known > TRUTHS_MAX {
        return Err(Error::conflict("feedback-full", format!("{TRUTHS_MAX} rows have feedback already"))
            .hint("keep the log of the endpoint for fewer days, so that old feedback goes with it"));
    }
    // A line that a crash cut must not swallow the next one.
    let mut text = String::from("\n");
    for truth in truths {
        text.push_str(&json!((&truth.id, truth.row, &truth.value)).to_string());
        text.push('\n');
    }
    let path = path(directory);
    let written = OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_data()
    });
    written.map_err(|error| unusable(&path, &error))
}

/// All of it as the bytes of a file.
pub fn written(truths: &Truths) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for ((id, row), value) in truths {
        serde_json::to_writer(&mut bytes, &(id, row, value)).map_err(Error::internal)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}
