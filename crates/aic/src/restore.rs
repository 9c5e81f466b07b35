//! Restoring a backup into an empty data directory: the one command on backups that needs no server.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    config,
    failure::{Failure, Result},
    server::{self, KeyFile, Up},
};

/// Fills the directory from the file.
pub fn run(file: &Path, keys: Option<&Path>, data_dir: &Path) -> Result<()> {
    let keys = read_keys(file, keys)?;
    let up = Up::of_directory(data_dir.to_owned());
    let settled = config::settle_server(&up)?;
    server::runtime()?.block_on(async {
        server::restore(file, &keys, &settled).await.map(|_| ()).map_err(|error| Failure::of(&error))
    })
}

/// The file beside a backup that holds the keys of what is sealed in it.
pub fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".keys");
    PathBuf::from(name)
}

/// The keys that were named, those beside the backup, or none.
fn read_keys(file: &Path, keys: Option<&Path>) -> Result<KeyFile> {
    let beside = beside(file);
    let path = keys.unwrap_or(&beside);
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && keys.is_none() => {
            return Ok(KeyFile::default());
        }
        Err(error) => return Err(Failure::file(path.display(), &error)),
    };
    serde_json::from_str(&text)
        .map_err(|error| Failure::failed(format!("`{}` is no file of keys: {error}", path.display())))
}
