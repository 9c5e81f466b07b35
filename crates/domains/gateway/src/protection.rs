//! What is asked of a request before it passes: of one to a route, and of one to the platform itself.

use kernel::prelude::*;

/// What is asked of a request.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Protection {
    /// Where it may come from; anywhere when absent.
    pub addresses: Option<Addresses>,
    /// Which pages may ask (CORS); those of the same origin only when absent.
    pub cors: Option<Cors>,
    /// What it may not look like; anything when absent.
    pub waf: Option<Waf>,
    /// Bytes its body may have.
    #[field(min = 0, default = 1073741824)]
    pub request_body_max: Option<u64>,
    /// Bytes the answer's body may have; any number when absent, as streams need it.
    #[field(min = 0)]
    pub response_body_max: Option<u64>,
    /// What is noted of it, for the view `access-log` and the log of the process.
    #[field(default = "Failures")]
    pub access_log: AccessLog,
}

/// Where requests may come from.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Addresses {
    /// Only from these networks (CIDR); from everywhere when empty.
    #[field(example = "10.0.0.0/8")]
    pub allow: Vec<String>,
    /// Never from these, whatever is allowed.
    #[field(example = "10.6.6.0/24")]
    pub deny: Vec<String>,
}

/// Cross-origin resource sharing, as the Fetch standard has it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    /// Origins whose pages may ask: `https://app.example.org`, `https://*.example.org` or `*`.
    #[field(max = 100, example = "https://app.example.org")]
    pub origins: Vec<String>,
    /// Methods they may use; the usual ones when empty.
    #[field(max = 50)]
    pub methods: Vec<String>,
    /// Header fields they may send; `authorization` and `content-type` when empty.
    #[field(max = 100)]
    pub headers: Vec<String>,
    /// Header fields of the answer they may read.
    #[field(max = 100)]
    pub exposed: Vec<String>,
    /// Whether they may send cookies and credentials; not together with the origin `*`.
    #[field(default = false)]
    pub credentials: bool,
    /// Seconds a browser remembers what it may.
    #[field(max = 86400, default = 600)]
    pub max_age_s: u32,
}

/// Rules of thumb against common attacks. They look at path and query, never at bodies.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Waf {
    /// What is done with a request that looks like an attack.
    #[field(default = "Block")]
    pub mode: WafMode,
    /// Rules that are left out.
    pub without: Vec<WafRule>,
}

/// What is done with a request that looks like an attack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum WafMode {
    /// It is refused.
    #[default]
    Block,
    /// It is noted and passes.
    Log,
}

/// What a request may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum WafRule {
    /// Leaves its directory: `../` or `/etc/passwd`, in any encoding.
    PathTraversal,
    /// Has a NUL or another control character.
    ControlCharacters,
    /// Speaks SQL.
    SqlInjection,
    /// Brings a script.
    CrossSiteScripting,
    /// Speaks to a shell.
    CommandInjection,
    /// Uses `TRACE`, `TRACK` or `DEBUG`.
    Methods,
}

/// What is noted of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum AccessLog {
    /// Nothing.
    Off,
    /// Those that were refused or failed: status 400 and above.
    #[default]
    Failures,
    /// Every request.
    All,
}
