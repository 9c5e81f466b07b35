//! HTTP/1.1 to one server: connections are kept and used again, and every exchange has an end.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base::{Error, Result};
use bytes::Bytes;
use engine_fetch::Ways;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Uri, body::Incoming, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::fault::unreachable;

/// The most bytes of an answer.
const ANSWER_MAX: usize = 64 << 20;
/// How much is read of an answer that is no success.
const SAID_MAX: usize = 64 << 10;
/// How many idle connections are kept.
const IDLE_MAX: usize = 16;

/// Where a server is.
#[derive(Clone)]
pub enum Host {
    /// At an address, if it may be called.
    At(Ways, Uri),
    /// On this machine, started by us.
    Here(u16),
}

/// The way to a server.
pub struct Link {
    name: String,
    host: Host,
    headers: Vec<(String, String)>,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// One question.
pub struct Asked<'a> {
    /// The method.
    pub method: Method,
    /// The path, with what stands before all paths.
    pub path: &'a str,
    /// The body; JSON where there is one.
    pub body: Option<Bytes>,
    /// How long the whole may take.
    pub timeout: Duration,
}

/// An answer: the status code and the body.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, whole.
    pub body: Bytes,
}

/// What came of a question whose answer is read as it comes.
pub enum Begun {
    /// A success, whose body follows.
    Follows(Following),
    /// Anything else.
    Refused(Answer),
}

/// The body of an answer, piece by piece.
pub struct Following {
    name: String,
    limit: Duration,
    body: Incoming,
    /// The connection ends with it.
    _sender: SendRequest<Full<Bytes>>,
}

impl Following {
    /// The next piece; no more time may pass before it than a whole answer may take.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let late =
                |_| unreachable(&self.name, format!("nothing more within {} ms", self.limit.as_millis()));
            let frame = tokio::time::timeout(self.limit, self.body.frame()).await.map_err(late)?;
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(bytes) = frame.map_err(|error| unreachable(&self.name, error))?.into_data() {
                return Ok(Some(bytes));
            }
        }
    }
}

impl Link {
    /// A way to a server by its name in messages.
    pub fn new(name: &str, host: Host, headers: &[(String, String)]) -> Self {
        Self { name: name.to_owned(), host, headers: headers.to_vec(), idle: Mutex::default() }
    }

    /// Asks, and reads the whole answer.
    pub async fn ask(&self, asked: Asked<'_>) -> Result<Answer> {
        let limit = asked.timeout;
        let whole = tokio::time::timeout(limit, self.exchange(&asked)).await;
        whole.map_err(|_| unreachable(&self.name, format!("no answer within {} ms", limit.as_millis())))?
    }

    /// Asks for an answer that is read as it comes; one that is no success comes back whole.
    pub async fn begin(&self, asked: Asked<'_>) -> Result<Begun> {
        let limit = asked.timeout;
        let late = |_| unreachable(&self.name, format!("no answer within {} ms", limit.as_millis()));
        // One that was kept might be closed by now, and what was begun is not asked again.
        let mut sender = tokio::time::timeout(limit, self.connected()).await.map_err(late)??;
        let sent = tokio::time::timeout(limit, sender.send_request(self.request(&asked))).await;
        let response = sent.map_err(late)?.map_err(|error| unreachable(&self.name, error))?;
        let status = response.status().as_u16();
        let body = response.into_body();
        if (200..300).contains(&status) {
            return Ok(Begun::Follows(Following { name: self.name.clone(), limit, body, _sender: sender }));
        }
        let said = tokio::time::timeout(limit, Limited::new(body, SAID_MAX).collect()).await.map_err(late)?;
        Ok(Begun::Refused(Answer { status, body: said.map(|it| it.to_bytes()).unwrap_or_default() }))
    }

