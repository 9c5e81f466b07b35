//! The OpenID provider: who may ask for a login, what is signed, and how it is taken back.
//!
//! Access tokens are signed (RFC 9068), so that checking one writes nothing. What may be used once - codes,
//! refresh tokens, device codes, pushed requests, assertions - is a small kept value that ends by itself.

pub mod authorize;
pub mod claims;
pub mod client;
pub mod code;
pub mod consent;
pub mod device;
pub mod exchange;
pub mod introspect;
pub mod logout;
mod provider;
pub mod refresh;
mod revocation;
pub mod signing_key;
pub mod token;

use kernel::prelude::*;

pub use provider::Provider;

/// Adds the provider's kinds to the service.
pub(crate) fn serve(domain: Domain) -> Domain {
    domain
        .kind(client::serve)
        .kind(signing_key::serve)
        .kind(consent::serve)
        .kind(revocation::serve)
        .workflow(logout::workflow())
        .controller("back-channel-logout", "admin.sessions", logout::session_ended)
}
