//! Hands messages to collectors of logs: over UDP (RFC 5426) and TCP (RFC 6587, octet counting).

use std::{sync::Arc, time::Duration};

use base::{Error, Result};
use ports::{Later, syslog::Syslog};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// Sends to whoever is named.
pub fn open() -> Arc<dyn Syslog> {
    Arc::new(Sender)
}

struct Sender;

/// How long one batch may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Syslog for Sender {
    fn send<'a>(&'a self, address: &'a str, messages: Vec<String>) -> Later<'a, ()> {
        Box::pin(async move {
            let sent = match address.split_once("://") {
                Some(("udp", host)) => timeout(PATIENCE, over_udp(host, &messages)).await,
                Some(("tcp", host)) => timeout(PATIENCE, over_tcp(host, &messages)).await,
                _ => {
                    let message = format!("`{address}` is not `udp://host:port` or `tcp://host:port`");
                    return Err(Error::forbidden("egress-refused", message));
                }
            };
            let sent: Result<(), String> = match sent {
                Ok(sent) => sent.map_err(|error| error.to_string()),
                Err(_) => Err("it took too long".to_owned()),
            };
            sent.map_err(|why| {
                Error::unavailable("upstream-unreachable", format!("`{address}` took no messages: {why}"))
            })
        })
    }
}

async fn over_udp(host: &str, messages: &[String]) -> std::io::Result<()> {
    let target = tokio::net::lookup_host(host).await?.next();
    let target = target.ok_or_else(|| std::io::Error::other("nobody is called so"))?;
    let own = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own).await?;
    socket.connect(target).await?;
    for message in messages {
        socket.send(message.as_bytes()).await?;
    }
    Ok(())
}

async fn over_tcp(host: &str, messages: &[String]) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(host).await?;
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

    #[tokio::test]
    async fn a_message_with_line_ends_stays_one_over_tcp() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let heard = tokio::spawn(async move {
            let mut text = String::new();
            listener.accept().await.unwrap().0.read_to_string(&mut text).await.unwrap();
            text
        });
        open().send(&address, vec!["<110>1 one\ntwo".to_owned(), "<110>1 three".to_owned()]).await.unwrap();
        assert_eq!(heard.await.unwrap(), "14 <110>1 one\ntwo12 <110>1 three");
    }

    #[tokio::test]
    async fn who_is_away_takes_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = open().send(&address, vec!["x".to_owned()]).await.unwrap_err();
        assert_eq!(error.code(), "upstream-unreachable");
        assert_eq!(open().send("http://x", Vec::new()).await.unwrap_err().code(), "egress-refused");
    }
}
