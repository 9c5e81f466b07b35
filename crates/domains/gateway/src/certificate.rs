//! A certificate: what the listener shows for some hosts, brought by whoever declares it or got from an issuer.

use kernel::prelude::*;
use ports::gateway::{self, Gateway};

use crate::{condition::Status, issuance};

/// What certificates serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Certificate>) -> KindBuilder<Certificate> {
    kind.admit(usable).view("issuance", "How it stands between the platform and the issuer.", standing)
}

/// A certificate the listener shows for some hosts; a new one is shown from the next handshake on.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "certificate", prefix = "crt", scope = "platform", status = "Status")]
pub struct Certificate {
    /// The hosts it is shown for: exact, or `*.example.org`.
    #[field(min = 1, max = 100, example = "shop.example.org")]
    pub hosts: Vec<String>,
    /// The chain (PEM), the host's own certificate first; the issuer's, where there is one.
    #[field(max = 200000)]
    pub chain: Option<String>,
    /// The private key (PEM); made by the platform, where there is an issuer.
    #[field(max = 20000)]
    pub key: Option<Secret>,
    /// Who gives it, and again before it ends. The hosts must lead here on port 80.
    #[field(reference = "gateway.issuers", indexed)]
    pub issuer: Option<Ref>,
    /// The hosts the issuer gave it for; set by the platform.
    #[serde(default)]
    pub issued_for: Vec<String>,
    /// When the issuer is asked again; set by the platform.
    pub renew_after: Option<Time>,
}

/// As the gateway takes it, once there is something to take.
pub fn opened(it: &Certificate) -> Option<gateway::Certificate> {
    let (chain, key) = (it.chain.clone()?, it.key.as_ref()?.reveal().to_owned());
    Some(gateway::Certificate { hosts: it.hosts.clone(), chain, key })
}

/// A certificate and its key must fit each other, or come from an issuer.
async fn usable(
    cx: Cx,
    it: Object<Certificate>,
    _: Option<Object<Certificate>>,
) -> Result<Object<Certificate>> {
    match (&it.spec.issuer, opened(&it.spec)) {
        (_, Some(whole)) => cx.port::<dyn Gateway>()?.check_certificate(&whole)?,
        (None, None) => {
            return Err(Error::invalid(
                "certificate-unusable",
                "a certificate needs a chain and a key, or an issuer",
            )
            .at("spec.chain"));
        }
        (Some(_), None) => {}
    }
    let wildcard = it.spec.hosts.iter().find(|host| host.contains('*'));
    if let (Some(_), Some(host)) = (&it.spec.issuer, wildcard) {
        return Err(Error::invalid(
            "bad-host",
            format!("an issuer gives nothing for `{host}`: `http-01` proves single hosts"),
        )
        .at("spec.hosts")
        .hint("name every host, or bring the certificate"));
    }
    Ok(it)
}

/// How a certificate stands with its issuer.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Standing {
    /// Whether there is a certificate.
    issued: bool,
    /// When the issuer is asked again.
    renew_after: Option<Time>,
    /// What the issuer said when it refused last, in the last month.
    refused: Option<String>,
}

async fn standing(cx: Cx, it: Object<Certificate>, _: Nothing) -> Result<Standing> {
    let refused = issuance::said(&cx, it.name()).await?;
    Ok(Standing { issued: opened(&it.spec).is_some(), renew_after: it.spec.renew_after, refused })
}
