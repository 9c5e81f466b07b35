//! The service `gateway`: which requests go where, how often, and what passed.

use kernel::prelude::*;

mod backend;
mod certificate;
mod condition;
mod issuance;
mod issuer;
mod live;
mod protection;
mod rate_limit;
mod route;
mod rule;
mod service_policy;

pub use issuance::answer as challenge_answer;
pub use live::{follow, refresh};

/// Everything the service serves, in the order a user meets it.
pub fn domain() -> Domain {
    Domain::new("gateway")
        .kind(backend::serve)
        .kind(route::serve)
        .kind(rate_limit::serve)
        .kind(service_policy::serve)
        .kind(issuer::serve)
        .kind(certificate::serve)
        .controller("gateway-routes", "gateway.routes", live::changed)
        .controller("gateway-backends", "gateway.backends", live::changed)
        .controller("gateway-rate-limits", "gateway.rate-limits", live::changed)
        .controller("gateway-service-policies", "gateway.service-policies", live::changed)
        .controller("gateway-certificates", "gateway.certificates", live::changed)
        .controller("gateway-issuance", "gateway.certificates", issuance::declared)
        .every("certificates", 600, issuance::tend_all)
}

#[cfg(test)]
mod transcripts;
