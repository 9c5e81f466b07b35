//! Blobs in a local directory: `ab/cd/<digest>` for each, `tmp/` for those on their way.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, Metadata},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{SystemTime, UNIX_EPOCH},
};

use base::{Digest, Error, Result, Time};
use kernel::{
    Later,
    blob::{Blobs, Stored, Upload},
};

use crate::{
    Collected, Swept, fail,
    upload::{Part, Writer},
};

/// How much is read at once while hashing or copying.
const CHUNK: usize = 1 << 20;

/// Blobs in a directory; cheap to clone.
#[derive(Clone)]
pub struct Local(Arc<Directory>);

struct Directory {
    root: PathBuf,
    /// Held to write by a sweep that takes a blob away, to read by an upload that puts one there.
    sweeping: RwLock<()>,
    /// The blobs verified in this process, as their file was then.
    verified: Mutex<HashMap<Digest, (u64, Option<SystemTime>)>>,
}

/// Does blocking work on a thread made for it.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

impl Local {
    /// Opens the directory, and makes it if it is not there.
    pub fn open(root: &Path) -> Result<Self> {
        fs::create_dir_all(root.join("tmp")).map_err(|error| fail::unusable(root, error))?;
        sync(root)?;
        Ok(Self(Arc::new(Directory {
            root: root.to_path_buf(),
            sweeping: RwLock::new(()),
            verified: Mutex::new(HashMap::new()),
        })))
    }

    /// A place to write a blob.
    pub async fn part(&self) -> Result<Part> {
        let it = self.clone();
        blocking(move || Part::open(&it.0.root.join("tmp"))).await
    }

    /// Stores what a part holds.
    pub async fn finish(&self, part: Part) -> Result<Stored> {
        let it = self.clone();
        blocking(move || it.0.finish(part)).await
    }

    /// Whether it is there.
    pub fn has(&self, digest: Digest) -> bool {
        self.0.place(digest).exists()
    }
}

impl Directory {
    /// The name is made of hexadecimal digits only, so it cannot lead anywhere else.
    fn place(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join(&name[..2]).join(&name[2..4]).join(&name)
    }

    fn finish(&self, part: Part) -> Result<Stored> {
        let stored = part.sync()?;
        let place = self.place(stored.digest);
        let _shared = self.sweeping.read().unwrap_or_else(PoisonError::into_inner);
        let directory = place.parent().unwrap_or(&self.root);
        if !directory.exists() {
            fs::create_dir_all(directory).map_err(fail::disk)?;
            sync(directory.parent().unwrap_or(&self.root))?;
            sync(&self.root)?;
        }
        // Also over the same blob: that renews its age, and heals it if it was damaged.
        part.keep(&place)?;
        sync(directory)?;
        Ok(stored)
    }

    fn copy(&self, from: &Path) -> Result<Stored> {
        let mut part = Part::open(&self.root.join("tmp"))?;
        let mut file = File::open(from).map_err(fail::disk)?;
        chunks(&mut file, |bytes| part.write(bytes))?;
        self.finish(part)
    }

    fn get(&self, digest: Digest, limit: u64) -> Result<Vec<u8>> {
        let file = File::open(self.place(digest)).map_err(|error| fail::blob(digest, error))?;
        let length = file.metadata().map_err(fail::disk)?.len();
        if length > limit {
            return Err(fail::too_large(digest, limit));
        }
        let mut bytes = Vec::with_capacity(length as usize);
        let mut file = file.take(limit.saturating_add(1));
        file.read_to_end(&mut bytes).map_err(fail::disk)?;
        if Digest::of(&bytes) != digest {
            return Err(fail::damaged(digest));
        }
        Ok(bytes)
    }

    fn range(&self, digest: Digest, offset: u64, len: u64) -> Result<Vec<u8>> {
        let mut file = File::open(self.place(digest)).map_err(|error| fail::blob(digest, error))?;
        file.seek(SeekFrom::Start(offset)).map_err(fail::disk)?;
        // Room for all of it at once, and for seeing that there is no more.
        let mut bytes = Vec::with_capacity(len.min(CHUNK as u64) as usize + 32);
        file.take(len).read_to_end(&mut bytes).map_err(fail::disk)?;
        Ok(bytes)
    }

