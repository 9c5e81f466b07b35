//! Certificates from a public authority, by ACME (RFC 8555) with the challenge `http-01` (section 8.3).

use base::Time;

use crate::Later;

/// What is wanted of an authority.
#[derive(Clone, Debug)]
pub struct Order {
    /// The authority's directory (RFC 8555 section 7.1.1).
    pub directory: String,
    /// The address it may write to.
    pub email: Option<String>,
    /// The account as [`Issued::account`] told it, if there is one already.
    pub account: Option<String>,
    /// The hosts the certificate is for; no wildcards, which `http-01` cannot prove.
    pub hosts: Vec<String>,
}

/// What came of it.
#[derive(Clone)]
pub struct Issued {
    /// The account with its private key, to be kept sealed and shown again.
    pub account: String,
    /// The chain (PEM), the hosts' own certificate first.
    pub chain: String,
    /// The private key (PEM).
    pub key: String,
    /// From when it is good.
    pub not_before: Time,
    /// Until when.
    pub not_after: Time,
}

/// Where the authority looks for the answers to its challenges.
pub trait Challenges: Send + Sync {
    /// Answers `/.well-known/acme-challenge/{token}` with this text, in every process, for an hour.
    fn publish(&self, token: String, answer: String) -> Later<'_, ()>;
}

/// Orders certificates.
pub trait Acme: Send + Sync {
    /// Orders one and waits for it, some minutes at most.
    ///
    /// # Errors
    /// `acme-refused` with the authority's own words, `egress-refused`, `upstream-unreachable`.
    fn issue<'a>(&'a self, order: Order, challenges: &'a dyn Challenges) -> Later<'a, Issued>;
}
