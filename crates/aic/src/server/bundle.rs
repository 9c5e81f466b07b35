//! A backup: the journal up to one position, the kept values, the streams, what is logged to runs and every blob, in one
//! checksummed file.
//!
//! The journal tells every state of every object, so it is the backup; and a backup of one store
//! can be restored into another. What is sealed stays sealed in it; the keys go into a file of their own.
//! The file is a line of JSON, then records: a letter, a length in
//! 8 bytes (little-endian), the bytes; and last `Z` with the BLAKE3 of everything before it.

use std::{path::Path, sync::Arc};

use base::{Digest, Error, Result};
use bytes::Bytes;
use engine_vault::{CHECK, KEYS, MasterKey, PERSONS};
use futures::stream;
use kernel::{
    declare::ByteStream,
    journal::Change,
    object::Raw,
    platform::Platform,
    store::{Commit, Kept, Record, Store},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    fs::File,
    io::{AsyncReadExt, BufReader},
};

use super::{Settled, assemble};

mod tracked;

const MAGIC: &str = "aic-backup";
const VERSION: u32 = 1;
/// Entries of the journal read at once.
const BATCH: u32 = 500;
/// Bytes of a blob read at once.
const PIECE: u64 = 1 << 20;
/// The longest record that is read back, in bytes.
const RECORD_MAX: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Header {
    magic: String,
    version: u32,
    position: u64,
}

#[derive(Serialize, Deserialize)]
struct KeptLine {
    space: String,
    key: String,
    value: String,
    expires: Option<base::Time>,
}

#[derive(Serialize, Deserialize)]
struct StreamLine {
    stream: String,
    entries: Vec<String>,
}

/// Where the writing is.
enum Stage {
    Header,
    Kept,
    Changes(u64),
    Streams(String),
    Tracked(Option<String>),
    Blobs(Vec<kernel::blob::Stored>),
    Blob(Digest, u64, u64, Vec<kernel::blob::Stored>),
    End,
    Done,
}

struct Writer {
    platform: Arc<Platform>,
    position: u64,
    hasher: blake3::Hasher,
    stage: Stage,
}

/// The bytes of a backup of everything as it is now.
pub fn write(platform: Arc<Platform>) -> ByteStream {
    let position = *platform.store.head().borrow();
    let writer = Writer { platform, position, hasher: blake3::Hasher::new(), stage: Stage::Header };
    Box::pin(stream::unfold(Some(writer), |state| async move {
        let mut writer = state?;
        loop {
            if matches!(writer.stage, Stage::Done) {
                return None;
            }
            match writer.next().await {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Some((Ok(Bytes::from(bytes)), Some(writer))),
                Err(error) => return Some((Err(error), None)),
            }
        }
    }))
}

fn record(letter: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![letter];
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
    out
}

impl Writer {
    async fn next(&mut self) -> Result<Vec<u8>> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let bytes = match stage {
            Stage::Header => {
                self.stage = Stage::Kept;
                let header = Header { magic: MAGIC.to_owned(), version: VERSION, position: self.position };
                let mut line = serde_json::to_vec(&header).map_err(Error::internal)?;
                line.push(b'\n');
                line
            }
            Stage::Kept => self.kept().await?,
            Stage::Changes(after) => self.changes(after).await?,
            Stage::Streams(after) => self.streams(after).await?,
            Stage::Tracked(after) => self.tracked(after).await?,
            Stage::Blobs(left) => self.blob_header(left).await?,
            Stage::Blob(digest, offset, length, left) => self.blob(digest, offset, length, left).await?,
            Stage::End => {
                self.stage = Stage::Done;
                return Ok(record(b'Z', self.hasher.finalize().as_bytes()));
            }
            Stage::Done => Vec::new(),
        };
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    async fn changes(&mut self, after: u64) -> Result<Vec<u8>> {
        let store = &*self.platform.store;
        let changes = store.as_written().unwrap_or(store).changes(after, BATCH).await?;
        let within: Vec<&Change> = changes.iter().filter(|it| it.position <= self.position).collect();
        let Some(last) = within.last() else {
            self.stage = Stage::Streams(String::new());
            return Ok(Vec::new());
        };
        self.stage = Stage::Changes(last.position);
        let mut out = Vec::new();
        for change in within {
            out.extend(record(b'C', &serde_json::to_vec(change).map_err(Error::internal)?));
        }
        Ok(out)
    }

