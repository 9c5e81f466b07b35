//! The service `admin`: who there is, what they may, and what was done.

use std::sync::Arc;

use access::{grant, permission, permission_group, policy, role, role_template};
use kernel::prelude::*;
use sign_in::{factor, invitation, policy as sign_in_policy};

mod access;
mod api_key;
mod audit;
mod audit_export;
mod bootstrap;
mod daily;
mod group;
mod guard;
mod organization;
mod password;
mod project;
mod service_account;
mod session;
mod sign_in;
mod token;
mod user;

pub use bootstrap::{Administrator, bootstrap};
pub use session::sessions;

/// Everything the service serves, in the order a reader meets it.
pub fn domain() -> Domain {
    Domain::new("admin")
        .kind(organization::serve)
        .kind(project::serve)
        .kind(user::serve)
        .kind(group::serve)
        .kind(service_account::serve)
        .kind(api_key::serve)
        .kind(session::serve)
        .kind(sign_in_policy::serve)
        .kind(factor::serve)
        .kind(invitation::serve)
        .kind(role::serve)
        .kind(grant::serve)
        .kind(policy::serve)
        .kind(role_template::serve)
        .kind(permission_group::serve)
        .kind(permission::serve)
        .kind(audit::serve)
        .controller("organizations", "admin.organizations", organization::furnish)
        .controller("invitations", "admin.invitations", invitation::deliver)
        .every("forget-daily", 3600, daily::forget)
        .guard(Arc::new(guard::Guard))
}

#[cfg(test)]
mod transcripts;
