//! Blobs in an object store. Uploads go through the local cache, so a blob has its name before the
//! first byte is sent and never lies under another.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use base::{Digest, Result, Time};
use futures::TryStreamExt;
use kernel::{
    Later,
    blob::{Blobs, Stored, Upload},
};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, WriteMultipart, path::Path as Key};
use tokio::io::AsyncReadExt;

use crate::{Collected, Swept, fail, local::Local, upload::Writer};

/// How much is sent at once; object stores want at least 5 MiB.
const CHUNK: usize = 8 << 20;

/// How many chunks are on their way at once.
const IN_FLIGHT: usize = 4;

/// Blobs in any object store, under a prefix, with a directory for the local cache.
///
/// # Errors
/// `data-dir-unusable` for the cache.
pub fn over(store: Arc<dyn ObjectStore>, prefix: &str, cache: &Path) -> Result<Arc<dyn Collected>> {
    Ok(Arc::new(Remote { store, prefix: Key::from(prefix), cache: Local::open(cache)? }))
}

/// Blobs in the object store a URL names.
#[cfg(feature = "cloud")]
pub fn by_url(url: &str, settings: Vec<(String, String)>, cache: &Path) -> Result<Arc<dyn Collected>> {
    let wrong = |error: &dyn std::fmt::Display| {
        base::Error::invalid("invalid-blob-url", format!("`{url}` names no object store"))
            .hint("write `s3://bucket/path`, `gs://bucket/path` or `az://container/path`")
            .because(error)
    };
    let parsed = url.parse().map_err(|error| wrong(&error))?;
    let (store, prefix) = object_store::parse_url_opts(&parsed, settings).map_err(|error| wrong(&error))?;
    over(Arc::from(store), prefix.as_ref(), cache)
}

#[derive(Clone)]
struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    cache: Local,
}

impl Remote {
    fn key(&self, digest: Digest) -> Key {
        let name = digest.to_string();
        let parts = [&name[..2], &name[2..4], &name];
        parts.into_iter().fold(self.prefix.clone(), |key, part| key.join(part))
    }

    /// Sends what lies in the cache.
    async fn send(&self, stored: Stored) -> Result<Stored> {
        let digest = stored.digest;
        let refused = |error| fail::remote(digest, error);
        let path = self.cache.local(digest).await?;
        let mut file = tokio::fs::File::open(path).await.map_err(fail::disk)?;
        let started = self.store.put_multipart(&self.key(digest)).await;
        let mut parts = WriteMultipart::new_with_chunk_size(started.map_err(refused)?, CHUNK);
        let mut chunk = vec![0; 1 << 20];
        loop {
            let n = file.read(&mut chunk).await.map_err(fail::disk)?;
            if n == 0 {
                break;
            }
            parts.wait_for_capacity(IN_FLIGHT).await.map_err(refused)?;
            parts.write(&chunk[..n]);
        }
        parts.finish().await.map_err(refused)?;
        Ok(stored)
    }

    /// Brings a blob into the cache, where it is verified.
    async fn fetch(&self, digest: Digest) -> Result<()> {
        if self.cache.has(digest) {
            return Ok(());
        }
        let refused = |error| fail::remote(digest, error);
        let found = self.store.get(&self.key(digest)).await.map_err(refused)?;
        let mut bytes = found.into_stream();
        let mut writer = Writer::new(self.cache.part().await?);
        while let Some(chunk) = bytes.try_next().await.map_err(refused)? {
            writer.write(chunk.to_vec()).await?;
        }
        let stored = self.cache.finish(writer.finish().await?).await?;
        if stored.digest == digest {
            return Ok(());
        }
        self.cache.delete(stored.digest).await?;
        Err(fail::damaged(digest))
    }

    async fn found(&self) -> Result<Vec<(Stored, ObjectMeta)>> {
        let listed = self.store.list(Some(&self.prefix));
        let listed: Vec<ObjectMeta> =
            listed.try_collect().await.map_err(|error| fail::unavailable().because(error))?;
        let named = listed.into_iter().filter_map(|it| {
            let digest = it.location.filename()?.parse().ok()?;
            let bytes = it.size;
            Some((Stored { digest, bytes }, it))
        });
        Ok(named.collect())
    }
}

