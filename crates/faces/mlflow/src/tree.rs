//! The files of a run, a logged model or an experiment, by a path of `mlflow-artifacts`.

use base::Digest;
use kernel::cx::Cx;
pub use places::Path;
use ports::tracking::file::{self, Artifacts, Entry};

use crate::fault::{Fault, Result};

/// How many files one directory is listed with at most.
const LISTED_MAX: usize = 100_000;

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its blob.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File(File),
    /// A directory: names, and the files among them. An empty one is one that nothing was put into.
    Directory(Vec<(String, Option<File>)>),
}

/// What a path leads to; nothing is an empty directory, as on an object store.
pub async fn find(cx: &Cx, path: &Path) -> Result<Found> {
    let place = path.place(cx).await?;
    let artifacts = cx.port::<dyn Artifacts>()?;
    if !place.path.is_empty()
        && let Some(file) = artifacts.file(&cx.org, place.get()).await?
    {
        return Ok(Found::File(File { digest: file.blob, bytes: file.bytes }));
    }
    let start = if place.path.is_empty() { 0 } else { place.path.len() + 1 };
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let found = artifacts.entries(&cx.org, place.get(), &after, file::ENTRIES_MAX).await?;
        let is_last = found.len() < file::ENTRIES_MAX as usize;
        for entry in found {
            let (path, file) = match entry {
                Entry::Directory(path) => (path, None),
                Entry::File(file) => (file.path, Some(File { digest: file.blob, bytes: file.bytes })),
            };
            names.push((path.get(start..).unwrap_or_default().to_owned(), file));
            after = path;
        }
        if is_last || names.len() >= LISTED_MAX {
            return Ok(Found::Directory(names));
        }
    }
}

/// Puts a file at a path.
pub async fn put(cx: &Cx, path: &Path, file: File) -> Result<()> {
    let place = path.place(cx).await?;
    if place.path.is_empty() {
        return Err(Fault::invalid("Invalid path"));
    }
    let time_ms = cx.now().millis();
    let file =
        file::File { tree: place.tree, path: place.path, blob: file.digest, bytes: file.bytes, time_ms };
    Ok(cx.port::<dyn Artifacts>()?.place(&cx.org, vec![file]).await?)
}

/// Deletes a file, or everything below a directory; what is not there is no error.
pub async fn delete(cx: &Cx, path: &Path) -> Result<()> {
    let place = path.place(cx).await?;
    if path.is_top() {
        return Err(Fault::invalid("Invalid path"));
    }
    cx.port::<dyn Artifacts>()?.remove(&cx.org, place.get()).await?;
    Ok(())
}
