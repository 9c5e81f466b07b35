//! HTTP to other servers. A name is resolved here, its addresses are checked, and the checked one is connected to:
//! a name that answers differently a moment later changes nothing.

mod egress;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use base::{Error, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Method, Uri, header};
use hyper_util::rt::TokioIo;
use ports::{
    Later,
    fetch::{Fetch, Request, Response},
};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::net::TcpStream;

pub use egress::Egress;

/// Milliseconds an exchange may take when nothing was said.
const TIMEOUT_MS: u64 = 10_000;
/// Bytes of answer that are read when nothing was said.
const ANSWER_MAX: usize = 1 << 20;
/// Milliseconds to wait for one address before the next is tried.
const CONNECT: Duration = Duration::from_secs(3);

/// The ways out: what may be called, and whom to trust there. A cheap handle.
#[derive(Clone)]
pub struct Ways {
    egress: Arc<Egress>,
    tls: Arc<rustls::ClientConfig>,
}

impl Ways {
    /// Settles them; a file may name certificates to trust beside the public ones.
    ///
    /// # Errors
    /// `bad-egress` when the file holds no certificate.
    pub fn open(egress: Egress, authorities: Option<&Path>) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(path) = authorities {
            let bad = |error: &dyn std::fmt::Display| {
                Error::invalid("bad-egress", format!("`{}` holds no certificates: {error}", path.display()))
            };
            let all = CertificateDer::pem_file_iter(path).map_err(|error| bad(&error))?;
            for certificate in all {
                roots.add(certificate.map_err(|error| bad(&error))?).map_err(|error| bad(&error))?;
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { egress: Arc::new(egress), tls: Arc::new(tls) })
    }

    /// How TLS is spoken.
    pub fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// Connects to where an address leads, if that may be called.
    ///
    /// # Errors
    /// `egress-refused`, `upstream-unreachable`.
    pub async fn connect(&self, url: &str) -> Result<TcpStream> {
        self.connected(url, &target(url)?).await
    }
}

/// Makes the engine.
pub fn open(ways: Ways) -> Arc<dyn Fetch> {
    Arc::new(Engine { ways })
}

struct Engine {
    ways: Ways,
}

impl Fetch for Engine {
    fn fetch(&self, request: Request) -> Later<'_, Response> {
        Box::pin(async move {
            let limit = if request.timeout_ms == 0 { TIMEOUT_MS } else { request.timeout_ms };
            let whole = tokio::time::timeout(Duration::from_millis(limit), self.exchange(&request));
            whole.await.map_err(|_| unreachable(&request.url, "it took too long"))?
        })
    }
}

fn unreachable(url: &str, why: impl std::fmt::Display) -> Error {
    Error::unavailable("upstream-unreachable", format!("`{}` did not answer", shown(url))).because(why)
}

fn refused(url: &str, message: &str) -> Error {
    Error::forbidden("egress-refused", format!("`{}`: {message}", shown(url)))
        .hint("an operator names own addresses that may be called with `aic up --egress`")
}

/// An address without its query, which may hold a secret.
fn shown(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().chars().take(200).collect()
}

/// Where a request goes.
struct Target {
    uri: Uri,
    host: String,
    port: u16,
    secure: bool,
}

