//! A rule of a route: which requests, and what becomes of them. The shape is that of Kubernetes' `HTTPRoute`.

use std::collections::BTreeMap;

use kernel::prelude::*;

/// What is done with which requests.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// A request that fits one of these; every request when empty.
    #[field(max = 64)]
    pub matches: Vec<Match>,
    /// Where it goes, by weight. A rule has backends or a `redirect`.
    #[field(max = 64)]
    pub backends: Vec<Target>,
    /// Changes to the header fields of the request.
    pub request_headers: Option<HeaderChange>,
    /// Changes to the header fields of the answer.
    pub response_headers: Option<HeaderChange>,
    /// Answers with another place instead.
    pub redirect: Option<Redirect>,
    /// Changes host or path on the way to the backend.
    pub rewrite: Option<Rewrite>,
    /// Sends a copy somewhere too, of requests with a body of 64 KiB at most.
    pub mirror: Option<Mirror>,
    /// Milliseconds until the answer must begin; the backend's own when absent.
    #[field(min = 1, max = 3600000)]
    pub response_timeout_ms: Option<u64>,
}

/// What a request must be; everything that is given must hold.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Match {
    /// Its path; any when absent.
    pub path: Option<PathMatch>,
    /// Its method; any when absent.
    #[field(max = 20, example = "GET")]
    pub method: Option<String>,
    /// Its header fields.
    #[field(max = 16)]
    pub headers: Vec<TextMatch>,
    /// Its query parameters.
    #[field(max = 16)]
    pub query: Vec<TextMatch>,
}

/// How a path is compared. An exact path comes before an expression, that before a prefix, a longer prefix before a shorter one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum PathSort {
    /// The same path.
    Exact,
    /// The same first segments.
    #[default]
    PathPrefix,
    /// A regular expression that fits the whole path.
    RegularExpression,
}

/// A path.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct PathMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    #[field(default = "PathPrefix")]
    pub sort: PathSort,
    /// With what.
    #[field(max = 1024, example = "/shop")]
    pub value: String,
}

/// How a text is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum TextSort {
    /// The same text.
    #[default]
    Exact,
    /// A regular expression that fits the whole text.
    RegularExpression,
}

/// A header field or query parameter with its value.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct TextMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    #[field(default = "Exact")]
    pub sort: TextSort,
    /// Its name.
    #[field(max = 256, example = "x-stage")]
    pub name: String,
    /// Its value.
    #[field(max = 4096, example = "canary")]
    pub value: String,
}

/// A backend with its weight.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Target {
    /// The backend, in the route's project. One that is not there keeps its share, and fails it.
    #[field(max = 253)]
    pub name: String,
    /// Its share among the others.
    #[field(max = 1000000, default = 1)]
    pub weight: u32,
}

/// Changes to header fields, in this order. Those of the connection, such as `host`, are left alone.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct HeaderChange {
    /// Fields that are gone afterwards.
    #[field(max = 64)]
    pub remove: Vec<String>,
    /// Fields that have this one value afterwards.
    #[field(max = 64)]
    pub set: BTreeMap<String, String>,
    /// Fields that have this value too.
    #[field(max = 64)]
    pub add: BTreeMap<String, String>,
}

/// Another place to ask.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Redirect {
    /// `http` or `https`; the request's own when absent.
    #[field(max = 5, example = "https")]
    pub scheme: Option<String>,
    /// The host; the request's own when absent.
    #[field(max = 253, example = "shop.example.org")]
    pub hostname: Option<String>,
    /// The port; the scheme's own when absent.
    pub port: Option<u16>,
    /// The whole path instead.
    #[field(max = 1024)]
    pub path: Option<String>,
    /// What stands in place of the prefix that matched.
    #[field(max = 1024)]
    pub prefix: Option<String>,
    /// 301, 302, 303, 307 or 308.
    #[field(default = 302)]
    pub status: u16,
}

/// Another host or path for the backend.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Rewrite {
    /// The host it sees; the caller's when absent.
    #[field(max = 260, example = "shop.internal.example")]
    pub hostname: Option<String>,
    /// The whole path it sees.
    #[field(max = 1024)]
    pub path: Option<String>,
    /// What stands in place of the prefix that matched.
    #[field(max = 1024, example = "/")]
    pub prefix: Option<String>,
}

/// A copy for somebody whose answer nobody reads.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Mirror {
    /// The backend, in the route's project.
    #[field(max = 253)]
    pub backend: String,
    /// How many of a hundred requests.
    #[field(max = 100, default = 100)]
    pub percent: u32,
}
