//! Artifacts: which blob lies at which path of a tree, a tree being a run's, a model's or an experiment's.
//!
//! Only the places are kept here; bytes are blobs. A path is relative, with `/` between its parts, none of which is
//! empty, `.` or `..`; whether it is so is the caller's to check with [`path_fits`].

use base::{Digest, Uid};
use serde::{Deserialize, Serialize};

use crate::Later;

/// The longest path, in bytes.
pub const PATH_MAX: usize = 1_000;
/// The most entries of a directory answered at once.
pub const ENTRIES_MAX: u32 = 10_000;

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The object whose tree it is in.
    pub tree: Uid,
    /// Its path in the tree.
    pub path: String,
    /// Its bytes.
    pub blob: Digest,
    /// How many bytes.
    pub bytes: u64,
    /// When it was put there, in milliseconds since 1970.
    pub time_ms: i64,
}

/// A place in a tree; an empty path is the tree's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The tree.
    pub tree: &'a Uid,
    /// The path in it.
    pub path: &'a str,
}

/// What lies in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A directory, by its path in the tree.
    Directory(String),
    /// A file.
    File(File),
}

/// Keeps where artifacts are. An organization's trees are only found under it.
pub trait Artifacts: Send + Sync {
    /// Puts files in their places, all of them or none; what lay there is replaced.
    fn place<'a>(&'a self, org: &'a str, files: Vec<File>) -> Later<'a, ()>;

    /// What lies directly in a directory (empty: the tree's root), by path, after one. For a path that is a file, nothing.
    fn entries<'a>(
        &'a self,
        org: &'a str,
        directory: Place<'a>,
        after: &'a str,
        limit: u32,
    ) -> Later<'a, Vec<Entry>>;

    /// All files at or under a path, by path, after one.
    fn files<'a>(
        &'a self,
        org: &'a str,
        under: Place<'a>,
        after: &'a str,
        limit: u32,
    ) -> Later<'a, Vec<File>>;

    /// The file at a path.
    fn file<'a>(&'a self, org: &'a str, at: Place<'a>) -> Later<'a, Option<File>>;

    /// Removes the file at a path, or everything under it; answers how many files went. Empty: the whole tree.
    fn remove<'a>(&'a self, org: &'a str, at: Place<'a>) -> Later<'a, u64>;

    /// Digests of blobs that lie in some tree, in growing order, after one: the garbage collector leaves them alone.
    fn blobs<'a>(&'a self, after: Option<Digest>, limit: u32) -> Later<'a, Vec<Digest>>;
}

/// Whether a text can be a path of a file or directory inside a tree, and cannot lead out of it.
pub fn path_fits(path: &str) -> bool {
    let part_fits = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.chars().any(|it| it == '\\' || it.is_control())
    };
    path.len() <= PATH_MAX && path.split('/').all(part_fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_lead_out_of_its_tree() {
        for path in ["a", "a/b.txt", "é ü/…", "a..b", "...", "a b%2e%2e"] {
            assert!(path_fits(path), "{path}");
        }
        for path in ["", "/", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.", "a\\..\\b", "a\0b", "a\nb"] {
            assert!(!path_fits(path), "{path:?}");
        }
    }
}
