//! Routes: which requests, and what becomes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Protection;

/// Where requests go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Route {
    /// The hosts: exact, or `*.example.org`; any when empty.
    pub hostnames: Vec<String>,
    /// What is done with which requests.
    pub rules: Vec<Rule>,
    /// Who may ask.
    pub access: Access,
    /// The limits that hold, by name.
    pub rate_limits: Vec<String>,
    /// What is asked of a request.
    pub protection: Protection,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Whoever was granted `gateway.routes.call` in the route's project.
    #[default]
    Granted,
    /// Whoever has logged in to the route's organization.
    Authenticated,
    /// Anybody.
    Public,
}

/// What is done with which requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// A request that fits one of these; every request when empty.
    pub matches: Vec<Match>,
    /// Where it goes, by weight.
    pub backends: Vec<Target>,
    /// Changes to the fields of the request.
    pub request_headers: Option<HeaderChange>,
    /// Changes to the fields of the answer.
    pub response_headers: Option<HeaderChange>,
    /// Answers with another place instead.
    pub redirect: Option<Redirect>,
    /// Changes host or path on the way.
    pub rewrite: Option<Rewrite>,
    /// Sends a copy somewhere too.
    pub mirror: Option<Mirror>,
    /// Milliseconds until the answer must begin; the backend's own when absent.
    pub response_timeout_ms: Option<u64>,
}

/// What a request must be; everything that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Match {
    /// Its path; any when absent.
    pub path: Option<PathMatch>,
    /// Its method; any when absent.
    pub method: Option<String>,
    /// Its header fields.
    pub headers: Vec<TextMatch>,
    /// Its query parameters.
    pub query: Vec<TextMatch>,
}

/// How a path is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PathMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    pub sort: PathSort,
    /// With what.
    pub value: String,
}

/// How a text is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextSort {
    /// The same text.
    #[default]
    Exact,
    /// A regular expression that fits the whole text.
    RegularExpression,
}

/// A field or parameter with its value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    pub sort: TextSort,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A backend with its weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// The backend, in the route's project.
    pub name: String,
    /// Its share among the others.
    pub weight: u32,
}

impl Default for Target {
    fn default() -> Self {
        Self { name: String::new(), weight: 1 }
    }
}

/// Changes to header fields, in this order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeaderChange {
    /// Fields that are gone afterwards.
    pub remove: Vec<String>,
    /// Fields that have this one value afterwards.
    pub set: BTreeMap<String, String>,
    /// Fields that have this value too.
    pub add: BTreeMap<String, String>,
}

/// Another place to ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Redirect {
    /// `http` or `https`; the request's own when absent.
    pub scheme: Option<String>,
    /// The host; the request's own when absent.
    pub hostname: Option<String>,
    /// The port; the scheme's own when absent.
    pub port: Option<u16>,
    /// The whole path instead.
    pub path: Option<String>,
    /// What stands in place of the prefix that matched.
    pub prefix: Option<String>,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

impl Default for Redirect {
    fn default() -> Self {
        Self { scheme: None, hostname: None, port: None, path: None, prefix: None, status: 302 }
    }
}

/// Another host or path for the backend.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rewrite {
    /// The host it sees.
    pub hostname: Option<String>,
    /// The whole path it sees.
    pub path: Option<String>,
    /// What stands in place of the prefix that matched.
    pub prefix: Option<String>,
}

/// A copy for somebody whose answer nobody reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mirror {
    /// The backend, in the route's project.
    pub backend: String,
    /// How many of a hundred requests.
    pub percent: u32,
}

impl Default for Mirror {
    fn default() -> Self {
        Self { backend: String::new(), percent: 100 }
    }
}
