//! Bodies: JSON within a limit, or a stream of bytes within a larger one.

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use base::{Error, Result};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body_util::BodyExt;
use kernel::declare::ByteStream;
use serde_json::Value;

/// The media type without parameters, in lower case.
pub fn media(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// All bytes of a body, at most `limit`.
pub async fn bytes(body: Body, limit: usize) -> Result<Bytes> {
    let limited = http_body_util::Limited::new(body, limit);
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large(limit as u64)),
        Err(error) => {
            Err(Error::bad_request("body-cut", "the body ended before it was whole").because(error))
        }
    }
}

fn too_large(limit: u64) -> Error {
    Error::too_large("body-too-large", format!("the body is larger than {limit} bytes"))
        .hint("send less at once, or upload it as a file where that is served")
}

/// A JSON body, or nothing for an empty one.
pub async fn json(body: Body, limit: usize) -> Result<Option<Value>> {
    let bytes = bytes(body, limit).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    parse(&bytes).map(Some)
}

/// Reads JSON; the error says where it stops being JSON.
pub fn parse(bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|error| {
        if error.to_string().starts_with("recursion limit") {
            return Error::bad_request("bad-json", "the JSON nests too deep");
        }
        Error::bad_request("bad-json", format!("this is no JSON: {error}"))
    })
}

/// A stream as a body. Compression asks once more after the end, which not every stream survives.
pub fn streamed<S>(stream: S) -> Body
where
    S: Stream<Item = Result<Bytes>> + Send + 'static,
{
    Body::from_stream(stream.fuse())
}

/// A body as a stream, cut with an error at `limit` bytes.
pub fn stream(body: Body, limit: u64) -> ByteStream {
    let mut seen: u64 = 0;
    Box::pin(body.into_data_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| {
            Error::bad_request("body-cut", "the body ended before it was whole").because(error)
        })?;
        seen += chunk.len() as u64;
        if seen > limit { Err(too_large(limit)) } else { Ok(chunk) }
    }))
}