    async fn exchange(&self, asked: &Asked<'_>) -> Result<Answer> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut sender) = kept {
            match self.over(&mut sender, asked).await {
                Ok(answer) => return Ok(self.kept(sender, answer)),
                // The other side had closed what nobody used; nothing was answered yet.
                Err(error) if error.is_canceled() || error.is_incomplete_message() || error.is_closed() => {}
                Err(error) => return Err(unreachable(&self.name, error)),
            }
        }
        let mut sender = self.connected().await?;
        let answer = self.over(&mut sender, asked).await.map_err(|error| unreachable(&self.name, error))?;
        Ok(self.kept(sender, answer))
    }

    fn kept(&self, sender: SendRequest<Full<Bytes>>, (answer, keeps): (Answer, bool)) -> Answer {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if keeps && !sender.is_closed() && idle.len() < IDLE_MAX {
            idle.push(sender);
        }
        answer
    }

    /// The answer over one connection, and whether the connection can be used again.
    async fn over(
        &self,
        sender: &mut SendRequest<Full<Bytes>>,
        asked: &Asked<'_>,
    ) -> hyper::Result<(Answer, bool)> {
        sender.ready().await?;
        let response = sender.send_request(self.request(asked)).await?;
        let status = response.status().as_u16();
        match Limited::new(response.into_body(), ANSWER_MAX).collect().await {
            Ok(body) => Ok((Answer { status, body: body.to_bytes() }, true)),
            Err(error) => match error.downcast::<hyper::Error>() {
                Ok(error) => Err(*error),
                Err(_) => Ok((Answer { status: 0, body: Bytes::new() }, false)),
            },
        }
    }

    fn request(&self, asked: &Asked<'_>) -> Request<Full<Bytes>> {
        let (authority, before) = match &self.host {
            Host::At(_, uri) => (
                uri.authority().map_or_else(String::new, ToString::to_string),
                uri.path().trim_end_matches('/').to_owned(),
            ),
            Host::Here(port) => (format!("127.0.0.1:{port}"), String::new()),
        };
        let mut request = Request::new(Full::new(asked.body.clone().unwrap_or_default()));
        *request.method_mut() = asked.method.clone();
        // What cannot be written as a path leads nowhere, and the server says so.
        *request.uri_mut() = format!("{before}{}", asked.path).parse().unwrap_or_default();
        let fields = [
            (header::HOST, authority.as_str()),
            (header::USER_AGENT, concat!("aic/", env!("CARGO_PKG_VERSION"))),
            (header::ACCEPT, "application/json"),
        ];
        for (name, value) in fields {
            if let Ok(value) = value.parse() {
                request.headers_mut().insert(name, value);
            }
        }
        if asked.body.is_some() {
            let json = header::HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse()) {
                request.headers_mut().insert(name, value);
            }
        }
        request
    }

    async fn connected(&self) -> Result<SendRequest<Full<Bytes>>> {
        let broken = |error: &dyn std::fmt::Display| unreachable(&self.name, error);
        match &self.host {
            Host::Here(port) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                let stream = TcpStream::connect(address).await.map_err(|error| broken(&error))?;
                self.spoken(stream).await
            }
            Host::At(ways, uri) => {
                let stream = ways.connect(&uri.to_string()).await.map_err(|error| match error.code() {
                    "upstream-unreachable" => broken(&error),
                    _ => error,
                })?;
                // Small questions go out at once.
                stream.set_nodelay(true).map_err(|error| broken(&error))?;
                if uri.scheme_str() != Some("https") {
                    return self.spoken(stream).await;
                }
                let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
                let name = host.to_owned().try_into().map_err(|_| Error::internal("no name of a host"))?;
                let secure = tokio_rustls::TlsConnector::from(ways.tls()).connect(name, stream).await;
                self.spoken(secure.map_err(|error| broken(&error))?).await
            }
        }
    }

    async fn spoken<S>(&self, stream: S) -> Result<SendRequest<Full<Bytes>>>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let made = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(|error| unreachable(&self.name, error))?;
        // It ends with its connection, which goes when nobody holds the other half.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(?error, "a connection to a model's server ended");
            }
        });
        Ok(sender)
    }
}
