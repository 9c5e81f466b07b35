//! HTTP to one server: a request out, an answer or a failure back. It knows paths, not what they mean.

use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Request, Response, header};
use ureq::tls::{RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, SendBody};

use crate::config::{self, Settings};
use crate::failure::{Failure, Result};

/// How long to wait for a connection, and for the first byte of an answer.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(120);
/// The largest answer that is held in memory; larger ones are streamed.
const LARGEST: u64 = 256 << 20;

/// One server, and who we are to it.
pub struct Client {
    agent: Agent,
    url: String,
    token: Option<String>,
    project: Option<String>,
    dry_run: bool,
}

/// A request to be sent.
pub struct Ask {
    method: &'static str,
    path: String,
    query: Vec<(String, String)>,
    accept: &'static str,
    content: Content,
    writes: bool,
    silence: Option<Duration>,
    project: Option<String>,
}

enum Content {
    Nothing,
    Bytes(&'static str, Vec<u8>),
    Stream(&'static str, u64, Box<dyn Read>),
}

impl Ask {
    fn of(method: &'static str, path: impl Into<String>, writes: bool) -> Self {
        let path = path.into();
        Self {
            method,
            path,
            query: Vec::new(),
            accept: "application/json",
            content: Content::Nothing,
            writes,
            silence: None,
            project: None,
        }
    }

    /// Reads.
    pub fn get(path: impl Into<String>) -> Self {
        Self::of("GET", path, false)
    }

    /// Calls something that changes no object, such as a prediction.
    pub fn call(path: impl Into<String>) -> Self {
        Self::of("POST", path, false)
    }

    /// Makes or does something.
    pub fn post(path: impl Into<String>) -> Self {
        Self::of("POST", path, true)
    }

    /// Changes a part.
    pub fn patch(path: impl Into<String>) -> Self {
        Self::of("PATCH", path, true)
    }

    /// Removes.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::of("DELETE", path, true)
    }

    /// A request of any method, as somebody typed it.
    pub fn raw(method: &'static str, path: impl Into<String>) -> Self {
        Self::of(method, path, method != "GET")
    }

    /// Adds a parameter.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a parameter if there is one.
    pub fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// What to answer with.
    pub fn accept(mut self, kind: &'static str) -> Self {
        self.accept = kind;
        self
    }

    /// In this project, if it is said, instead of the one that was settled.
    pub fn in_project(mut self, project: Option<String>) -> Self {
        self.project = project;
        self
    }

    /// How long the answer may be silent before the connection counts as dead.
    pub fn silence(mut self, most: Duration) -> Self {
        self.silence = Some(most);
        self
    }

    /// Sends JSON.
    pub fn json(self, value: &Value) -> Self {
        self.json_as("application/json", value)
    }

    /// Sends JSON under another name, such as that of a patch.
    pub fn json_as(mut self, kind: &'static str, value: &Value) -> Self {
        self.content = Content::Bytes(kind, value.to_string().into_bytes());
        self
    }

    /// Sends a form.
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        self.content = Content::Bytes("application/x-www-form-urlencoded", pairs.join("&").into_bytes());
        self
    }

    /// Sends bytes of a known length from wherever they come, without holding them.
    pub fn stream(mut self, kind: &'static str, length: u64, bytes: impl Read + 'static) -> Self {
        self.content = Content::Stream(kind, length, Box::new(bytes));
        self
    }
}

/// An answer with success.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// How long it is, if that is known.
    pub length: Option<u64>,
    body: Body,
}

impl Answer {
    /// The bytes as they come.
    pub fn reader(self) -> BufReader<impl Read> {
        BufReader::new(self.body.into_reader())
    }

    /// The bytes as text.
    pub fn text(self) -> Result<String> {
        let mut text = String::new();
        let mut reader = self.body.into_reader().take(LARGEST);
        reader.read_to_string(&mut text).map_err(|error| broken(&error))?;
        Ok(text)
    }

    /// The bytes as JSON; an empty answer is null.
    pub fn json(self) -> Result<Value> {
        let text = self.text()?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| {
            Failure::failed(format!("the server's answer is no JSON: {error}"))
                .hint("is the address that of an `aic` server? see --url")
        })
    }
}

