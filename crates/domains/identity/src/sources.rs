//! Where people come from who have no password here: other OpenID providers, and LDAP directories.

mod directory;
mod identity_provider;
mod linked_identity;
pub mod openid;

use kernel::prelude::*;

pub(crate) use directory::login as by_directory;
pub use identity_provider::{home_of, openid_providers};

/// Adds the kinds to the service.
pub(crate) fn serve(domain: Domain) -> Domain {
    domain.kind(identity_provider::serve).kind(linked_identity::serve)
}
