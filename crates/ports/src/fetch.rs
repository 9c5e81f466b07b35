//! HTTP to other servers: the one way out, so that one place decides where a call may go.

use base::Result;

use crate::Later;

/// A request to another server.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `POST` and so on (RFC 9110 section 9); `GET` when empty.
    pub method: String,
    /// Where to, with `http` or `https`.
    pub url: String,
    /// Header fields, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Milliseconds until the whole exchange is given up; 10,000 when 0.
    pub timeout_ms: u64,
    /// The most bytes of answer that are read; 1 MiB when 0.
    pub answer_max: usize,
}

/// What another server answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code (RFC 9110 section 15).
    pub status: u16,
    /// Header fields, names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header field of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Calls other servers. Redirects are answered, never followed.
pub trait Fetch: Send + Sync {
    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// `egress-refused` (403) where the address is not one that may be called; `upstream-unreachable`
    /// (503) when nobody answers in time, `upstream-too-large` (503) when the answer is too long.
    fn fetch(&self, request: Request) -> Later<'_, Response>;
}

/// The engine of a platform that calls nobody.
pub struct Nowhere;

impl Fetch for Nowhere {
    fn fetch(&self, request: Request) -> Later<'_, Response> {
        let message = format!("this platform calls no other server, and so not `{}`", request.url);
        let refused: Result<Response> = Err(base::Error::forbidden("egress-refused", message));
        Box::pin(std::future::ready(refused))
    }
}