fn target(url: &str) -> Result<Target> {
    let uri: Uri = url.parse().map_err(|_| refused(url, "this is no address"))?;
    let (secure, usual) = match uri.scheme_str() {
        Some("https") => (true, 443),
        Some("http") => (false, 80),
        Some("ldaps") => (true, 636),
        Some("ldap") => (false, 389),
        _ => return Err(refused(url, "nobody here speaks that")),
    };
    let authority = uri.authority().ok_or_else(|| refused(url, "it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(refused(url, "a name and password do not belong into an address"));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = authority.port_u16().unwrap_or(usual);
    Ok(Target { host, port, secure, uri })
}

impl Engine {
    async fn exchange(&self, request: &Request) -> Result<Response> {
        let target = target(&request.url)?;
        if !request.url.starts_with("http") {
            return Err(refused(&request.url, "only `http` and `https` are fetched"));
        }
        let stream = self.ways.connected(&request.url, &target).await?;
        if !target.secure {
            return send(request, &target, stream).await;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| refused(&request.url, "it names no host"))?;
        let connector = tokio_rustls::TlsConnector::from(self.ways.tls());
        let stream =
            connector.connect(name, stream).await.map_err(|error| unreachable(&request.url, error))?;
        send(request, &target, stream).await
    }
}

impl Ways {
    /// Resolves, and connects to the first address that may be called and answers.
    async fn connected(&self, url: &str, target: &Target) -> Result<TcpStream> {
        let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
        let found: Vec<SocketAddr> = found.map_err(|error| unreachable(url, error))?.collect();
        let allowed: Vec<SocketAddr> =
            found.iter().copied().filter(|it| self.egress.allows(&target.host, it.ip())).collect();
        if allowed.is_empty() {
            return Err(refused(url, "its address is not one that may be called"));
        }
        let mut last = unreachable(url, "no address");
        for address in allowed {
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = unreachable(url, error),
                Err(error) => last = unreachable(url, error),
            }
        }
        Err(last)
    }
}

async fn send<S>(request: &Request, target: &Target, stream: S) -> Result<Response>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| unreachable(&request.url, error);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let driver = tokio::spawn(connection);
    let answered = async {
        let response = sender.send_request(built(request, target)?).await.map_err(failed)?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let headers = headers.collect();
        let most = if request.answer_max == 0 { ANSWER_MAX } else { request.answer_max };
        let body = Limited::new(response.into_body(), most).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let message = format!("`{}` answered more than {most} bytes", shown(&request.url));
                return Error::unavailable("upstream-too-large", message);
            }
            unreachable(&request.url, error)
        })?;
        Ok(Response { status, headers, body: body.to_bytes().to_vec() })
    };
    let answer = answered.await;
    driver.abort();
    answer
}

fn built(request: &Request, target: &Target) -> Result<hyper::Request<Full<Bytes>>> {
    let method = if request.method.is_empty() { "GET" } else { request.method.as_str() };
    let method = Method::from_bytes(method.as_bytes()).map_err(Error::internal)?;
    let path = target.uri.path_and_query().map_or("/", |path| path.as_str());
    let host = target.uri.authority().map_or(target.host.as_str(), |authority| authority.as_str());
    let mut built = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, concat!("aic/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close");
    for (name, value) in &request.headers {
        built = built.header(name, value);
    }
    built
        .body(Full::new(Bytes::from(request.body.clone())))
        .map_err(|error| refused(&request.url, &format!("the request cannot be sent: {error}")))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A server that answers one connection with a text, or hangs.
    async fn answering(text: &'static str) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = [0; 1024];
            let _ = stream.read(&mut seen).await;
            if text.is_empty() {
                std::future::pending::<()>().await;
            }
            let _ = stream.write_all(text.as_bytes()).await;
        });
        format!("http://{address}/x?secret=1")
    }

    fn ask(url: &str) -> Request {
        Request { url: url.to_owned(), timeout_ms: 500, answer_max: 10, ..Request::default() }
    }

    #[tokio::test]
    async fn what_may_be_called_answers_and_nothing_else_is_touched() {
        let own = open(Ways::open(Egress::parse("127.0.0.0/8").unwrap(), None).unwrap());
        let url =
            answering("HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 2\r\n\r\nok")
                .await;
        let answer = own.fetch(ask(&url)).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (302, b"ok".as_slice()));
        assert_eq!(answer.header("location"), Some("http://evil.example/"));

        let public = open(Ways::open(Egress::default(), None).unwrap());
        for url in [
            url.as_str(),
            "http://localhost:1/",
            "http://[::1]:1/",
            "http://169.254.169.254/latest",
            "ftp://x/",
            "ldap://1.1.1.1/",
            "http://u:p@1.1.1.1/",
            "x",
        ] {
            let error = public.fetch(ask(url)).await.unwrap_err();
            assert_eq!(error.code(), "egress-refused", "{url}");
            assert!(!error.message().contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_hangs_says_too_much_or_garbage_is_given_up() {
        let own = open(Ways::open(Egress::parse("127.0.0.0/8").unwrap(), None).unwrap());
        for (text, code) in [
            ("", "upstream-unreachable"),
            ("garbage\r\n\r\n", "upstream-unreachable"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890", "upstream-too-large"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", "upstream-unreachable"),
        ] {
            let url = answering(text).await;
            assert_eq!(own.fetch(ask(&url)).await.unwrap_err().code(), code, "{text}");
        }
        assert_eq!(own.fetch(ask("http://127.0.0.1:1/")).await.unwrap_err().code(), "upstream-unreachable");
    }
}
