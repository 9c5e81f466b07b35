//! HTTP to other servers: the one way out, so that one place decides where a call may go.

use base::{Error, Result};

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

/// How long whoever is posted to may take, in milliseconds.
const POST_MS: u64 = 10_000;

/// Posts a body to an address somebody configured; anything but a success is an error that is worth another try.
///
/// # Errors
/// `webhook-refused` (503), and those of [`Fetch::fetch`].
pub async fn post(
    by: &dyn Fetch,
    url: &str,
    token: Option<&str>,
    (media, body): (&str, Vec<u8>),
) -> Result<()> {
    let mut headers = vec![("content-type".to_owned(), media.to_owned())];
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    let request = Request {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers,
        body,
        timeout_ms: POST_MS,
        answer_max: 64 << 10,
    };
    let answer = by.fetch(request).await?;
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    Err(Error::unavailable("webhook-refused", format!("the other side answered {}", answer.status)))
}

/// Refuses what is no address that can be posted to.
///
/// # Errors
/// `bad-url` (422).
pub fn check_url(url: &str) -> Result<()> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = |text: &str| !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if rest.is_some_and(plain) {
        return Ok(());
    }
    Err(Error::invalid("bad-url", "an address begins with `https://` or `http://`"))
}

/// The engine of a platform that calls nobody.
pub struct Nowhere;

impl Fetch for Nowhere {
    fn fetch(&self, request: Request) -> Later<'_, Response> {
        let message = format!("this platform calls no other server, and so not `{}`", request.url);
        let refused: Result<Response> = Err(Error::forbidden("egress-refused", message));
        Box::pin(std::future::ready(refused))
    }
}
