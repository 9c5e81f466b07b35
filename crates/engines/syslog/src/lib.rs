//! Hands messages to collectors of logs: over UDP (RFC 5426) and TCP (RFC 6587, octet counting).

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use base::{Error, Result};
use ports::{Later, syslog::Syslog};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// Whether an address a host goes by may be sent to.
pub type Allowed = dyn Fn(&str, IpAddr) -> bool + Send + Sync;

/// Sends to whoever is named, where that is allowed: the one who names an address may be a tenant.
pub fn open(allowed: Arc<Allowed>) -> Arc<dyn Syslog> {
    Arc::new(Sender { allowed })
}

struct Sender {
    allowed: Arc<Allowed>,
}

/// How long one batch may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Syslog for Sender {
    fn send<'a>(&'a self, address: &'a str, messages: Vec<String>) -> Later<'a, ()> {
        Box::pin(async move {
            let unreachable = |why: &str| {
                let message = format!("`{address}` took no messages: {why}");
                Error::unavailable("upstream-unreachable", message)
            };
            let sent = timeout(PATIENCE, self.sent(address, &messages)).await;
            match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(Failed::Refused(why))) => Err(Error::forbidden("egress-refused", why)),
                Ok(Err(Failed::Broken(error))) => Err(unreachable(&error.to_string())),
                Err(_) => Err(unreachable("it took too long")),
            }
        })
    }
}

/// Why messages were not taken.
enum Failed {
    /// They must not be sent there.
    Refused(String),
    /// Nobody took them.
    Broken(std::io::Error),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Sender {
    async fn sent(&self, address: &str, messages: &[String]) -> Result<(), Failed> {
        match address.split_once("://") {
            Some(("udp", host)) => over_udp(self.target(host).await?, messages).await?,
            Some(("tcp", host)) => over_tcp(self.target(host).await?, messages).await?,
            _ => {
                let why = format!("`{address}` is not `udp://host:port` or `tcp://host:port`");
                return Err(Failed::Refused(why));
            }
        }
        Ok(())
    }

    /// The address a host is connected to: looked up once, so that what was allowed is what is called.
    async fn target(&self, host: &str) -> Result<SocketAddr, Failed> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let mut found = tokio::net::lookup_host(host).await?;
        found.find(|target| (self.allowed)(name, target.ip())).ok_or_else(|| {
            Failed::Refused(format!(
                "`{host}` is not one this platform may send to; an operator names own networks"
            ))
        })
    }
}

async fn over_udp(target: SocketAddr, messages: &[String]) -> std::io::Result<()> {
    let own = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own).await?;
    socket.connect(target).await?;
    for message in messages {
        socket.send(message.as_bytes()).await?;
    }
    Ok(())
}

async fn over_tcp(target: SocketAddr, messages: &[String]) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(target).await?;
    let mut bytes = Vec::new();
    for message in messages {
        bytes.extend_from_slice(format!("{} {message}", message.len()).as_bytes());
    }
    stream.write_all(&bytes).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    fn anywhere() -> Arc<dyn Syslog> {
        open(Arc::new(|_, _| true))
    }

    #[tokio::test]
    async fn nothing_is_sent_where_it_must_not_be() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let outside = open(Arc::new(|_, address| !address.is_loopback()));
        for host in ["127.0.0.1", "localhost"] {
            let error =
                outside.send(&format!("tcp://{host}:{port}"), vec!["x".to_owned()]).await.unwrap_err();
            assert_eq!(error.code(), "egress-refused");
        }
        let heard = timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(heard.is_err(), "nobody was called");
    }

    #[tokio::test]
    async fn a_message_with_line_ends_stays_one_over_tcp() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let heard = tokio::spawn(async move {
            let mut text = String::new();
            listener.accept().await.unwrap().0.read_to_string(&mut text).await.unwrap();
            text
        });
        anywhere()
            .send(&address, vec!["<110>1 one\ntwo".to_owned(), "<110>1 three".to_owned()])
            .await
            .unwrap();
        assert_eq!(heard.await.unwrap(), "14 <110>1 one\ntwo12 <110>1 three");
    }

    #[tokio::test]
    async fn who_is_away_takes_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = anywhere().send(&address, vec!["x".to_owned()]).await.unwrap_err();
        assert_eq!(error.code(), "upstream-unreachable");
        assert_eq!(anywhere().send("http://x", Vec::new()).await.unwrap_err().code(), "egress-refused");
    }
}
