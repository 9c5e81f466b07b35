//! Tape archives (POSIX.1-1988 `ustar`) of plain files: headers written, and archives read piece by piece.

use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use kernel::{declare::ByteStream, prelude::*};
use tar::Header;

/// The length of a header, and what every file is filled up to.
pub const BLOCK: usize = 512;

/// The header of a plain file. The name is short and ours.
pub fn header(name: &str, bytes: u64) -> Result<[u8; BLOCK]> {
    let mut header = Header::new_ustar();
    header.set_path(name).map_err(Error::internal)?;
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// How many bytes a file of a length is filled up with.
pub fn filling(bytes: u64) -> usize {
    (BLOCK - (bytes % BLOCK as u64) as usize) % BLOCK
}

/// An archive being read.
pub struct Reader {
    stream: ByteStream,
    buffer: BytesMut,
}

fn broken(what: &str) -> Error {
    Error::invalid("bad-archive", format!("this is no archive of a model: {what}"))
        .hint("send what `export` wrote, unchanged")
}

impl Reader {
    /// Reads from a stream.
    pub fn new(stream: ByteStream) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// At most so many of the next bytes; none at the end.
    pub async fn some(&mut self, most: usize) -> Result<Bytes> {
        while self.buffer.is_empty() {
            match self.stream.next().await {
                Some(chunk) => self.buffer.extend_from_slice(&chunk?),
                None => return Ok(Bytes::new()),
            }
        }
        Ok(self.buffer.split_to(most.min(self.buffer.len())).freeze())
    }

    /// Exactly so many of the next bytes.
    pub async fn exactly(&mut self, length: usize) -> Result<Bytes> {
        while self.buffer.len() < length {
            match self.stream.next().await {
                Some(chunk) => self.buffer.extend_from_slice(&chunk?),
                None => return Err(broken("it ends too early")),
            }
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    /// The next file's name and length; none at the end.
    pub async fn next(&mut self) -> Result<Option<(String, u64)>> {
        let block = self.exactly(BLOCK).await?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block);
        let is_plain = header.as_ustar().is_some() && header.entry_type().is_file();
        let sum: u32 = (block.iter().enumerate())
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        if !is_plain || header.cksum().ok() != Some(sum) {
            return Err(broken("a file has no header of a plain file"));
        }
        let name =
            String::from_utf8(header.path_bytes().into_owned()).map_err(|_| broken("a name is no UTF-8"))?;
        let length = header.size().map_err(|_| broken("a length is no number"))?;
        Ok(Some((name, length)))
    }

    /// Leaves out what fills the last block of a file.
    pub async fn skip_filling(&mut self, length: u64) -> Result<()> {
        let mut rest = filling(length);
        while rest > 0 {
            let piece = self.some(rest).await?;
            if !piece.has_remaining() {
                return Err(broken("it ends too early"));
            }
            rest -= piece.len();
        }
        Ok(())
    }
}
