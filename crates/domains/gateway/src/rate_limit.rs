//! A rate limit: how often somebody may ask, for routes to name.

use kernel::prelude::*;

/// What rate limits serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<RateLimit>) -> KindBuilder<RateLimit> {
    kind
}

/// How often somebody may ask, by the generic cell rate algorithm. Answers carry `RateLimit` and `X-RateLimit-*` fields;
/// who asks too often gets 429 with `Retry-After`.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "rate-limit", prefix = "rlt")]
pub struct RateLimit {
    /// Requests in the window.
    #[field(min = 1, max = 1000000000, example = "600")]
    pub requests: u32,
    /// Seconds of the window.
    #[field(min = 1, max = 86400, default = 60)]
    pub window_s: u32,
    /// Requests that may come at once; as many as in the window when absent.
    #[field(min = 1, max = 1000000000)]
    pub burst: Option<u32>,
    /// Who has a bucket of their own.
    #[field(default = "Address")]
    pub by: By,
    /// Whether all replicas count together. Each takes batches of a fixed window from the store, and there is no burst.
    #[field(default = false)]
    pub shared: bool,
}

/// Who has a bucket of their own. Whoever cannot be told apart so is told apart by address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
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

/// A limit where it holds, without a name of its own.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Inline {
    /// Requests in the window.
    #[field(min = 1, max = 1000000000)]
    pub requests: u32,
    /// Seconds of the window.
    #[field(min = 1, max = 86400, default = 60)]
    pub window_s: u32,
    /// Requests that may come at once; as many as in the window when absent.
    #[field(min = 1, max = 1000000000)]
    pub burst: Option<u32>,
    /// Who has a bucket of their own.
    #[field(default = "Address")]
    pub by: By,
    /// Whether all replicas count together.
    #[field(default = false)]
    pub shared: bool,
}
