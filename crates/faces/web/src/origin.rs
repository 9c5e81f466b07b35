//! Where a request comes from: the peer's address, or what a trusted proxy says of it.

use std::net::{IpAddr, SocketAddr};

use axum::http::{Extensions, HeaderMap};
use base::{Error, Result};
use ipnet::IpNet;

/// The other end of the connection; put into a request's extensions by the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The address a request comes from; put into its extensions where it enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(pub IpAddr);

/// The address a request comes from, if that was told.
pub fn origin(extensions: &Extensions) -> Option<IpAddr> {
    let peer = || extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    extensions.get::<Origin>().map(|origin| origin.0).or_else(peer)
}

/// What `X-Forwarded-For` says of a request, read from its end for as long as proxies that are trusted say it.
pub fn forwarded(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut seen = peer.to_canonical();
    if !is_trusted(&seen) {
        return seen;
    }
    let told: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .collect();
    for hop in told.iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { return seen };
        seen = address.to_canonical();
        if !is_trusted(&seen) {
            break;
        }
    }
    seen
}

/// A list of networks or addresses: `10.0.0.0/8, 192.0.2.1`.
///
/// # Errors
/// `bad-network`.
pub fn networks(text: &str) -> Result<Vec<IpNet>> {
    let one = |part: &str| {
        let host = part.parse::<IpAddr>().map(IpNet::from);
        part.parse::<IpNet>().or(host).map_err(|_| {
            Error::invalid("bad-network", format!("`{part}` is neither an address nor a network"))
                .hint("write networks as 10.0.0.0/8 or 2001:db8::/32 (RFC 4632, RFC 4291)")
        })
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(peer: &str, forwarded_for: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded_for.parse().unwrap());
        let trusted = networks("10.0.0.0/8, ::1").unwrap();
        forwarded(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(told("192.0.2.1", "198.51.100.7"), "192.0.2.1");
        assert_eq!(told("10.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(told("::ffff:10.0.0.1", "198.51.100.7"), "198.51.100.7");
        // What stands before the first untrusted hop was written by a stranger.
        assert_eq!(told("10.0.0.1", "127.0.0.1, 198.51.100.7, 10.0.0.2"), "198.51.100.7");
        assert_eq!(told("10.0.0.1", "garbage, 10.0.0.2"), "10.0.0.2");
        assert_eq!(told("::1", ""), "::1");
    }

    #[test]
    fn networks_are_read_or_refused() {
        assert_eq!(networks("").unwrap(), []);
        assert_eq!(networks("10.0.0.0/33").unwrap_err().code(), "bad-network");
    }
}
