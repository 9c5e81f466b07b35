//! The archive in a directory: backups as files under plain names, each whole or not there.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, Weak},
};

use base::{Error, Result};
use futures::StreamExt;
use kernel::platform::Platform;
use ports::{
    Later,
    archive::{Archive, Written},
};
use tokio::{
    fs::{self, OpenOptions},
    io::{AsyncReadExt, AsyncWriteExt},
};

use super::{Settled, assemble, bundle, outset};

/// Backups in a directory.
pub struct Files {
    settled: Settled,
    platform: OnceLock<Weak<Platform>>,
}

impl Files {
    /// Backups in the directory that was settled.
    pub fn new(settled: &Settled) -> Self {
        Self { settled: settled.clone(), platform: OnceLock::new() }
    }

    /// The platform to back up, once there is one.
    pub fn keep(&self, platform: &Arc<Platform>) {
        let _ = self.platform.set(Arc::downgrade(platform));
    }

    /// A name from the API must not lead out of the directory.
    fn path(&self, name: &str) -> Result<PathBuf> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(Error::internal(format!("`{name}` is no name of a backup")));
        }
        Ok(self.settled.backup_dir.join(name))
    }

    async fn written(&self, path: &Path) -> Result<Written> {
        let platform = self.platform.get().and_then(Weak::upgrade);
        let platform = platform.ok_or_else(|| Error::internal("a backup without a platform"))?;
        fs::create_dir_all(&self.settled.backup_dir).await.map_err(|error| unusable(path, &error))?;
        let partial = path.with_extension("partial");
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&partial).await;
        let mut file = opened.map_err(|error| unusable(&partial, &error))?;
        let mut bytes = bundle::write(platform);
        while let Some(piece) = bytes.next().await {
            file.write_all(&piece?).await.map_err(|error| unusable(&partial, &error))?;
        }
        file.sync_all().await.map_err(|error| unusable(&partial, &error))?;
        drop(file);
        // A backup nobody has read back is none.
        let written = self.checked(&partial).await?;
        fs::rename(&partial, path).await.map_err(|error| unusable(path, &error))?;
        Ok(written)
    }

    /// Reads a backup to its end, and tries the master key on it.
    async fn checked(&self, path: &Path) -> Result<Written> {
        let position = bundle::check(path, Some(&assemble::master_key(&self.settled)?)).await?;
        let mut file = fs::File::open(path).await.map_err(|error| unusable(path, &error))?;
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
        let mut piece = vec![0; 256 * 1024];
        loop {
            let read = file.read(&mut piece).await.map_err(|error| unusable(path, &error))?;
            if read == 0 {
                break;
            }
            hasher.update(&piece[..read]);
            bytes += read as u64;
        }
        Ok(Written { bytes, digest: hasher.finalize().to_hex().to_string(), position })
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::unavailable("archive-unusable", format!("`{}` cannot be used: {error}", path.display()))
        .hint("choose another directory with AIC_BACKUP_DIR, or make room in it")
}

impl Archive for Files {
    fn write<'a>(&'a self, name: &'a str) -> Later<'a, Written> {
        Box::pin(async move { self.written(&self.path(name)?).await })
    }

    fn check<'a>(&'a self, name: &'a str) -> Later<'a, Written> {
        Box::pin(async move { self.checked(&self.path(name)?).await })
    }

    fn remove<'a>(&'a self, name: &'a str) -> Later<'a, ()> {
        Box::pin(async move {
            let path = self.path(name)?;
            match fs::remove_file(&path).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(&path, &error)),
                _ => Ok(()),
            }
        })
    }

    fn restore_at_start<'a>(&'a self, name: &'a str) -> Later<'a, ()> {
        Box::pin(async move { outset::prepare(&self.settled, &self.path(name)?) })
    }
}
