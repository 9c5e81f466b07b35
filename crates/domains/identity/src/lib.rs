//! The part of the service `admin` that vouches for people: the OpenID provider, and other providers and directories.

use std::sync::Arc;

use kernel::{Later, access::Known, login::Identities, prelude::*};

mod neighbours;
pub mod oauth;
pub mod people;
pub mod sources;

/// Everything this part of the service serves, in the order a reader meets it.
pub fn domain() -> Domain {
    sources::serve(oauth::serve(Domain::new("admin")))
}

/// What the guard asks: whose a signed token is, and whom a directory knows.
pub fn identities() -> Arc<dyn Identities> {
    Arc::new(Here)
}

struct Here;

impl Identities for Here {
    fn bearer(&self, cx: Cx, token: String) -> Later<'_, Known> {
        Box::pin(async move { oauth::token::authenticate(&cx, &token).await })
    }

    fn by_directory(&self, cx: Cx, username: String, password: Secret) -> Later<'_, Option<String>> {
        Box::pin(async move { sources::by_directory(&cx, &username, &password).await })
    }
}
