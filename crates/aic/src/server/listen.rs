//! The listener: HTTP/1.1 and HTTP/2, plain and TLS, on one port. A connection's first byte tells which.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base::{Error, Result};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use ports::site::Site;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use super::{assemble::Assembled, faces, gate::Gate, tls::Certificates};

/// The most connections open at once; others wait in the system's queue.
const CONNECTIONS_MAX: usize = 10_000;
/// How long a connection may take to show what it speaks.
const GREETING: Duration = Duration::from_secs(10);
/// How long the head of a request may take to arrive.
const HEAD: Duration = Duration::from_secs(30);
/// Fields a request may have.
const HEADERS_MAX: usize = 100;
/// Bytes a request's head may have.
const HEAD_MAX: usize = 128 * 1024;
/// How long requests under way may still take once the server is asked to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// The first byte of a TLS handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// A listening server.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Takes no more connections, lets requests under way finish, then ends.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

/// Listens on an address.
pub async fn listen(assembled: &Assembled, address: SocketAddr) -> Result<Server> {
    let gateway = assembled.platform.port::<engine_proxy::Gateway>()?;
    let certificates = Arc::new(Certificates::open(&assembled.settled, &gateway)?);
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Error::unavailable("address-unusable", format!("cannot listen on {address}: {error}"))
            .hint("choose another with `--listen`, for example 127.0.0.1:0")
    })?;
    let address = listener.local_addr().map_err(Error::internal)?;
    // Without a public address, the platform is where it listens.
    let site = assembled.platform.port::<Site>()?;
    site.listens(&format!("http://{}", reachable(address)));
    let router = faces::router(assembled, Arc::clone(&certificates));
    let gate = Gate::new(gateway, router, (&assembled.settled, site.url().ok()));
    let (stop, stopped) = watch::channel(false);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&certificates.server));
    let task = tokio::spawn(accept(listener, gate, acceptor, stopped));
    Ok(Server { address, stop, task })
}

/// An address to listen on everywhere is reached on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), address.port())
}

async fn accept(
    listener: TcpListener,
    gate: Gate,
    acceptor: tokio_rustls::TlsAcceptor,
    mut stopped: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others will close some.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (gate, acceptor, watcher) = (gate.clone(), acceptor.clone(), graceful.watcher());
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let _place = place;
            // Who has not said anything yet is not waited for when the server stops.
            let greeted = tokio::select! {
                greeted = greeting(&stream) => greeted,
                _ = stopped.changed() => return,
            };
            let served = match greeted {
                Ok(Some(first)) => {
                    let secure = (first == TLS_HANDSHAKE).then_some(acceptor);
                    serve(stream, peer, gate, secure, watcher).await
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                tracing::debug!(%peer, %error, "a connection ended");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The first byte a connection sends, which stays to be read; nothing if it ends before.
async fn greeting(stream: &TcpStream) -> Result<Option<u8>, Failed> {
    let mut first = [0];
    let seen = tokio::time::timeout(GREETING, stream.peek(&mut first)).await??;
    Ok((seen > 0).then_some(first[0]))
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    gate: Gate,
    secure: Option<tokio_rustls::TlsAcceptor>,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), Failed> {
    let is_secure = secure.is_some();
    let service = hyper::service::service_fn(move |request| gate.clone().serve(request, peer, is_secure));
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_MAX as u32)
        .max_concurrent_streams(256)
        .enable_connect_protocol();
    if let Some(acceptor) = secure {
        let stream = tokio::time::timeout(GREETING, acceptor.accept(stream)).await??;
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        watcher.watch(connection.into_owned()).await
    } else {
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        watcher.watch(connection.into_owned()).await
    }
}
