//! Verifying a file of journal entries without any server: the chain, and a checkpoint signed over it.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use kernel::store::proof::{Checkpoint, Line, Walk};

use crate::failure::{Failure, Result};

/// What a file was found to be.
pub struct Found {
    /// The walk along its lines.
    pub walk: Walk,
    /// The checkpoint it was held against.
    pub checkpoint: Option<Checkpoint>,
}

/// Reads the file from its first line to its last, and holds it against a signed checkpoint and its key.
pub fn run(file: &Path, signed: Option<&(PathBuf, String)>) -> Result<Found> {
    let checkpoint = signed.map(|(note, key)| checkpoint(note, key)).transpose()?;
    let failed = |error: &std::io::Error| Failure::file(file.display(), error);
    let opened = BufReader::new(File::open(file).map_err(|error| failed(&error))?);
    let mut walk = Walk::remembering(checkpoint.as_ref().map(|it| it.position));
    for (at, text) in opened.lines().enumerate() {
        let text = text.map_err(|error| failed(&error))?;
        let line: Line = serde_json::from_str(&text).map_err(|error| {
            Failure::failed(format!("`{}`, line {}: no entry of a journal: {error}", file.display(), at + 1))
                .hint("export one with `aic audit export`")
        })?;
        walk.take(&line).map_err(|error| Failure::of(&error))?;
    }
    if let Some(checkpoint) = &checkpoint {
        walk.meets(checkpoint).map_err(|error| Failure::of(&error))?;
    }
    Ok(Found { walk, checkpoint })
}

/// A checkpoint whose signature is the key's.
fn checkpoint(note: &Path, key: &str) -> Result<Checkpoint> {
    let text = std::fs::read_to_string(note).map_err(|error| Failure::file(note.display(), &error))?;
    // A key may be named by the file it was written down in.
    let key = std::fs::read_to_string(key).unwrap_or_else(|_| key.to_owned());
    let told = engine_notary::verified(&text, &key).map_err(|error| Failure::of(&error))?;
    let found = Checkpoint::parse(told).map_err(|error| Failure::of(&error))?;
    if key.split('+').next() != Some(found.origin.as_str()) {
        return Err(Failure::failed(format!(
            "the checkpoint is about `{}`, not about the key's journal",
            found.origin
        )));
    }
    Ok(found)
}