    async fn kept(&mut self) -> Result<Vec<u8>> {
        self.stage = Stage::Changes(0);
        let mut out = Vec::new();
        for kept in self.platform.store.kept_all(None).await? {
            // Whoever destroys such a key must not have to look for it in old backups.
            if kept.space == PERSONS {
                continue;
            }
            let line =
                KeptLine { space: kept.space, key: kept.key, value: kept.value, expires: kept.expires };
            out.extend(record(b'K', &serde_json::to_vec(&line).map_err(Error::internal)?));
        }
        Ok(out)
    }

    async fn streams(&mut self, after: String) -> Result<Vec<u8>> {
        let Some(name) = self.platform.store.streams("", &after, 1).await?.pop() else {
            self.stage = Stage::Tracked(None);
            return Ok(Vec::new());
        };
        let mut out = Vec::new();
        let mut from = 0;
        loop {
            let entries = self.platform.store.stream(&name, from, BATCH).await?;
            let Some((last, _)) = entries.last() else { break };
            from = last + 1;
            let entries = entries.into_iter().map(|(_, entry)| entry).collect();
            let line = StreamLine { stream: name.clone(), entries };
            out.extend(record(b'S', &serde_json::to_vec(&line).map_err(Error::internal)?));
        }
        self.stage = Stage::Streams(name);
        Ok(out)
    }

    async fn tracked(&mut self, after: Option<String>) -> Result<Vec<u8>> {
        let (bytes, next) = tracked::part(&self.platform, self.position, after).await?;
        self.stage = match next {
            Some(next) => Stage::Tracked(Some(next)),
            // After the places of files, so that none names a blob that is not there.
            None => Stage::Blobs(self.platform.blobs.list().await?),
        };
        Ok(bytes.map(|bytes| record(b'T', &bytes)).unwrap_or_default())
    }

    async fn blob_header(&mut self, mut left: Vec<kernel::blob::Stored>) -> Result<Vec<u8>> {
        let Some(blob) = left.pop() else {
            self.stage = Stage::End;
            return Ok(Vec::new());
        };
        self.stage = Stage::Blob(blob.digest, 0, blob.bytes, left);
        let told = json!({"digest": blob.digest, "bytes": blob.bytes});
        Ok(record(b'B', told.to_string().as_bytes()))
    }

    async fn blob(
        &mut self,
        digest: Digest,
        offset: u64,
        length: u64,
        left: Vec<kernel::blob::Stored>,
    ) -> Result<Vec<u8>> {
        if offset >= length {
            self.stage = Stage::Blobs(left);
            return Ok(Vec::new());
        }
        let bytes = self.platform.blobs.range(digest, offset, PIECE.min(length - offset)).await?;
        self.stage = Stage::Blob(digest, offset + bytes.len() as u64, length, left);
        Ok(record(b'P', &bytes))
    }
}

/// What a restore did.
pub struct Restored {
    /// Entries of the journal.
    pub changes: u64,
    /// Blobs.
    pub blobs: u64,
}

/// Fills an empty data directory from a backup; nothing is started.
///
/// The whole file is read before anything is written, so that a damaged one leaves nothing behind;
/// and until all of it is there, a mark keeps the directory from being started.
pub async fn restore(file: &Path, keys: &KeyFile, settled: &Settled) -> Result<Restored> {
    let given = match (&keys.master_key, &settled.master_key_file) {
        (Some(text), None) => Some(MasterKey::parse(text)?),
        (_, Some(_)) => Some(assemble::master_key(settled)?),
        (None, None) => None,
    };
    check(file, given.as_ref()).await?;
    let full = || {
        Error::conflict("not-empty", "there is something in the data directory already")
            .hint("restore into an empty directory")
    };
    if settled.data_dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(full());
    }
    let mark = assemble::mark_unfinished(&settled.data_dir)?;
    if let (Some(key), None) = (&given, &settled.master_key_file) {
        assemble::keep_master_key(settled, key)?;
    }
    let store = assemble::vaulted(settled, assemble::open_store(settled).await?).await?;
    if *store.head().borrow() > 0 {
        let _ = std::fs::remove_file(&mark);
        return Err(full());
    }
    let tracking = assemble::open_tracking(settled).await?;
    let mut parts = assemble::parts(settled, store, assemble::open_blobs(settled)?, &Arc::default())?;
    parts.ports = engine_tracking::behind(&tracking, parts.ports);
    let platform = Platform::new(parts)?;
    for (key, value) in &keys.person_keys {
        let (space, key, value) = (PERSONS.to_owned(), key.clone(), value.clone());
        let kept = Kept { space, key, value, expires: None, unless_kept: None };
        platform.store.commit(Commit { keep: vec![kept], ..Commit::default() }).await?;
    }
    let restored = fill(&platform, file).await?;
    std::fs::remove_file(&mark).map_err(Error::internal)?;
    Ok(restored)
}

