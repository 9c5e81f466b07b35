//! The gateway: what stands between a request and whoever answers it.
//!
//! The words are those of the Kubernetes Gateway API (`HTTPRoute`) where it has them. The types are
//! read from the JSON of the kinds that declare them, so their fields have the same names.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use base::{Result, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Later;

mod backend;
mod protection;
mod route;

pub use backend::{
    Backend, Balance, Balancing, Breaker, HashOn, HealthCheck, Outlier, Protocol, Retries, Tls,
};
pub use protection::{AccessLog, Addresses, By, Cors, Protection, RateLimit, Waf, WafMode, WafRule};
pub use route::{
    Access, HeaderChange, Match, Mirror, PathMatch, PathSort, Redirect, Rewrite, Route, Rule, Target,
    TextMatch, TextSort,
};

/// Whose a thing is and what it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owned {
    /// The organization.
    pub org: String,
    /// The project.
    pub project: String,
    /// The name in it.
    pub name: String,
}

/// A declared thing with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placed<T> {
    /// Whose it is.
    pub place: Owned,
    /// When it was made: of two routes that are alike otherwise, the older wins.
    pub created: Time,
    /// What was declared.
    pub spec: T,
}

/// What is done with requests to the platform's own services below a path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePolicy {
    /// The path it holds below.
    pub path: String,
    /// Only for these methods; for all when empty.
    pub methods: Vec<String>,
    /// What is asked of a request.
    pub protection: Protection,
    /// How often it may be asked.
    pub rate_limits: Vec<RateLimit>,
}

/// A certificate for some hosts.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The hosts it is shown for: exact, or `*.example.org`.
    pub hosts: Vec<String>,
    /// The chain (PEM), the host's own first.
    pub chain: String,
    /// The private key (PEM).
    pub key: String,
}

/// Everything the gateway goes by. Each new one replaces the last as a whole; requests under way keep theirs.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The position of the journal it was read at.
    pub position: u64,
    /// Routes to upstreams.
    pub routes: Vec<Placed<Route>>,
    /// The upstreams.
    pub backends: Vec<Placed<Backend>>,
    /// The limits that routes name.
    pub rate_limits: Vec<Placed<RateLimit>>,
    /// What holds for the platform's own services.
    pub policies: Vec<Placed<ServicePolicy>>,
    /// Certificates by host.
    pub certificates: Vec<Certificate>,
}

/// A request as somebody describes it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Described {
    /// `GET` and so on.
    pub method: String,
    /// The host it names.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// Header fields.
    pub headers: BTreeMap<String, String>,
    /// Where it comes from.
    pub address: Option<IpAddr>,
}

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The organization.
    pub org: String,
    /// `user:ada`
    pub actor: String,
}

/// What must be known of the sender of a request.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a> {
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// The `Authorization` field.
    pub authorization: Option<&'a str>,
    /// Whose route it is.
    pub place: &'a Owned,
    /// The permission that is needed there, if one is.
    pub permission: Option<&'a str>,
}

/// Knows who asks and what they may: the platform, as the gateway sees it.
pub trait Gatekeeper: Send + Sync {
    /// Who asks.
    ///
    /// # Errors
    /// `unauthenticated` (401) for nobody, and for somebody of another organization; `forbidden` (403).
    fn admit<'a>(&'a self, ask: Admission<'a>) -> Later<'a, Arc<Caller>>;

    /// Takes a batch of a limit that replicas share, once among all of them; `false` if it is taken.
    fn claim<'a>(&'a self, key: &'a str, lasts_s: u32) -> Later<'a, bool>;

    /// The present moment.
    fn now(&self) -> Time;
}

/// Routes requests.
pub trait Gateway: Send + Sync {
    /// Goes by a new table from the next request on. What cannot be used is left out; the answer says what and why.
    fn apply(&self, table: Table) -> Vec<(Owned, base::Error)>;

    /// Whether a route can be used.
    ///
    /// # Errors
    /// `invalid-route` (422) with the field.
    fn check_route(&self, route: &Route) -> Result<()>;

    /// Whether an upstream can be used.
    ///
    /// # Errors
    /// `invalid-backend` (422) with the field.
    fn check_backend(&self, backend: &Backend) -> Result<()>;

    /// Whether a policy can be used.
    ///
    /// # Errors
    /// `invalid-route` (422) with the field.
    fn check_protection(&self, protection: &Protection, at: &str) -> Result<()>;

    /// Whether a certificate and its key fit each other.
    ///
    /// # Errors
    /// `invalid-certificate` (422).
    fn check_certificate(&self, certificate: &Certificate) -> Result<()>;

    /// What would be done with a request, as far as an organization may know; nothing is sent anywhere.
    fn explain(&self, org: &str, request: &Described) -> Value;

    /// What was counted for a route.
    fn route_stats(&self, place: &Owned) -> Value;

    /// What was counted for an upstream, and how its addresses are.
    fn backend_stats(&self, place: &Owned) -> Value;

    /// The last requests of a project, newest first, those of one route if it is named.
    fn access_log(&self, org: &str, project: &str, route: Option<&str>, limit: usize) -> Vec<Value>;
}
