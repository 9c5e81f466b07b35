//! Between streams of bytes and blobs.

use std::io;

use bytes::Bytes;
use futures::{SinkExt, StreamExt, channel::mpsc, executor::block_on, stream};
use kernel::{
    blob::{Stored, Upload},
    declare::ByteStream,
    prelude::*,
};

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

/// The end of a pipe that work on the blocking pool writes to.
pub struct Pipe {
    sender: mpsc::Sender<Vec<u8>>,
    piece: Vec<u8>,
}

/// A way from work that writes to a blob: bytes go on piece by piece while the work goes on. The blob becomes
/// visible when the upload is finished, which is for whoever knows that the work went well.
pub fn pipe(cx: &Cx) -> (Pipe, impl Future<Output = Result<Box<dyn Upload>>> + use<>) {
    let (sender, mut receiver) = mpsc::channel(2);
    let blobs = std::sync::Arc::clone(&cx.platform().blobs);
    let written = async move {
        let mut upload = blobs.create().await?;
        while let Some(piece) = receiver.next().await {
            upload.write(piece).await?;
        }
        Ok(upload)
    };
    (Pipe { sender, piece: Vec::new() }, written)
}

impl Pipe {
    fn send(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        block_on(self.sender.send(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() as u64 >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.send() }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Whoever waits at the other end learns of a failure from the work itself.
        let _ = io::Write::flush(self);
    }
}
