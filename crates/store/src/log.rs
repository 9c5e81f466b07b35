//! A text written line by line: a stream while it grows, a blob once nothing is added any more.

use base::{Digest, Result};

use crate::{Append, Commit, Store, blob::Blobs};

/// The longest line kept, in characters.
pub const LINE_MAX: usize = 4_000;
/// The most lines a log may have.
pub const LINES_MAX: u64 = 100_000;
/// How many lines are read or put back at once.
const BATCH: u32 = 1_000;
/// The most bytes a sealed log may have: a character of UTF-8 (RFC 3629) has four at most.
const BYTES_MAX: u64 = LINES_MAX * (4 * LINE_MAX as u64 + 1);

/// Lines of a stream from a number on, each ended, and the number of the next; none where there are no more.
///
/// # Errors
/// `store-unavailable` (503).
pub async fn lines(store: &dyn Store, stream: &str, from: u64) -> Result<Option<(String, u64)>> {
    let lines = store.stream(stream, from, BATCH).await?;
    let next = lines.last().map(|(last, _)| last + 1);
    Ok(next.map(|next| (lines.into_iter().map(|(_, line)| line + "\n").collect(), next)))
}

/// Puts the log into a blob, up to [`LINES_MAX`]; the stream stays, for whoever says elsewhere where the blob is.
///
/// # Errors
/// `store-unavailable` (503), and those of [`Blobs::create`].
pub async fn seal(store: &dyn Store, blobs: &dyn Blobs, stream: &str) -> Result<Digest> {
    let (mut upload, mut from) = (blobs.create().await?, 0);
    while from < LINES_MAX
        && let Some((text, next)) = lines(store, stream, from).await?
    {
        from = next;
        upload.write(text.into_bytes()).await?;
    }
    upload.finish().await.map(|stored| stored.digest)
}

/// What a sealed log says from a line on.
///
/// # Errors
/// Those of [`Blobs::get`].
pub async fn sealed(blobs: &dyn Blobs, digest: Digest, from: u64) -> Result<String> {
    let bytes = blobs.get(digest, BYTES_MAX).await?;
    let skipped = usize::try_from(from).unwrap_or(usize::MAX);
    Ok(String::from_utf8_lossy(&bytes).split_inclusive('\n').skip(skipped).collect())
}

/// Puts a sealed log back into its stream, in place of what is there, so that it can go on.
///
/// # Errors
/// Those of [`Blobs::get`] and [`Store::commit`].
pub async fn unseal(store: &dyn Store, blobs: &dyn Blobs, stream: &str, digest: Digest) -> Result<()> {
    let text = sealed(blobs, digest, 0).await?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    store.drop_stream(stream).await?;
    for lines in lines.chunks(BATCH as usize) {
        let append = Append { stream: stream.to_owned(), entries: lines.to_vec() };
        store.commit(Commit { appends: vec![append], ..Commit::default() }).await?;
    }
    Ok(())
}
