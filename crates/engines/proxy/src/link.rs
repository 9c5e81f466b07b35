//! A way to a server: TCP, or TLS over it.

use std::{
    io,
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Duration,
};

use base::{Error, Result};
use engine_fetch::Egress;
use ports::gateway::{Protocol, Tls};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::upstream::Address;

/// A stream to a server.
pub enum Link {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over it.
    Secure(Box<TlsStream<TcpStream>>),
}

/// TLS on the way to a backend, ready.
pub struct Secure {
    connector: TlsConnector,
    name: Option<ServerName<'static>>,
}

/// The authorities everybody trusts, read once.
static PUBLIC: LazyLock<Arc<rustls::RootCertStore>> =
    LazyLock::new(|| Arc::new(rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }));

impl Secure {
    /// Reads what was declared.
    pub fn of(tls: &Tls, protocol: Protocol) -> Result<Self> {
        let invalid = |part: &str, message: String| {
            Error::invalid("invalid-backend", message).at(format!("spec.tls.{part}"))
        };
        let roots = match &tls.authorities {
            None => Arc::clone(&PUBLIC),
            Some(pem) => {
                let mut roots = rustls::RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    let wrong = |error: &dyn std::fmt::Display| {
                        invalid("authorities", format!("this is no certificate: {error}"))
                    };
                    let certificate = certificate.map_err(|error| wrong(&error))?;
                    roots.add(certificate).map_err(|error| wrong(&error))?;
                }
                if roots.is_empty() {
                    return Err(invalid("authorities", "there is no certificate (PEM) in it".to_owned()));
                }
                Arc::new(roots)
            }
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = match protocol {
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::Http2 => vec![b"h2".to_vec()],
        };
        let name = tls.server_name.as_ref().map(|name| {
            ServerName::try_from(name.clone())
                .map_err(|_| invalid("serverName", "this is no name of a host".to_owned()))
        });
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name: name.transpose()? })
    }
}

/// Whether an address a host goes by may be called: a public one, or one the server was started for. Those of the
/// link, where clouds keep credentials, and those of many never are.
pub fn may_be_called(egress: &Egress, host: &str, address: IpAddr) -> bool {
    let possible = match address.to_canonical() {
        IpAddr::V4(it) => {
            !(it.is_link_local() || it.is_unspecified() || it.is_multicast() || it.is_broadcast())
        }
        IpAddr::V6(it) => {
            let metadata = it == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
            !(it.is_unicast_link_local() || it.is_unspecified() || it.is_multicast() || metadata)
        }
    };
    possible && egress.allows(host, address.to_canonical())
}

/// Connects, within a time.
pub async fn connect(address: &Address, secure: Option<&Secure>, patience: Duration) -> io::Result<Link> {
    let connecting = async {
        let plain = dial(address).await?;
        plain.set_nodelay(true)?;
        let Some(secure) = secure else { return Ok(Link::Plain(plain)) };
        let name = match &secure.name {
            Some(name) => name.clone(),
            None => ServerName::try_from(address.host.clone()).map_err(io::Error::other)?,
        };
        Ok(Link::Secure(Box::new(secure.connector.connect(name, plain).await?)))
    };
    match tokio::time::timeout(patience, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time")),
    }
}

/// The first of a host's addresses that answers; checked after the name was resolved, because names change.
async fn dial(server: &Address) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address that may be called");
    let found = tokio::net::lookup_host((server.host.as_str(), server.port)).await?;
    for address in found.filter(|it| may_be_called(&server.egress, &server.host, it.ip())) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Secure(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Secure(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Secure(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Secure(stream) => stream.is_write_vectored(),
        }
    }
}
