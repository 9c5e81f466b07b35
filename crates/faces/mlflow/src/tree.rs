//! Which file of a run, a logged model or an experiment is meant by a path of `mlflow-artifacts`.
//!
//! `EXPERIMENT/RUN/…` lies in the run's tree, `EXPERIMENT/models/MODEL/…` in the model's, anything else below an
//! experiment in the experiment's; what stands below none is the project's own. A tree of another project is none.

use base::{Digest, Uid};
use kernel::cx::Cx;
use ports::tracking::file::{self, Artifacts, Entry};

use crate::{
    fault::{Fault, Result},
    objects::{self, EXPERIMENTS, LOGGED, RUNS},
};

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

/// A path that leads nowhere but down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<String>);

/// A place in a tree.
struct Place {
    tree: Uid,
    path: String,
}

impl Place {
    fn get(&self) -> file::Place<'_> {
        file::Place { tree: &self.tree, path: &self.path }
    }
}

impl Path {
    /// Reads one, decoded as often as somebody may have encoded it.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Fault::invalid("Invalid path");
        let mut plain = text.to_owned();
        for _ in 0..10 {
            let next =
                percent_encoding::percent_decode_str(&plain).decode_utf8().map_err(|_| bad())?.into_owned();
            if next == plain {
                break;
            }
            plain = next;
        }
        let mut chars = plain.chars();
        let is_drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':');
        if plain.contains('#') || plain.starts_with('/') || plain.starts_with("file:") || is_drive {
            return Err(bad());
        }
        let parts = plain.split('/').filter(|part| !part.is_empty() && *part != ".");
        let path = Self(parts.map(str::to_owned).collect());
        if path.0.is_empty() || file::path_fits(&path.0.join("/")) { Ok(path) } else { Err(bad()) }
    }

    /// The path of a file beneath this one.
    pub fn join(&self, below: &Self) -> Self {
        Self(self.0.iter().chain(&below.0).cloned().collect())
    }

    /// As a text that is read the same again.
    pub fn text(&self) -> String {
        let part = |part: &String| {
            percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        self.0.iter().map(part).collect::<Vec<String>>().join("/")
    }

    /// The last part.
    pub fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The tree it lies in, of those that belong to the context's project.
    async fn place(&self, cx: &Cx) -> Result<Place> {
        let parts: Vec<&str> = self.0.iter().map(String::as_str).collect();
        let missing =
            |id: &str| Fault::missing(format!("there is nothing called `{id}` here to keep files for"));
        match parts.as_slice() {
            [_, run, rest @ ..] if run.starts_with("xrn_") => {
                let it = objects::whole(cx, RUNS, run).await?.ok_or_else(|| missing(run))?;
                Ok(Place { tree: it.metadata.uid, path: rest.join("/") })
            }
            [_, "models", model, rest @ ..] if model.starts_with("m-") => {
                let it = objects::living(cx, LOGGED, model).await?.ok_or_else(|| missing(model))?;
                Ok(Place { tree: it.metadata.uid, path: rest.join("/") })
            }
            [experiment, rest @ ..] if experiment.starts_with("exp_") => {
                let it =
                    objects::whole(cx, EXPERIMENTS, experiment).await?.ok_or_else(|| missing(experiment))?;
                Ok(Place { tree: it.metadata.uid, path: rest.join("/") })
            }
            parts => Ok(Place { tree: Uid::known(format!("project/{}", cx.project)), path: parts.join("/") }),
        }
    }
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
    if path.0.is_empty() {
        return Err(Fault::invalid("Invalid path"));
    }
    cx.port::<dyn Artifacts>()?.remove(&cx.org, place.get()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_as_a_text_is_read_the_same_again() {
        for text in ["", "a", "ä ö/ü", "50%/x y", "exp_1/xrn_2/artifacts/x.bin"] {
            let path = Path::parse(text).unwrap();
            assert_eq!(Path::parse(&path.text()).unwrap(), path, "{text}");
        }
    }

    #[test]
    fn paths_lead_down_only() {
        for good in ["", "a", "a/b.txt", "ä ö/ü", "a/./b", "a//b", "50%", "exp_1/xrn_2/artifacts/x"] {
            assert!(Path::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "..",
            "a/../b",
            "/etc/passwd",
            "a\\b",
            "%2e%2e/x",
            "%252e%252e%252fx",
            "a%00b",
            "a#b",
            "C:/x",
            "file:x",
            "a/%2e%2e/%2e%2e/b",
            "%2fetc",
            "a\nb",
        ] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
