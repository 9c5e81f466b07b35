//! Restoring a backup into an empty data directory: the one command on backups that needs no server.

use std::path::Path;

use crate::{
    config,
    failure::{Failure, Result},
    server::{self, Up},
};

/// Fills the directory from the file.
pub fn run(file: &Path, data_dir: &Path) -> Result<()> {
    let up = Up {
        data_dir: Some(data_dir.to_owned()),
        listen: None,
        database_url: None,
        public_url: None,
        egress: None,
        egress_ca: None,
        blobs_url: None,
        workers: 0,
        tls_cert: None,
        tls_key: None,
    };
    let settled = config::settle_server(&up)?;
    server::runtime()?.block_on(async {
        server::restore(file, &settled).await.map(|_| ()).map_err(|error| Failure::of(&error))
    })
}
