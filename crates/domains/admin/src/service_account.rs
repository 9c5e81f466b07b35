//! A service account: a program's name, with keys instead of a password.

use kernel::prelude::*;

use crate::api_key;

/// What service accounts serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<ServiceAccount>) -> KindBuilder<ServiceAccount> {
    kind.without(&["clone"]).action("keys", "Makes a key for the account; it is shown this once.", key)
}

/// A program's name.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "service-account", prefix = "svc", scope = "organization", short = "sa")]
pub struct ServiceAccount {
    /// What the program does.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Whether its keys are refused.
    #[field(default = false)]
    pub disabled: bool,
}

/// Makes a key for the account.
async fn key(cx: Cx, it: Object<ServiceAccount>, ask: api_key::Wanted) -> Result<api_key::Shown> {
    api_key::issue(&cx, format!("service:{}", it.name()), ask).await
}
