//! What is asked of a request before it passes.

use serde::{Deserialize, Serialize};

/// What is asked of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Protection {
    /// Where it may come from.
    pub addresses: Option<Addresses>,
    /// Which pages may ask (CORS).
    pub cors: Option<Cors>,
    /// What it may not look like.
    pub waf: Option<Waf>,
    /// Bytes its body may have.
    pub request_body_max: Option<u64>,
    /// Bytes the answer's body may have.
    pub response_body_max: Option<u64>,
    /// What is noted of it.
    pub access_log: AccessLog,
}

/// Where requests may come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Addresses {
    /// Only from these networks (CIDR); from everywhere when empty.
    pub allow: Vec<String>,
    /// Never from these.
    pub deny: Vec<String>,
}

/// Cross-origin resource sharing, as the Fetch standard has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cors {
    /// Origins whose pages may ask: `https://app.example.org`, `https://*.example.org` or `*`.
    pub origins: Vec<String>,
    /// Methods they may use.
    pub methods: Vec<String>,
    /// Fields they may send.
    pub headers: Vec<String>,
    /// Fields they may read.
    pub exposed: Vec<String>,
    /// Whether they may send cookies and credentials.
    pub credentials: bool,
    /// Seconds a browser remembers.
    pub max_age_s: u32,
}

/// What is done with a request that looks like an attack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WafMode {
    /// It is refused.
    #[default]
    Block,
    /// It is noted and passes.
    Log,
}

/// What a request may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WafRule {
    /// Leaves its directory: `../`, `..\`, `/etc/passwd`, in any encoding.
    PathTraversal,
    /// Has a NUL or another control character.
    ControlCharacters,
    /// Speaks SQL: `union select`, `or 1=1`, `'; drop`.
    SqlInjection,
    /// Brings a script: `<script`, `javascript:`, `onerror=`.
    CrossSiteScripting,
    /// Speaks to a shell: `;cat `, `$(`, `` ` ``, `|sh`.
    CommandInjection,
    /// Uses a method that tells about the server: `TRACE`, `TRACK`, `DEBUG`.
    Methods,
}

impl WafRule {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PathTraversal,
        Self::ControlCharacters,
        Self::SqlInjection,
        Self::CrossSiteScripting,
        Self::CommandInjection,
        Self::Methods,
    ];
}

/// Rules of thumb against common attacks. They look at the path and the query, never at bodies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Waf {
    /// What is done.
    pub mode: WafMode,
    /// Rules that are left out.
    pub without: Vec<WafRule>,
}

/// What is noted of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessLog {
    /// Nothing.
    Off,
    /// Those that were refused or failed: status 400 and above.
    #[default]
    Failures,
    /// Every request.
    All,
}

/// Who has a bucket of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    /// Each address; an IPv6 one by its /64.
    #[default]
    Address,
    /// Each credential.
    Key,
    /// Each user or service account.
    User,
    /// Each organization.
    Organization,
    /// All together.
    Route,
}

/// So many requests in so much time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RateLimit {
    /// Requests in the window.
    pub requests: u32,
    /// Seconds of the window.
    pub window_s: u32,
    /// Requests that may come at once; as many as in the window when absent.
    pub burst: Option<u32>,
    /// Who has a bucket of their own.
    pub by: By,
    /// Whether all replicas count together.
    pub shared: bool,
}
