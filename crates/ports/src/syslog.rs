//! Syslog: lines that a collector of logs takes (RFC 5424).

use crate::Later;

/// Sends lines to collectors.
pub trait Syslog: Send + Sync {
    /// Sends messages in order to `udp://host:port` (RFC 5426), one a datagram, or to
    /// `tcp://host:port` (RFC 6587, octet counting). With TCP the messages have been handed to the
    /// collector's machine when this answers; UDP promises nothing.
    ///
    /// # Errors
    /// `egress-refused` (403) where the address is none; `upstream-unreachable` (503) when nobody takes them.
    fn send<'a>(&'a self, address: &'a str, messages: Vec<String>) -> Later<'a, ()>;
}