impl Client {
    /// A client with these settings; nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self> {
        Ok(Self {
            agent: agent(&settings.url, settings.ca_file.as_deref())?,
            url: settings.url.clone(),
            token: settings.token.clone(),
            project: settings.project.clone(),
            dry_run: settings.dry_run,
        })
    }

    /// Sends and waits for the head of the answer; anything but success is a failure.
    pub fn send(&self, ask: Ask) -> Result<Answer> {
        let silence = ask.silence;
        let request = self.request(ask)?;
        let request = self.agent.configure_request(request).timeout_per_read(silence).build();
        let answer = self.agent.run(request).map_err(|error| self.unreached(&error))?;
        let status = answer.status().as_u16();
        let length = answer.body().content_length();
        if !(200..300).contains(&status) {
            return Err(refused(status, answer));
        }
        Ok(Answer { status, length, body: answer.into_body() })
    }

    /// Sends and reads JSON.
    pub fn json(&self, ask: Ask) -> Result<Value> {
        self.send(ask)?.json()
    }

    fn request(&self, ask: Ask) -> Result<Request<SendBody<'static>>> {
        let mut query = ask.query;
        if ask.writes && self.dry_run {
            query.push(("dryRun".to_owned(), "All".to_owned()));
        }
        let uri = format!("{}{}{}", self.url, ask.path, query_text(&ask.path, &query));
        let mut request = Request::builder().method(ask.method).uri(uri).header(header::ACCEPT, ask.accept);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(project) = ask.project.as_ref().or(self.project.as_ref()) {
            request = request.header("X-AIC-Project", project);
        }
        let body = match ask.content {
            Content::Nothing => SendBody::none(),
            Content::Bytes(kind, bytes) => {
                request =
                    request.header(header::CONTENT_TYPE, kind).header(header::CONTENT_LENGTH, bytes.len());
                SendBody::from_owned_reader(io::Cursor::new(bytes))
            }
            Content::Stream(kind, length, bytes) => {
                request = request
                    .header(header::CONTENT_TYPE, kind)
                    .header(header::CONTENT_LENGTH, length)
                    // A refusal then comes before the bytes are sent, not instead of their end.
                    .header(header::EXPECT, "100-continue");
                SendBody::from_owned_reader(bytes)
            }
        };
        request.body(body).map_err(|error| Failure::usage(format!("that cannot be sent: {error}")))
    }

    fn unreached(&self, error: &ureq::Error) -> Failure {
        unreached(&self.url, error)
    }
}

/// Why nobody answered at an address.
pub fn unreached(url: &str, error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::Timeout(_) => Failure::unavailable(format!("`{url}` did not answer in time ({error})"))
            .hint("try again; if it stays slow, look at the server's log"),
        ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::Rustls(_) => {
            Failure::unavailable(format!("`{url}` is not trusted: {error}"))
                .hint("give its certificate authority with --ca-file or AIC_CA_FILE")
        }
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            Failure::unavailable(format!("`{url}` is not trusted: {error}"))
                .hint("give its certificate authority with --ca-file or AIC_CA_FILE")
        }
        error => Failure::unavailable(format!("`{url}` cannot be reached: {error}")),
    }
}

/// What speaks HTTP to an address; it follows no redirect, because a token belongs to one server.
pub fn agent(url: &str, ca_file: Option<&Path>) -> Result<Agent> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("aic/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .tls_config(tls(ca_file)?);
    if config::is_loopback(url) {
        // A proxy for the world outside cannot reach this machine's own address.
        config = config.proxy(None);
    }
    Ok(config.build().new_agent())
}

fn tls(ca_file: Option<&Path>) -> Result<TlsConfig> {
    let roots = match ca_file {
        None => RootCerts::WebPki,
        Some(path) => {
            let pem = std::fs::read(path).map_err(|error| Failure::file(path.display(), &error))?;
            let mut certificates = Vec::new();
            for item in parse_pem(&pem) {
                if let Ok(ureq::tls::PemItem::Certificate(certificate)) = item {
                    certificates.push(certificate);
                }
            }
            if certificates.is_empty() {
                return Err(Failure::usage(format!("`{}` holds no certificate", path.display()))
                    .hint("it must be PEM text with `BEGIN CERTIFICATE`"));
            }
            RootCerts::new_with_certs(&certificates)
        }
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build())
}

/// An answer that is no success, with what it says.
pub fn refused(status: u16, answer: Response<Body>) -> Failure {
    let request = answer.headers().get("x-request-id").and_then(|value| value.to_str().ok());
    let request = request.map(str::to_owned);
    let mut text = Vec::new();
    // Half a body still says more than none.
    let _ = answer.into_body().into_reader().take(1 << 20).read_to_end(&mut text);
    Failure::answered(status, request, &String::from_utf8_lossy(&text))
}

/// A connection that ended in the middle of an answer.
pub fn broken(error: &io::Error) -> Failure {
    Failure::unavailable(format!("the answer broke off: {error}")).hint("try again")
}

fn query_text(path: &str, query: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in query {
        let first = text.is_empty() && !path.contains('?');
        text.push(if first { '?' } else { '&' });
        text.push_str(&encoded(name));
        text.push('=');
        text.push_str(&encoded(value));
    }
    text
}

/// A text as one piece of an address (RFC 3986).
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place_in_a_path() {
        assert_eq!(encoded("a/../b?c=d e"), "a%2F..%2Fb%3Fc%3Dd%20e");
    }

    #[test]
    fn parameters_join_those_already_there() {
        let query = [("a b".to_owned(), "1&2".to_owned()), ("c".to_owned(), String::new())];
        assert_eq!(query_text("/x", &query), "?a%20b=1%262&c=");
        assert_eq!(query_text("/x?y=1", &query[..1]), "&a%20b=1%262");
    }

    #[test]
    fn a_file_without_certificates_is_refused_before_anything_is_sent() {
        let mut settings = Settings::of("https://example.invalid");
        settings.ca_file = Some("/dev/null".into());
        assert!(Client::new(&settings).err().is_some_and(|f| f.to_string().contains("no certificate")));
    }
}
