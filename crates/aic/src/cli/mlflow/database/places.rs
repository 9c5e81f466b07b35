//! Where on this machine the files lie that a database names.

use std::path::{Path, PathBuf};

use super::super::source::proxied;
use super::Database;
use crate::failure::{Failure, Result};

impl Database {
    /// The directory a place means.
    pub(super) fn directory(&self, place: &str) -> Result<PathBuf> {
        if let Some(path) = proxied(place) {
            let root = self.artifacts.as_ref().ok_or_else(|| {
                Failure::usage("the database names files that a server keeps").hint(
                    "say where they lie with --artifacts DIR, the directory of `--artifacts-destination`",
                )
            })?;
            return below(root, &path);
        }
        let path = place.strip_prefix("file://").unwrap_or(place);
        if path.contains("://") {
            return Err(Failure::failed(format!("its files are at `{place}`, which is no directory")));
        }
        Ok(PathBuf::from(path))
    }
}

/// A path beneath a directory, which it cannot leave.
pub fn below(root: &Path, path: &str) -> Result<PathBuf> {
    if path.split('/').any(|part| part == "..") || path.starts_with('/') {
        return Err(Failure::failed(format!("`{path}` leads out of its directory")));
    }
    Ok(root.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_its_directory() {
        assert!(below(Path::new("/a"), "b/../../c").is_err());
        assert!(below(Path::new("/a"), "/etc/passwd").is_err());
        assert_eq!(below(Path::new("/a"), "b/c").unwrap(), PathBuf::from("/a/b/c"));
    }
}
