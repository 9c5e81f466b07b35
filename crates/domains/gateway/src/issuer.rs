//! An issuer: an authority that gives certificates to who shows that the hosts lead here (ACME, RFC 8555).

use kernel::prelude::*;

/// What issuers serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<Issuer>) -> KindBuilder<Issuer> {
    kind.without(&["clone"])
}

/// An authority that gives certificates to who shows that the hosts lead here.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "issuer", prefix = "iss", scope = "platform")]
pub struct Issuer {
    /// The authority's directory (RFC 8555 section 7.1.1).
    #[field(max = 2000, default = "https://acme-v02.api.letsencrypt.org/directory", immutable)]
    pub directory: String,
    /// The address the authority may write to.
    #[field(max = 320, example = "ops@example.org")]
    pub email: Option<String>,
    /// That the authority's terms of service are agreed to; without it nothing is ordered.
    #[field(default = false)]
    pub terms_agreed: bool,
    /// The account and its key; made with the first order, and never returned.
    #[field(write_only, max = 20000)]
    pub account: Option<Secret>,
}
