//! A backend: servers that answer alike, and how they are treated.

use kernel::prelude::*;
use ports::gateway::Gateway;

use crate::{condition::Status, live};

/// What backends serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Backend>) -> KindBuilder<Backend> {
    kind.admit(usable)
        .view(
            "health",
            "How each address is, the circuit, and what was counted, as this process sees it.",
            health,
        )
        .needs("get")
}

/// Servers that answer alike. Platforms may call them; nobody reaches them through the gateway but by a route.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "backend", prefix = "bke", status = "Status")]
pub struct Backend {
    /// `host:port` of each.
    #[field(min = 1, max = 256, example = "shop-1.internal:8080")]
    pub addresses: Vec<String>,
    /// What they speak.
    #[field(default = "Http1")]
    pub protocol: Protocol,
    /// TLS on the way to them; none when absent.
    pub tls: Option<Tls>,
    /// How requests are spread; one after another when absent.
    pub balance: Option<Balance>,
    /// Asks them now and then whether they are well; never when absent.
    pub health_check: Option<HealthCheck>,
    /// When nobody is asked any more for a while.
    pub circuit_breaker: Option<Breaker>,
    /// When one of them is left alone for a while; never when absent.
    pub outlier: Option<Outlier>,
    /// What is tried again; once after a failure when absent.
    pub retries: Option<Retries>,
    /// Milliseconds until a connection must stand.
    #[field(min = 1, max = 600000, default = 5000)]
    pub connect_timeout_ms: u64,
    /// Milliseconds until an answer must begin.
    #[field(min = 1, max = 3600000, default = 60000)]
    pub response_timeout_ms: u64,
    /// Milliseconds a body may pause, either way.
    #[field(min = 1, max = 86400000, default = 300000)]
    pub idle_timeout_ms: u64,
}

/// What a backend speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Protocol {
    /// HTTP/1.1 (RFC 9112).
    #[default]
    Http1,
    /// HTTP/2 (RFC 9113), without TLS by prior knowledge; what gRPC needs.
    Http2,
}

/// TLS on the way to a backend.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// The name its certificate must have; the address's host when absent.
    #[field(max = 253)]
    pub server_name: Option<String>,
    /// Authorities to trust (PEM) instead of the public ones.
    #[field(max = 100000)]
    pub authorities: Option<String>,
}

/// How requests are spread.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Balance {
    /// Who is asked next.
    #[field(default = "RoundRobin")]
    pub algorithm: Balancing,
    /// What tells callers apart, for `Hash`.
    #[field(default = "Address")]
    pub hash_on: HashOn,
    /// The header field or cookie that is hashed.
    #[field(max = 256)]
    pub name: Option<String>,
}

/// Who is asked next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Balancing {
    /// One after another.
    #[default]
    RoundRobin,
    /// Of two picked by chance, the one with fewer requests under way.
    LeastRequest,
    /// The same one for the same caller, as long as it is well.
    Hash,
}

/// What tells callers apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum HashOn {
    /// Their address.
    #[default]
    Address,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
}

/// A question that shows whether an address is well.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// The path that is asked for with `GET`; a status below 400 is well.
    #[field(max = 1024, default = "/")]
    pub path: String,
    /// Milliseconds between two questions.
    #[field(min = 100, max = 3600000, default = 10000)]
    pub interval_ms: u64,
    /// Milliseconds until an answer must be there.
    #[field(min = 1, max = 600000, default = 2000)]
    pub timeout_ms: u64,
    /// Good answers in a row that make it well.
    #[field(min = 1, max = 100, default = 2)]
    pub healthy_after: u32,
    /// Bad ones that make it ill.
    #[field(min = 1, max = 100, default = 3)]
    pub unhealthy_after: u32,
}

/// When nobody is asked any more for a while.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Breaker {
    /// Requests under way at once, which for HTTP/1.1 is connections.
    #[field(min = 1, max = 1000000, default = 1024)]
    pub max_requests: u32,
    /// Requests that may wait for a place.
    #[field(max = 1000000, default = 1024)]
    pub max_pending: u32,
    /// Failures in a row that open it; never when 0.
    #[field(max = 1000000, default = 0)]
    pub consecutive_failures: u32,
    /// Failures in a hundred, of at least twenty within ten seconds, that open it; never when 0.
    #[field(max = 100, default = 0)]
    pub failure_percent: u32,
    /// Milliseconds until one request is let through to see.
    #[field(min = 1, max = 3600000, default = 10000)]
    pub open_ms: u64,
}

/// When one address is left alone for a while.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Outlier {
    /// Failures in a row.
    #[field(min = 1, max = 1000000, default = 5)]
    pub consecutive_failures: u32,
    /// Milliseconds it is left alone.
    #[field(min = 1, max = 86400000, default = 30000)]
    pub eject_ms: u64,
    /// The most of a hundred addresses that are left alone at once.
    #[field(max = 100, default = 50)]
    pub max_ejected_percent: u32,
}

/// What is tried again, and how often. Only what repeating does not change is sent twice (RFC 9110 section 9.2.2).
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Retries {
    /// Times a request is tried again.
    #[field(max = 10, default = 1)]
    pub attempts: u32,
    /// Statuses that are tried again, beside connections that fail.
    #[field(max = 20)]
    pub statuses: Vec<u16>,
    /// Retries to a hundred requests, over ten seconds; three are always allowed.
    #[field(max = 100, default = 20)]
    pub budget_percent: u32,
}

/// What cannot be used is refused with the field that is wrong.
async fn usable(cx: Cx, it: Object<Backend>, _: Option<Object<Backend>>) -> Result<Object<Backend>> {
    cx.port::<dyn Gateway>()?.check_backend(&live::plain(&it.spec)?)?;
    Ok(it)
}

/// How each address is.
async fn health(cx: Cx, it: Object<Backend>, _: Nothing) -> Result<Value> {
    Ok(cx.port::<dyn Gateway>()?.backend_stats(&live::place(&cx, &it)))
}
