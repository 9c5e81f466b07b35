//! Connections to one server: those nobody uses, and how one is driven.
//!
//! An HTTP/1.1 connection is driven by the very task whose request it carries, not by one of its own:
//! a request then costs no hand-over between tasks. HTTP/2 carries many requests, and has a task.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use tokio::time::Sleep;

use crate::{body::Outgoing, link::Link};

/// How long a connection nobody uses is kept; servers close theirs after a minute or more.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// How many connections nobody uses are kept for one server.
const IDLE_COUNT: usize = 256;
/// Bytes an answer's head may have.
const HEAD_MAX: usize = 64 * 1024;

/// The connections of one server.
#[derive(Default)]
pub struct Pool {
    idle: Mutex<Vec<(Wire, Instant)>>,
    shared: Mutex<Option<http2::SendRequest<Outgoing>>>,
}

impl Pool {
    /// A connection that is open and free, the one used last.
    pub fn take(&self) -> Option<Wire> {
        loop {
            let (mut wire, since) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if since.elapsed() < IDLE_MAX && wire.is_free() {
                return Some(wire);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub fn keep(&self, wire: Wire) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_COUNT {
            idle.push((wire, Instant::now()));
        }
    }

    /// How many connections nobody uses.
    pub fn len(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The HTTP/2 connection, if it is open.
    pub fn shared(&self) -> Option<http2::SendRequest<Outgoing>> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.as_ref().is_some_and(http2::SendRequest::is_closed) {
            *shared = None;
        }
        shared.clone()
    }

    /// Keeps the HTTP/2 connection for the next request too.
    pub fn share(&self, sender: http2::SendRequest<Outgoing>) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    }
}

type Connection = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

/// One HTTP/1.1 connection.
pub struct Wire {
    sender: http1::SendRequest<Outgoing>,
    connection: Connection,
    closed: bool,
    /// Kept over requests: moving a timer on costs less than setting one.
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why an exchange failed, and the request if nothing of it was sent.
pub struct Broken {
    /// Why.
    pub error: hyper::Error,
    /// The request.
    pub unsent: Option<Request<Outgoing>>,
}

impl Wire {
    /// Speaks HTTP/1.1 over a link.
    pub async fn open(link: Link) -> Result<Self, hyper::Error> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_MAX);
        let (sender, connection) = builder.handshake(TokioIo::new(link)).await?;
        let mut wire =
            Self { sender, connection: Box::pin(connection.with_upgrades()), closed: false, timer: None };
        wire.drive(&mut Context::from_waker(Waker::noop()));
        Ok(wire)
    }

    /// Lets the connection do what it can; it says itself when there is more.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.closed && self.connection.as_mut().poll(cx).is_ready() {
            self.closed = true;
        }
    }

    /// Whether another request can be sent.
    pub fn is_free(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.closed && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its answer.
    pub async fn exchange(&mut self, request: Request<Outgoing>) -> Result<Response<Incoming>, Broken> {
        let Self { sender, connection, closed, .. } = self;
        let mut sending = pin!(sender.try_send_request(request));
        poll_fn(|cx| {
            if !*closed && connection.as_mut().poll(cx).is_ready() {
                *closed = true;
            }
            match sending.as_mut().poll(cx) {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
                Poll::Ready(Err(mut failed)) => {
                    let unsent = failed.take_message();
                    Poll::Ready(Err(Broken { error: failed.into_error(), unsent }))
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// The same, given up at a moment; nothing when it was.
    pub async fn exchange_until(
        &mut self,
        request: Request<Outgoing>,
        until: tokio::time::Instant,
    ) -> Option<Result<Response<Incoming>, Broken>> {
        let mut timer = self.timer.take().unwrap_or_else(|| Box::pin(tokio::time::sleep_until(until)));
        timer.as_mut().reset(until);
        let answered = {
            let mut exchange = pin!(self.exchange(request));
            poll_fn(|cx| match exchange.as_mut().poll(cx) {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
            })
            .await
        };
        self.timer = Some(timer);
        answered
    }

    /// Lives on by itself, as the other protocol it was switched to needs it.
    pub fn detach(self) {
        // One that has ended already handed its stream over.
        if !self.closed {
            tokio::spawn(self.connection);
        }
    }
}

/// Speaks HTTP/2 over a link; the connection is driven by a task until nobody uses it.
pub async fn open_shared(link: Link) -> Result<http2::SendRequest<Outgoing>, hyper::Error> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .adaptive_window(true)
        .max_header_list_size(u32::try_from(HEAD_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    let (sender, connection) = builder.handshake(TokioIo::new(link)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a backend ended");
        }
    });
    Ok(sender)
}

/// An error of a connection as one of reading and writing.
pub fn io_error(error: hyper::Error) -> io::Error {
    io::Error::other(error)
}
