//! A service policy: what the gateway does with requests to the platform's own services.

use kernel::prelude::*;
use ports::gateway::Gateway;

use crate::{condition::Status, live, protection::Protection, rate_limit::Inline};

/// What service policies serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<ServicePolicy>) -> KindBuilder<ServicePolicy> {
    kind.admit(usable)
}

/// What the gateway does with requests to the platform's own services below a path. Every policy whose path fits holds.
/// Without one called `sign-in` there is that one: 100 logins a minute from an address.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(
    name = "service-policy",
    plural = "service-policies",
    prefix = "svp",
    scope = "platform",
    status = "Status"
)]
pub struct ServicePolicy {
    /// The path it holds below.
    #[field(max = 1024, example = "/api/v1/catalog")]
    pub path: String,
    /// The methods it holds for; all when empty.
    #[field(max = 20)]
    pub methods: Vec<String>,
    /// How often somebody may ask.
    #[field(max = 16)]
    pub rate_limits: Vec<Inline>,
    /// What is asked of a request before it passes.
    pub protection: Option<Protection>,
}

/// What cannot be used is refused with the field that is wrong, and so is what would lock everybody out.
async fn usable(
    cx: Cx,
    it: Object<ServicePolicy>,
    _: Option<Object<ServicePolicy>>,
) -> Result<Object<ServicePolicy>> {
    if !it.spec.path.starts_with('/') {
        return Err(Error::invalid("invalid-route", "a path begins with `/`").at("spec.path"));
    }
    let plain: ports::gateway::ServicePolicy = live::plain(&it.spec)?;
    cx.port::<dyn Gateway>()?.check_protection(&plain.protection, "spec.protection")?;
    let denies_all = plain.protection.addresses.iter().flat_map(|it| &it.deny).any(|net| net.ends_with("/0"));
    if denies_all && live::SIGN_IN.starts_with(it.spec.path.trim_end_matches('/')) {
        return Err(Error::invalid("invalid-route", "nobody could log in any more")
            .at("spec.protection.addresses.deny"));
    }
    Ok(it)
}
