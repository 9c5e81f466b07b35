//! Finding the person behind what was typed on a login page: a name or an e-mail address, in some organization.

use kernel::{access::Principal, prelude::*};

use crate::{bootstrap::FIRST, user::User};

/// The organization and the name of whom somebody says they are; that there is such a person is not said.
///
/// An e-mail address that several people have, or nobody, is answered as a name that does not exist.
pub async fn find(cx: &Cx, organization: &str, typed: &str) -> Result<(String, String)> {
    let org = if organization.is_empty() { FIRST } else { organization };
    if Name::new(org).is_err() || !typed.contains('@') {
        return Ok((org.to_owned(), typed.to_owned()));
    }
    let inside = cx.platform().cx_of(Principal::system("login", org), "");
    let quoted = typed.replace('\\', "\\\\").replace('"', "\\\"");
    let found = inside.list::<User>(&format!("spec.email = \"{quoted}\""), 2).await?;
    match <[Object<User>; 1]>::try_from(found) {
        Ok([user]) => Ok((org.to_owned(), user.metadata.name)),
        Err(_) => Ok((org.to_owned(), typed.to_owned())),
    }
}
