//! A certificate: what the listener shows for some hosts.

use kernel::prelude::*;
use ports::gateway::{self, Gateway};

use crate::condition::Status;

/// What certificates serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Certificate>) -> KindBuilder<Certificate> {
    kind.admit(usable)
}

/// A certificate the listener shows for some hosts; a new one is shown from the next handshake on.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "certificate", prefix = "crt", scope = "platform", status = "Status")]
pub struct Certificate {
    /// The hosts it is shown for: exact, or `*.example.org`.
    #[field(min = 1, max = 100, example = "shop.example.org")]
    pub hosts: Vec<String>,
    /// The chain (PEM), the host's own certificate first.
    #[field(max = 200000)]
    pub chain: String,
    /// The private key (PEM).
    #[field(max = 20000)]
    pub key: Secret,
}

/// As the gateway takes it.
pub fn opened(it: &Certificate) -> gateway::Certificate {
    gateway::Certificate { hosts: it.hosts.clone(), chain: it.chain.clone(), key: it.key.reveal().to_owned() }
}

/// A certificate and its key must fit each other.
async fn usable(
    cx: Cx,
    it: Object<Certificate>,
    _: Option<Object<Certificate>>,
) -> Result<Object<Certificate>> {
    cx.port::<dyn Gateway>()?.check_certificate(&opened(&it.spec))?;
    Ok(it)
}
