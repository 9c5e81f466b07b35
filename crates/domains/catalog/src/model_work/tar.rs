//! Tape archives (POSIX.1-1988 `ustar`) of plain files: headers written, and archives read piece by piece.

use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use kernel::{declare::ByteStream, prelude::*};

/// The length of a header, and what every file is filled up to.
pub const BLOCK: usize = 512;

/// The header of a plain file. The name is short and ours.
pub fn header(name: &str, bytes: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{bytes:011o}"));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
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
        if &block[257..262] != b"ustar" || !matches!(block[156], b'0' | 0) {
            return Err(broken("a file has no header of a plain file"));
        }
        let octal = |range: std::ops::Range<usize>| {
            let text = std::str::from_utf8(&block[range]).ok()?.trim_matches(['\0', ' ']);
            u64::from_str_radix(text, 8).ok()
        };
        let zeroed = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) });
        if octal(148..156) != Some(zeroed.sum()) {
            return Err(broken("the check sum of a header is wrong"));
        }
        let end = block[..100].iter().position(|byte| *byte == 0).unwrap_or(100);
        let name = std::str::from_utf8(&block[..end]).map_err(|_| broken("a name is no UTF-8"))?;
        let length = octal(124..136).ok_or_else(|| broken("a length is no number"))?;
        Ok(Some((name.to_owned(), length)))
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
