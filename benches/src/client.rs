//! HTTP/1.1 over one kept connection, with no more work than writing a request and finding its answer's end.
//!
//! It blocks, and knows only what the platform's answers need: a `content-length`, or chunks.

use std::{
    io::{Error, ErrorKind, Read, Result, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// The most bytes an answer may have.
const ANSWER_MAX: usize = 64 << 20;

/// A connection that is kept.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Where the parts of an answer are in the buffer.
struct Head {
    status: u16,
    body: usize,
    length: Option<usize>,
}

impl Client {
    /// Connects.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Sends a request written out and answers the status; the body is left in the buffer.
    pub fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let head = loop {
            self.more()?;
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
        };
        match head.length {
            Some(length) => {
                while self.buffer.len() < head.body + length {
                    self.more()?;
                }
                self.buffer.drain(..head.body);
            }
            None => {
                while !self.buffer.ends_with(b"0\r\n\r\n") {
                    self.more()?;
                }
                self.buffer = whole(&self.buffer[head.body..])?;
            }
        }
        Ok(head.status)
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.buffer
    }

    /// Asks and reads the answer as JSON; any other status than success is an error.
    pub fn json(&mut self, request: &[u8]) -> Result<Value> {
        let status = self.exchange(request)?;
        if !(200..300).contains(&status) {
            let body = String::from_utf8_lossy(&self.buffer);
            return Err(Error::other(format!("{status}: {body}")));
        }
        serde_json::from_slice(&self.buffer).map_err(Error::other)
    }

    fn more(&mut self) -> Result<()> {
        let mut piece = [0; 16 << 10];
        let read = self.stream.read(&mut piece)?;
        if read == 0 || self.buffer.len() > ANSWER_MAX {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(())
    }
}

/// A request written out.
pub fn request(method: &str, path: &str, token: &str, body: Option<&Value>) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: bench\r\n");
    if !token.is_empty() {
        text += &format!("authorization: Bearer {token}\r\n");
    }
    let body = body.map(ToString::to_string).unwrap_or_default();
    if !body.is_empty() {
        text += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    (text + "\r\n" + &body).into_bytes()
}

fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end]).map_err(Error::other)?;
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| Error::other("the answer has no status"))?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    });
    Ok(Some(Head { status, body: end + 4, length }))
}

/// The chunks of a body put together (RFC 9112 section 7.1).
fn whole(mut rest: &[u8]) -> Result<Vec<u8>> {
    let cut = || Error::other("a chunk is cut");
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").ok_or_else(cut)?;
        let text = std::str::from_utf8(&rest[..line]).map_err(Error::other)?;
        let length = usize::from_str_radix(text, 16).map_err(Error::other)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(rest.get(line + 2..line + 2 + length).ok_or_else(cut)?);
        rest = rest.get(line + 4 + length..).ok_or_else(cut)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(whole(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").unwrap(), b"abcde");
        assert!(whole(b"3\r\nab").is_err());
    }

    #[test]
    fn a_head_tells_status_and_length() {
        let head = head(b"HTTP/1.1 201 Created\r\nContent-Length: 7\r\n\r\n{}").unwrap().unwrap();
        assert_eq!((head.status, head.body, head.length), (201, 43, Some(7)));
    }
}