/// Reads a backup from its first byte to its last, and holds it against its check sum; answers its position.
pub async fn check(file: &Path, master: Option<&MasterKey>) -> Result<u64> {
    let mut reader = Reader::open(file).await?;
    let position = reader.header().await?;
    loop {
        let before = *reader.hasher.finalize().as_bytes();
        match reader.record().await? {
            (b'Z', bytes) if bytes == before => break,
            (b'Z', _) => return Err(broken("its check sum does not fit")),
            (b'K', bytes) => opens(&bytes, master)?,
            _ => {}
        }
    }
    match reader.file.read(&mut [0]).await {
        Ok(0) => Ok(position),
        _ => Err(broken("something stands behind its end")),
    }
}

/// Refuses a master key that would open nothing of what follows.
fn opens(bytes: &[u8], master: Option<&MasterKey>) -> Result<()> {
    let line: KeptLine = serde_json::from_slice(bytes).map_err(|_| broken("a kept value does not parse"))?;
    if (line.space.as_str(), line.key.as_str()) != (CHECK, KEYS) {
        return Ok(());
    }
    let Some(master) = master else {
        return Err(Error::conflict("master-key-missing", "the backup is sealed, and no key was given")
            .hint("keep its `.keys` file beside it, name that with `--keys`, or set `AIC_MASTER_KEY_FILE`"));
    };
    if engine_vault::fits(master, &line.value) {
        return Ok(());
    }
    Err(Error::conflict("master-key-wrong", "the backup was sealed under another master key")
        .hint("give the `.keys` file that was written with it"))
}

/// The keys of a platform, apart from its backups: keep only the newest such file, so that what is erased stays erased.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyFile {
    /// The master key as 64 hexadecimal digits; absent where it came from a file of its own.
    pub master_key: Option<String>,
    /// The keys of personal data by object, wrapped under the master key.
    pub person_keys: std::collections::BTreeMap<String, String>,
}

/// The keys as they are now.
pub async fn keys(store: &dyn Store, settled: &Settled) -> Result<KeyFile> {
    let kept = store.kept_all(Some(PERSONS)).await?;
    let master_key = match &settled.master_key_file {
        Some(_) => None,
        None => {
            let key = assemble::master_key(settled)?;
            Some(key.bytes().iter().map(|byte| format!("{byte:02x}")).collect())
        }
    };
    Ok(KeyFile { master_key, person_keys: kept.into_iter().map(|kept| (kept.key, kept.value)).collect() })
}

