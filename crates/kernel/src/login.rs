//! What the domain that keeps users and sessions and the one that knows other ways to show who one is ask of each
//! other. Either runs without the other: what is not put behind a port is not served.

use base::Secret;

use crate::{Later, access::Known, cx::Cx};

/// Other ways to show who one is: signed tokens, directories.
pub trait Identities: Send + Sync {
    /// Whose a signed token is; refused when it is none that is good here and now.
    fn bearer(&self, cx: Cx, token: String) -> Later<'_, Known>;

    /// The user whose name and password a directory of the context's organization knows; nothing when none does.
    fn by_directory(&self, cx: Cx, username: String, password: Secret) -> Later<'_, Option<String>>;
}

/// Sessions, for who has shown elsewhere who they are.
pub trait Sessions: Send + Sync {
    /// Opens one for a user of the context's organization; answers its token.
    fn open(&self, cx: Cx, user: String) -> Later<'_, String>;
}
