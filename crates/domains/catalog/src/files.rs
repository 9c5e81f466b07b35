//! Between streams of bytes and blobs.

use bytes::Bytes;
use futures::{StreamExt, stream};
use kernel::{blob::Stored, declare::ByteStream, prelude::*};

/// How many bytes of a blob are read at once.
const PIECE: u64 = 1 << 20;

/// Streams bytes into a blob; nothing is kept when the stream is cut.
pub async fn keep(cx: &Cx, mut bytes: ByteStream) -> Result<Stored> {
    let mut upload = cx.platform().blobs.create().await?;
    while let Some(chunk) = bytes.next().await {
        upload.write(chunk?.to_vec()).await?;
    }
    upload.finish().await
}

/// Streams a blob out.
pub fn give(cx: &Cx, digest: Digest, media: &str, filename: String) -> Output {
    let blobs = std::sync::Arc::clone(&cx.platform().blobs);
    let bytes = stream::unfold(Some(0), move |state| {
        let blobs = std::sync::Arc::clone(&blobs);
        async move {
            let offset = state?;
            match blobs.range(digest, offset, PIECE).await {
                Ok(bytes) if bytes.is_empty() => None,
                Ok(bytes) => {
                    let next = (bytes.len() as u64 == PIECE).then(|| offset + PIECE);
                    Some((Ok(Bytes::from(bytes)), next))
                }
                Err(error) => Some((Err(error), None)),
            }
        }
    });
    Output::Bytes { media: media.to_owned(), filename: Some(filename), bytes: Box::pin(bytes) }
}
