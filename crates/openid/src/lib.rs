//! What OAuth 2.0 and OpenID Connect say of themselves: signed tokens, scopes, addresses, documents.
//!
//! No store, no network, no clock: whoever calls brings what is needed.

pub mod jws;
pub mod metadata;
pub mod pkce;
pub mod redirect;
pub mod scope;
