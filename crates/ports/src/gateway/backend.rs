//! Backends: who answers, and how they are treated.

use serde::{Deserialize, Serialize};

/// Servers that answer alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Backend {
    /// `host:port` of each.
    pub addresses: Vec<String>,
    /// What they speak.
    pub protocol: Protocol,
    /// TLS on the way to them.
    pub tls: Option<Tls>,
    /// Who is asked next.
    pub balance: Balance,
    /// Asks them now and then whether they are well.
    pub health_check: Option<HealthCheck>,
    /// When nobody is asked any more for a while.
    pub circuit_breaker: Breaker,
    /// When one of them is left alone for a while.
    pub outlier: Option<Outlier>,
    /// What is tried again.
    pub retries: Retries,
    /// Milliseconds until a connection must stand.
    pub connect_timeout_ms: u64,
    /// Milliseconds until an answer must begin.
    pub response_timeout_ms: u64,
    /// Milliseconds a body may pause, either way.
    pub idle_timeout_ms: u64,
}

impl Default for Backend {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            protocol: Protocol::default(),
            tls: None,
            balance: Balance::default(),
            health_check: None,
            circuit_breaker: Breaker::default(),
            outlier: None,
            retries: Retries::default(),
            connect_timeout_ms: 5_000,
            response_timeout_ms: 60_000,
            idle_timeout_ms: 300_000,
        }
    }
}

/// What a backend speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP/1.1 (RFC 9112).
    #[default]
    Http1,
    /// HTTP/2 (RFC 9113), without TLS by prior knowledge; what gRPC needs.
    Http2,
}

/// TLS on the way to a backend.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tls {
    /// The name its certificate must have; the address's host when absent.
    pub server_name: Option<String>,
    /// Authorities to trust (PEM) instead of the public ones.
    pub authorities: Option<String>,
}

/// Who is asked next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Balancing {
    /// One after another.
    #[default]
    RoundRobin,
    /// Of two picked by chance, the one with fewer requests under way.
    LeastRequest,
    /// The same one for the same caller, as long as it is well (rendezvous hashing).
    Hash,
}

/// What tells callers apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HashOn {
    /// Their address.
    #[default]
    Address,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
}

/// How requests are spread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Balance {
    /// Who is asked next.
    pub algorithm: Balancing,
    /// What tells callers apart, for `Hash`.
    pub hash_on: HashOn,
    /// The field or cookie.
    pub name: Option<String>,
}

/// A question that shows whether a backend is well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthCheck {
    /// The path that is asked for with `GET`; below 400 is well.
    pub path: String,
    /// Milliseconds between two questions.
    pub interval_ms: u64,
    /// Milliseconds until an answer must be there.
    pub timeout_ms: u64,
    /// Good answers in a row that make it well.
    pub healthy_after: u32,
    /// Bad ones that make it ill.
    pub unhealthy_after: u32,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            interval_ms: 10_000,
            timeout_ms: 2_000,
            healthy_after: 2,
            unhealthy_after: 3,
        }
    }
}

/// When nobody is asked any more for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Breaker {
    /// Requests under way at once, which for HTTP/1.1 is connections.
    pub max_requests: u32,
    /// Requests that may wait for a place.
    pub max_pending: u32,
    /// Failures in a row that open it; never when 0.
    pub consecutive_failures: u32,
    /// Failures in a hundred, of at least twenty within ten seconds, that open it; never when 0.
    pub failure_percent: u32,
    /// Milliseconds until one request is let through to see.
    pub open_ms: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            max_requests: 1_024,
            max_pending: 1_024,
            consecutive_failures: 0,
            failure_percent: 0,
            open_ms: 10_000,
        }
    }
}

/// When one address is left alone for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outlier {
    /// Failures in a row.
    pub consecutive_failures: u32,
    /// Milliseconds it is left alone.
    pub eject_ms: u64,
    /// The most of a hundred addresses that are left alone at once.
    pub max_ejected_percent: u32,
}

impl Default for Outlier {
    fn default() -> Self {
        Self { consecutive_failures: 5, eject_ms: 30_000, max_ejected_percent: 50 }
    }
}

/// What is tried again, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retries {
    /// Times a request is tried again.
    pub attempts: u32,
    /// Statuses that are tried again, beside connections that fail.
    pub statuses: Vec<u16>,
    /// Retries to a hundred requests, over ten seconds; three are always allowed.
    pub budget_percent: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 1, statuses: vec![502, 503, 504], budget_percent: 20 }
    }
}