impl Blobs for Remote {
    fn create(&self) -> Later<'_, Box<dyn Upload>> {
        Box::pin(async move {
            let writer = Writer::new(self.cache.part().await?);
            let to = self.clone();
            Ok(Box::new(Uploading { writer, to }) as Box<dyn Upload>)
        })
    }

    fn put(&self, bytes: Vec<u8>) -> Later<'_, Stored> {
        Box::pin(async move { self.send(self.cache.put(bytes).await?).await })
    }

    fn get(&self, digest: Digest, limit: u64) -> Later<'_, Vec<u8>> {
        Box::pin(async move {
            if self.cache.has(digest) {
                return self.cache.get(digest, limit).await;
            }
            let refused = |error| fail::remote(digest, error);
            let found = self.store.get(&self.key(digest)).await.map_err(refused)?;
            if found.meta.size > limit {
                return Err(fail::too_large(digest, limit));
            }
            let bytes = found.bytes().await.map_err(refused)?.to_vec();
            if Digest::of(&bytes) != digest {
                return Err(fail::damaged(digest));
            }
            Ok(bytes)
        })
    }

    fn range(&self, digest: Digest, offset: u64, len: u64) -> Later<'_, Vec<u8>> {
        Box::pin(async move {
            if self.cache.has(digest) {
                return self.cache.range(digest, offset, len).await;
            }
            // Object stores refuse ranges behind the end.
            let end = self.length(digest).await?.min(offset.saturating_add(len));
            if offset >= end {
                return Ok(Vec::new());
            }
            let bytes = self.store.get_range(&self.key(digest), offset..end).await;
            let bytes = bytes.map_err(|error| fail::remote(digest, error))?;
            Ok(bytes.to_vec())
        })
    }

    fn length(&self, digest: Digest) -> Later<'_, u64> {
        Box::pin(async move {
            let head = self.store.head(&self.key(digest)).await;
            head.map(|it| it.size).map_err(|error| fail::remote(digest, error))
        })
    }

    fn local(&self, digest: Digest) -> Later<'_, PathBuf> {
        Box::pin(async move {
            self.fetch(digest).await?;
            self.cache.local(digest).await
        })
    }

    fn put_file<'a>(&'a self, path: &'a Path) -> Later<'a, Stored> {
        Box::pin(async move { self.send(self.cache.put_file(path).await?).await })
    }

    fn list(&self) -> Later<'_, Vec<Stored>> {
        Box::pin(async move {
            let found = self.found().await?;
            Ok(found.into_iter().map(|(stored, _)| stored).collect())
        })
    }

    fn delete(&self, digest: Digest) -> Later<'_, ()> {
        Box::pin(async move {
            self.cache.delete(digest).await?;
            match self.store.delete(&self.key(digest)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(fail::remote(digest, error)),
            }
        })
    }
}

impl Collected for Remote {
    fn sweep<'a>(&'a self, referenced: &'a HashSet<Digest>, before: Time) -> Later<'a, Swept> {
        Box::pin(async move {
            let mut swept = Swept::default();
            for (stored, meta) in self.found().await? {
                let old = meta.last_modified.timestamp_micros() < before.micros();
                if old && !referenced.contains(&stored.digest) {
                    self.delete(stored.digest).await?;
                    swept.blobs += 1;
                    swept.bytes += stored.bytes;
                }
            }
            // Whatever lies in the cache can be fetched again.
            self.cache.sweep(&HashSet::new(), before).await?;
            Ok(swept)
        })
    }
}

struct Uploading {
    writer: Writer,
    to: Remote,
}

impl Upload for Uploading {
    fn write(&mut self, bytes: Vec<u8>) -> Later<'_, ()> {
        Box::pin(self.writer.write(bytes))
    }

    fn finish(self: Box<Self>) -> Later<'static, Stored> {
        Box::pin(async move {
            let part = self.writer.finish().await?;
            let stored = self.to.cache.finish(part).await?;
            self.to.send(stored).await
        })
    }
}
