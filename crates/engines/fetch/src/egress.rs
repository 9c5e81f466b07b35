//! Where calls may go: everywhere in the public network, and to what was named of one's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Error, Result};
use ipnet::IpNet;

/// What may be called beside public addresses.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    hosts: Vec<String>,
    networks: Vec<IpNet>,
}

impl Egress {
    /// Hosts, addresses and networks with commas between: `idp.corp.example, 10.1.0.0/16, ::1`.
    ///
    /// # Errors
    /// `bad-egress`.
    pub fn parse(text: &str) -> Result<Self> {
        let mut egress = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if let Ok(network) = part.parse::<IpNet>().or_else(|_| part.parse::<IpAddr>().map(IpNet::from)) {
                egress.networks.push(network);
            } else if part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)) {
                egress.hosts.push(part.to_ascii_lowercase());
            } else {
                return Err(Error::invalid("bad-egress", format!("`{part}` is no host, address or network"))
                    .hint("write them as idp.corp.example, 10.1.0.0/16"));
            }
        }
        Ok(egress)
    }

    /// Whether an address a host goes by may be connected to.
    pub fn allows(&self, host: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address)
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
            || self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Whether everybody reaches the same machine under an address (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation();
    // This network, shared space, protocol assignments, benchmarks, reserved.
    let reserved = a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !special && !reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    // Addresses that hold one of version 4 lead there: 64:ff9b::/96, 2002::/16.
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match parts {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => return is_public_v4(v4(high, low)),
        [0x2002, high, low, ..] => return is_public_v4(v4(high, low)),
        _ => {}
    }
    // Only global unicast, without documentation and protocol assignments.
    let global = parts[0] & 0xe000 == 0x2000;
    let reserved = parts[0] == 0x2001 && (parts[1] < 0x200 || parts[1] == 0xdb8);
    global && !reserved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(egress: &str, host: &str, address: &str) -> bool {
        Egress::parse(egress).unwrap().allows(host, address.parse().unwrap())
    }

    #[test]
    fn what_is_not_public_is_only_reached_when_it_was_named() {
        for address in
            ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "172.32.0.1", "::ffff:1.1.1.1", "64:ff9b::101:101"]
        {
            assert!(allows("", "x", address), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "240.0.0.1",
            "192.0.0.192",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::127.0.0.1",
        ] {
            assert!(!allows("", "x", address), "{address}");
        }
        assert!(allows("10.1.0.0/16", "x", "10.1.2.3") && !allows("10.1.0.0/16", "x", "10.2.2.3"));
        assert!(allows("127.0.0.1", "x", "::ffff:127.0.0.1"));
        assert!(allows("IdP.corp.example", "idp.corp.example", "10.0.0.1"));
        assert!(!allows("idp.corp.example", "evil.example", "10.0.0.1"));
        assert_eq!(Egress::parse("a/b").unwrap_err().code(), "bad-egress");
    }
}
