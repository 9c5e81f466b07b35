//! Restoring a backup into an empty data directory: the one command on backups that needs no server.

use std::path::Path;

use crate::failure::Failure;

/// Fills the directory from the file. The stores are not part of this build yet, and it says so
/// instead of pretending.
pub fn run(file: &Path, data_dir: &Path) -> Result<(), Failure> {
    let sentence = format!(
        "this build cannot restore `{}` into `{}`: it holds no store",
        file.display(),
        data_dir.display()
    );
    Err(Failure::failed(sentence).hint("use a build of `aic` that has `aic up`"))
}
