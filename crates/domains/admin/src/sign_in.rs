//! Signing in: who somebody says they are, what they know, and what they have.
//!
//! Wrong tries are counted for the name that was typed, whether somebody has it or not, and in the store, so that
//! neither a restart nor another process forgives them. A try is taken before it is judged: many at once are many.

pub mod attempt;
pub mod factor;
pub mod impersonation;
pub mod invitation;
pub mod passkey;
pub mod policy;
pub mod refusal;
pub mod reset;
mod totp;
#[cfg(test)]
mod transcripts;

use kernel::{access::Principal, login::Identities, prelude::*};

use crate::{password, user::User};
use attempt::Attempt;

/// What somebody who wants to sign in says.
pub struct Said<'a> {
    /// A user's name, or an e-mail address that one user has.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// A code of an authenticator, or a recovery code.
    pub code: Option<&'a str>,
}

fn wrong() -> Error {
    Error::unauthenticated("wrong-password", "the name or the password is wrong")
}

/// Who signs in, if everything is right; `cx` is the platform's own within the organization.
pub async fn sign_in(cx: &Cx, said: &Said<'_>) -> Result<Object<User>> {
    let user = named(cx, said.username).await?;
    let name = user.as_ref().map(|user| user.name().to_owned());
    match judged(cx, said, user).await {
        Ok(user) => Ok(user),
        // Who is asked for a code is not refused yet.
        Err(error) if error.code() == "second-factor-required" => Err(error),
        Err(error) => Err(refusal::note(cx, name.as_deref(), error).await),
    }
}

async fn judged(cx: &Cx, said: &Said<'_>, user: Option<Object<User>>) -> Result<Object<User>> {
    let account = user.as_ref().map_or(said.username, |user| user.name());
    let attempt = Attempt::begin(cx, "password", account).await?;
    let hash = user.as_ref().and_then(|user| user.spec.password.as_ref());
    let fits = password::verify(cx, said.password, hash).await?;
    let known = match user {
        Some(user) if fits => Some(user),
        // Who has a password here is never asked for another one elsewhere.
        Some(user) if user.spec.password.is_some() => None,
        _ => by_directory(cx, said).await?,
    };
    let Some(user) = known.filter(|user| !user.spec.disabled) else { return Err(wrong()) };
    attempt.forgive(cx).await?;
    factor::pass(cx, user.name(), said.code).await?;
    Ok(user)
}

/// The user whom a directory of the organization knows, where somebody asks those.
async fn by_directory(cx: &Cx, said: &Said<'_>) -> Result<Option<Object<User>>> {
    let Ok(identities) = cx.port::<dyn Identities>() else { return Ok(None) };
    let (username, password) = (said.username.to_owned(), Secret::new(said.password));
    match identities.by_directory(cx.clone(), username, password).await? {
        Some(name) => cx.get_opt::<User>(&name).await,
        None => Ok(None),
    }
}

/// Whether a password is the one of the user who asks: for what a stolen session must not do.
pub async fn confirm_password(cx: &Cx, user: &str, given: &str) -> Result<()> {
    let inside = cx.platform().cx_of(Principal::system("sign-in", &cx.org), "");
    let attempt = Attempt::begin(&inside, "password", user).await?;
    let it = inside.get::<User>(user).await?;
    if !password::verify(&inside, given, it.spec.password.as_ref()).await? {
        return Err(wrong().at("password"));
    }
    attempt.forgive(&inside).await
}

/// A user by name, or by an e-mail address nobody else in the organization has.
async fn named(cx: &Cx, typed: &str) -> Result<Option<Object<User>>> {
    if let Ok(name) = Name::new(typed)
        && let Some(user) = cx.get_opt::<User>(name.as_str()).await?
    {
        return Ok(Some(user));
    }
    let quoted = kernel::literal(typed);
    if let [user] = cx.list::<User>(&format!("spec.login = {quoted}"), 2).await?.as_slice() {
        return Ok(Some(user.clone()));
    }
    if !typed.contains('@') {
        return Ok(None);
    }
    let found = cx.list::<User>(&format!("spec.email = {quoted}"), 2).await?;
    Ok(<[Object<User>; 1]>::try_from(found).ok().map(|[user]| user))
}

/// What a login without a demanded second factor is narrowed to; it permits nothing.
pub const ENROLLING: &str = "enrolling";

/// The same as [`own_name`], and who is here only to add a second factor.
pub fn own_name_enrolling(cx: &Cx) -> Result<String> {
    if *cx.principal.scopes == [ENROLLING] {
        return Ok(cx.principal.name.clone());
    }
    own_name(cx)
}

/// Refuses whoever is not a user with a session of their own: no key, no narrowed token, nobody in another's name.
pub fn own_name(cx: &Cx) -> Result<String> {
    let principal = &cx.principal;
    let is_own = principal.sort == kernel::access::Sort::User
        && principal.scopes.is_empty()
        && principal.impersonator.is_none()
        && principal.credential.as_deref().is_some_and(|it| it.starts_with("session:"));
    if is_own {
        return Ok(principal.name.clone());
    }
    Err(Error::forbidden("session-needed", "only the user may do this, in a session of their own")
        .hint("log in with `aic login` or on the login page, and do it there"))
}