    /// The file, once its bytes have been seen to fit its name.
    fn verified(&self, digest: Digest) -> Result<PathBuf> {
        let place = self.place(digest);
        let mut file = File::open(&place).map_err(|error| fail::blob(digest, error))?;
        let metadata = file.metadata().map_err(fail::disk)?;
        let seen = (metadata.len(), metadata.modified().ok());
        let known = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&digest) == Some(&seen) {
            return Ok(place);
        }
        drop(known);
        let mut hasher = blake3::Hasher::new();
        chunks(&mut file, |bytes| {
            hasher.update(bytes);
            Ok(())
        })?;
        if Digest::new(*hasher.finalize().as_bytes()) != digest {
            return Err(fail::damaged(digest));
        }
        let mut known = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(digest, seen);
        Ok(place)
    }

    fn each(&self, mut seen: impl FnMut(Stored, &Path, &Metadata) -> Result<()>) -> Result<()> {
        for outer in entries(&self.root)? {
            for inner in entries(&outer)? {
                for path in entries(&inner)? {
                    let name = path.file_name().and_then(|name| name.to_str());
                    // What is not named by a digest is not ours.
                    let digest = name.and_then(|name| name.parse::<Digest>().ok());
                    if let (Some(digest), Ok(metadata)) = (digest, path.metadata()) {
                        let bytes = metadata.len();
                        seen(Stored { digest, bytes }, &path, &metadata)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn sweep(&self, referenced: &HashSet<Digest>, before: Time) -> Result<Swept> {
        let mut swept = Swept::default();
        self.each(|stored, path, _| {
            if referenced.contains(&stored.digest) {
                return Ok(());
            }
            // An upload of the same blob may renew it this very moment: look again under the lock.
            let _alone = self.sweeping.write().unwrap_or_else(PoisonError::into_inner);
            if path.metadata().is_ok_and(|metadata| is_older(&metadata, before)) {
                gone(fs::remove_file(path))?;
                swept.blobs += 1;
                swept.bytes += stored.bytes;
            }
            Ok(())
        })?;
        for path in entries(&self.root.join("tmp"))? {
            if path.metadata().is_ok_and(|metadata| is_older(&metadata, before)) {
                gone(fs::remove_file(path))?;
            }
        }
        Ok(swept)
    }
}

fn is_older(metadata: &Metadata, before: Time) -> bool {
    let age = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    age.is_some_and(|age| (age.as_micros() as i64) < before.micros())
}

fn gone(removed: io::Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fail::disk(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let listed = match fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(error) if matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::NotFound) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(fail::disk(error)),
    };
    listed.map(|entry| entry.map(|entry| entry.path()).map_err(fail::disk)).collect()
}

fn chunks(file: &mut File, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => each(&chunk[..n])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(fail::disk(error)),
        }
    }
}

fn sync(directory: &Path) -> Result<()> {
    File::open(directory).and_then(|it| it.sync_all()).map_err(fail::disk)
}

impl Blobs for Local {
    fn create(&self) -> Later<'_, Box<dyn Upload>> {
        Box::pin(async move {
            let writer = Writer::new(self.part().await?);
            let to = self.clone();
            Ok(Box::new(Uploading { writer, to }) as Box<dyn Upload>)
        })
    }

    fn put(&self, bytes: Vec<u8>) -> Later<'_, Stored> {
        let it = self.clone();
        Box::pin(blocking(move || {
            let mut part = Part::open(&it.0.root.join("tmp"))?;
            part.write(&bytes)?;
            it.0.finish(part)
        }))
    }

    fn get(&self, digest: Digest, limit: u64) -> Later<'_, Vec<u8>> {
        let it = self.clone();
        Box::pin(blocking(move || it.0.get(digest, limit)))
    }

    fn range(&self, digest: Digest, offset: u64, len: u64) -> Later<'_, Vec<u8>> {
        let it = self.clone();
        Box::pin(blocking(move || it.0.range(digest, offset, len)))
    }

    fn length(&self, digest: Digest) -> Later<'_, u64> {
        let it = self.clone();
        Box::pin(blocking(move || {
            let metadata = fs::metadata(it.0.place(digest));
            metadata.map(|metadata| metadata.len()).map_err(|error| fail::blob(digest, error))
        }))
    }

    fn local(&self, digest: Digest) -> Later<'_, PathBuf> {
        let it = self.clone();
        Box::pin(blocking(move || it.0.verified(digest)))
    }

    fn put_file<'a>(&'a self, path: &'a Path) -> Later<'a, Stored> {
        let (it, path) = (self.clone(), path.to_path_buf());
        Box::pin(blocking(move || it.0.copy(&path)))
    }

    fn list(&self) -> Later<'_, Vec<Stored>> {
        let it = self.clone();
        Box::pin(blocking(move || {
            let mut found = Vec::new();
            it.0.each(|stored, _, _| {
                found.push(stored);
                Ok(())
            })?;
            Ok(found)
        }))
    }

    fn delete(&self, digest: Digest) -> Later<'_, ()> {
        let it = self.clone();
        Box::pin(blocking(move || gone(fs::remove_file(it.0.place(digest)))))
    }
}

impl Collected for Local {
    fn sweep<'a>(&'a self, referenced: &'a HashSet<Digest>, before: Time) -> Later<'a, Swept> {
        let (it, referenced) = (self.clone(), referenced.clone());
        Box::pin(blocking(move || it.0.sweep(&referenced, before)))
    }
}

struct Uploading {
    writer: Writer,
    to: Local,
}

impl Upload for Uploading {
    fn write(&mut self, bytes: Vec<u8>) -> Later<'_, ()> {
        Box::pin(self.writer.write(bytes))
    }

    fn finish(self: Box<Self>) -> Later<'static, Stored> {
        Box::pin(async move {
            let part = self.writer.finish().await?;
            self.to.finish(part).await
        })
    }
}
