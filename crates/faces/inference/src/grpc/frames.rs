//! gRPC's framing over HTTP/2: each message behind five bytes, and how it went in the trailers.
//!
//! After "gRPC over HTTP2" of the gRPC project. Messages are not compressed; a compressed one is refused.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, header},
};
use base::{Error, Result, Status};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use prost::Message;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const CODE: HeaderName = HeaderName::from_static("aic-code");

/// What of a message must be written as `%XX`.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// The messages of a request's body, one after the other.
pub struct Messages {
    body: Body,
    read: BytesMut,
    max: usize,
    ended: bool,
}

impl Messages {
    pub fn of(body: Body, max: usize) -> Self {
        Self { body, read: BytesMut::new(), max, ended: false }
    }

    /// The next message; nothing at the end.
    pub async fn next<M: Message + Default>(&mut self) -> Option<Result<M>> {
        match self.whole().await {
            Ok(Some(bytes)) => Some(M::decode(bytes).map_err(|error| {
                Error::bad_request("bad-message", "this is no message of the protocol").because(error)
            })),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    async fn whole(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(message) = self.taken()? {
                return Ok(Some(message));
            }
            if self.ended {
                return if self.read.is_empty() { Ok(None) } else { Err(cut()) };
            }
            match self.body.frame().await {
                None => self.ended = true,
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(cut().because(error)),
            }
        }
    }

    /// A message that has arrived whole.
    fn taken(&mut self) -> Result<Option<Bytes>> {
        let Some((head, _)) = self.read.split_first_chunk::<5>() else { return Ok(None) };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if head[0] != 0 {
            let message = "compressed messages are not read here";
            return Err(Error::new(Status::MethodNotAllowed, "unsupported-media", message));
        }
        if length > self.max {
            return Err(Error::too_large(
                "body-too-large",
                format!("a message is larger than {} bytes", self.max),
            ));
        }
        if self.read.len() < 5 + length {
            return Ok(None);
        }
        self.read.advance(5);
        Ok(Some(self.read.split_to(length).freeze()))
    }
}

fn cut() -> Error {
    Error::bad_request("body-cut", "the body ended before it was whole")
}

/// A message as it goes over the wire.
pub fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::with_capacity(5 + message.encoded_len());
    bytes.put_u8(0);
    bytes.put_u32(message.encoded_len() as u32);
    bytes.extend_from_slice(&message.encode_to_vec());
    bytes.freeze()
}

/// How it went, as trailers tell it.
fn trailers(outcome: &Result<()>) -> HeaderMap {
    let mut map = HeaderMap::new();
    let Err(error) = outcome else {
        map.insert(STATUS, HeaderValue::from_static("0"));
        return map;
    };
    map.insert(STATUS, HeaderValue::from(code(error.status())));
    let text = utf8_percent_encode(error.message(), ESCAPED).to_string();
    if let Ok(text) = HeaderValue::from_str(&text) {
        map.insert(MESSAGE, text);
    }
    map.insert(CODE, HeaderValue::from_static(error.code()));
    if let Some(seconds) = error.wait_s() {
        map.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    map
}

/// gRPC's number for a status.
fn code(status: Status) -> u16 {
    match status {
        Status::Cancelled => 1,
        Status::BadRequest | Status::Invalid | Status::NotAcceptable => 3,
        Status::Timeout => 4,
        Status::NotFound | Status::Gone => 5,
        Status::Forbidden => 7,
        Status::TooLarge | Status::TooMany | Status::NoRoom => 8,
        Status::Conflict | Status::PreconditionFailed => 9,
        Status::MethodNotAllowed | Status::UnsupportedMedia => 12,
        Status::Internal | Status::BadGateway => 13,
        Status::Unavailable => 14,
        Status::Unauthenticated => 16,
    }
}

/// The answer to one call: a message, or why not.
pub fn single(outcome: Result<Bytes>) -> Response<Body> {
    let (data, how) = match outcome {
        Ok(data) => (Some(data), Ok(())),
        Err(error) => {
            face_web::problem::note(&error, "");
            (None, Err(error))
        }
    };
    let data = data.into_iter().map(Frame::data);
    let frames = data.chain([Frame::trailers(trailers(&how))]).map(Ok::<_, std::convert::Infallible>);
    answer(Body::new(StreamBody::new(futures::stream::iter(frames))))
}

/// The answers to a stream of messages, which end well.
pub fn streamed(messages: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    let last = futures::stream::once(async { Frame::trailers(trailers(&Ok(()))) });
    let frames = messages.map(Frame::data).chain(last).map(Ok::<_, std::convert::Infallible>);
    answer(Body::new(StreamBody::new(Box::pin(frames))))
}

fn answer(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Seconds a caller waits, from `grpc-timeout`: up to eight digits and a unit.
pub fn timeout_s(headers: &HeaderMap) -> Option<f64> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u32 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    let unit_s = match unit {
        "H" => 3_600.0,
        "M" => 60.0,
        "S" => 1.0,
        "m" => 1e-3,
        "u" => 1e-6,
        "n" => 1e-9,
        _ => return None,
    };
    Some(f64::from(number) * unit_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::messages::OfModel;

    fn model() -> OfModel {
        OfModel { name: "churn".to_owned(), version: String::new() }
    }

    fn read(bytes: Vec<u8>) -> Option<Result<OfModel>> {
        futures::executor::block_on(Messages::of(Body::from(bytes), 100).next())
    }

    #[test]
    fn a_message_is_read_whole_or_refused() {
        let bytes = framed(&model()).to_vec();
        assert_eq!(read(bytes.clone()).unwrap().unwrap(), model());
        assert!(read(Vec::new()).is_none());
        let refused = |bytes: Vec<u8>| read(bytes).unwrap().unwrap_err().code();
        assert_eq!(refused(bytes[..bytes.len() - 1].to_vec()), "body-cut");
        assert_eq!(refused(vec![0, 0]), "body-cut");
        assert_eq!(refused([&[1], &bytes[1..]].concat()), "unsupported-media");
        assert_eq!(refused(vec![0, 0xff, 0, 0, 0]), "body-too-large");
        assert_eq!(refused(vec![0, 0, 0, 0, 2, 0xff, 0xff]), "bad-message");
    }

    #[test]
    fn a_timeout_is_read_in_all_units() {
        let told = |text: &'static str| {
            timeout_s(&HeaderMap::from_iter([(
                HeaderName::from_static("grpc-timeout"),
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!([told("2S"), told("150m"), told("1H")], [Some(2.0), Some(0.15), Some(3_600.0)]);
        assert_eq!([told("2"), told(""), told("123456789S"), told("xS")], [None, None, None, None]);
    }
}