/// Writes what a backup holds into an empty platform.
async fn fill(platform: &Arc<Platform>, file: &Path) -> Result<Restored> {
    let mut reader = Reader::open(file).await?;
    reader.header().await?;
    let mut restored = Restored { changes: 0, blobs: 0 };
    let mut changes = Vec::new();
    let mut upload: Option<(Digest, Box<dyn kernel::blob::Upload>)> = None;
    loop {
        let before = *reader.hasher.finalize().as_bytes();
        let (letter, bytes) = reader.record().await?;
        if letter != b'P'
            && let Some((digest, upload)) = upload.take()
        {
            if upload.finish().await?.digest != digest {
                return Err(broken(&format!("blob {digest} is damaged")));
            }
            restored.blobs += 1;
        }
        if letter == b'C' {
            changes.push(
                serde_json::from_slice::<Change>(&bytes).map_err(|_| broken("an entry does not parse"))?,
            );
            restored.changes += 1;
        }
        if changes.len() >= BATCH as usize || (letter != b'C' && !changes.is_empty()) {
            replay(platform, std::mem::take(&mut changes)).await?;
        }
        match letter {
            b'C' => {}
            b'K' => keep(platform, &bytes).await?,
            b'S' => append(platform, &bytes).await?,
            b'T' => tracked::take(platform, &bytes).await?,
            b'B' => upload = Some((digest_of(&bytes)?, platform.blobs.create().await?)),
            b'P' => match &mut upload {
                Some((_, upload)) => upload.write(bytes).await?,
                None => return Err(broken("a piece belongs to no blob")),
            },
            b'Z' if bytes == before => return Ok(restored),
            b'Z' => return Err(broken("its check sum does not fit")),
            _ => return Err(broken("it holds a record nobody knows")),
        }
    }
}

async fn replay(platform: &Arc<Platform>, changes: Vec<Change>) -> Result<()> {
    let kinds = Arc::clone(platform);
    let terms = move |record: &Record| match kinds.kind(&record.kind) {
        Ok(kind) => match Raw::from_record(&kind, record) {
            Ok(raw) => kernel::write::terms(&kind, &raw).into_iter().collect(),
            Err(_) => Vec::new(),
        },
        Err(_) => Vec::new(),
    };
    platform.store.replay(changes, &terms).await
}

async fn keep(platform: &Platform, bytes: &[u8]) -> Result<()> {
    let line: KeptLine = serde_json::from_slice(bytes).map_err(|_| broken("a kept value does not parse"))?;
    let kept = Kept {
        space: line.space,
        key: line.key,
        value: line.value,
        expires: line.expires,
        unless_kept: None,
    };
    platform.store.commit(Commit { keep: vec![kept], ..Commit::default() }).await.map(|_| ())
}

async fn append(platform: &Platform, bytes: &[u8]) -> Result<()> {
    let line: StreamLine = serde_json::from_slice(bytes).map_err(|_| broken("a stream does not parse"))?;
    let appends = vec![kernel::store::Append { stream: line.stream, entries: line.entries }];
    platform.store.commit(Commit { appends, ..Commit::default() }).await.map(|_| ())
}

fn digest_of(bytes: &[u8]) -> Result<Digest> {
    let told: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|_| broken("a blob does not parse"))?;
    told["digest"].as_str().unwrap_or_default().parse()
}

fn broken(why: &str) -> Error {
    Error::invalid("backup-broken", format!("the backup cannot be restored: {why}"))
        .hint("use another copy of the file")
}

struct Reader {
    file: BufReader<File>,
    hasher: blake3::Hasher,
}

impl Reader {
    async fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).await.map_err(|error| {
            Error::not_found("file-not-found", format!("`{}` cannot be read: {error}", path.display()))
        })?;
        Ok(Self { file: BufReader::new(file), hasher: blake3::Hasher::new() })
    }

    async fn header(&mut self) -> Result<u64> {
        let header: Header =
            serde_json::from_str(&self.line().await?).map_err(|_| broken("it is no backup"))?;
        if header.magic == MAGIC && header.version == VERSION {
            return Ok(header.position);
        }
        Err(broken("it is no backup of a version this build reads"))
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            let byte = self.file.read_u8().await.map_err(|_| broken("it ends early"))?;
            line.push(byte);
            if byte == b'\n' || line.len() > 1_000 {
                break;
            }
        }
        self.hasher.update(&line);
        String::from_utf8(line).map_err(|_| broken("it is no backup"))
    }

    async fn record(&mut self) -> Result<(u8, Vec<u8>)> {
        let early = |_| broken("it ends early");
        let letter = self.file.read_u8().await.map_err(early)?;
        let length = self.file.read_u64_le().await.map_err(early)?;
        if length > RECORD_MAX {
            return Err(broken("a record is too long"));
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes).await.map_err(early)?;
        self.hasher.update(&[letter]);
        self.hasher.update(&length.to_le_bytes());
        self.hasher.update(&bytes);
        Ok((letter, bytes))
    }
}
