//! A new password for whoever forgot theirs: a link by mail, good once and for an hour.

use kernel::{access::Principal, prelude::*, slot};
use ports::{
    mail::{Mail, Message},
    site::Site,
};

use crate::{
    session::{self, Session},
    user::User,
};

/// Seconds a link lasts.
const LASTS_S: i64 = 3600;
/// Where links are kept, by the digest of their token.
const LINKS: &str = "password-links";

/// Who forgot their password.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Forgot {
    /// The user's name or e-mail address.
    #[field(max = 320)]
    username: String,
    /// The user's organization.
    #[field(default = "default", max = 253)]
    organization: String,
}

/// A user whose password may be set.
#[derive(Serialize, Deserialize)]
struct Link {
    org: String,
    user: String,
}

/// The platform's own context within an organization, if it can be one.
pub fn inside(cx: &Cx, org: &str, what: &str) -> Option<Cx> {
    Name::new(org).ok()?;
    let mut inside = cx.platform().cx_of(Principal::system(what, org), "");
    inside.trace = cx.trace.clone();
    inside.origin = cx.origin;
    Some(inside)
}

/// The address of a page that takes a token.
pub fn link(page: &str, token: &str, cx: &Cx) -> Result<String> {
    Ok(format!("{}/oauth2/{page}?token={token}", cx.port::<Site>()?.url()?))
}

/// Sends a link to the user's address; the answer is the same whether there is such a user.
pub async fn forgot(cx: Cx, ask: Forgot) -> Result<Nothing> {
    let Some(inside) = inside(&cx, &ask.organization, "password-link") else { return Ok(Nothing {}) };
    // Nobody's mailbox is to be filled by a stranger.
    super::attempt::Attempt::begin(&inside, "forgot", &ask.username).await?;
    let Some(user) = super::named(&inside, &ask.username).await? else { return Ok(Nothing {}) };
    let Some(to) = user.spec.email.clone().filter(|_| !user.spec.disabled) else { return Ok(Nothing {}) };
    let token = slot::secret(&inside);
    let kept = Link { org: ask.organization.clone(), user: user.metadata.name };
    slot::put(&inside, LINKS, &slot::digest(&token), &kept, LASTS_S).await?;
    let link = link("password", &token, &inside)?;
    let text = format!(
        "Somebody, most likely you, wants to set a new password for {} ({}) on AIC.\n\nDo it here, within an hour:\n\n\
         {link}\n\nIf it was not you, do nothing: your password stays as it is.\n",
        kept.user, kept.org
    );
    let message = Message { to, subject: "A new password for AIC".to_owned(), text };
    if let Err(error) = inside.port::<dyn Mail>()?.send(message).await {
        // Whoever asks must not learn from an error that there is such a user.
        tracing::warn!(?error, "a link for a new password was not sent");
    }
    Ok(Nothing {})
}

/// The token of a link, and the new password.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct New {
    /// The token of the link.
    #[field(max = 200)]
    token: Secret,
    /// The new password.
    #[field(max = 1000)]
    password: Secret,
}

fn ended() -> Error {
    Error::not_found("link-ended", "the link was used, has ended, or never was")
        .at("token")
        .hint("ask for a new one; it is good for an hour")
}

/// Sets the password, and ends the user's sessions: whoever knew the old one is out.
pub async fn reset(cx: Cx, ask: New) -> Result<Nothing> {
    let digest = slot::digest(ask.token.reveal());
    let link: Link = slot::get(&cx, LINKS, &digest).await?.ok_or_else(ended)?;
    let inside = inside(&cx, &link.org, "password-link").ok_or_else(ended)?.doing("reset-password");
    let mut user = inside.get_opt::<User>(&link.user).await?.ok_or_else(ended)?;
    // A password that is refused leaves the link good.
    crate::password::hash(&inside, &ask.password, &user.spec.words(&link.user)).await?;
    if !slot::once(&inside, "password-links-used", &digest, LASTS_S).await? {
        return Err(ended());
    }
    user.spec.password = Some(ask.password);
    inside.save(&user).await?;
    session::end_all(&inside, &link.user).await?;
    Ok(Nothing {})
}

/// The old password and the new one.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Changed {
    /// The password as it is.
    #[field(max = 1000)]
    current: Secret,
    /// The new one.
    #[field(max = 1000)]
    password: Secret,
}

/// Changes the caller's own password, and ends their other sessions.
pub async fn change(cx: Cx, ask: Changed) -> Result<Nothing> {
    let user = super::own_name(&cx)?;
    super::confirm_password(&cx, &user, ask.current.reveal()).await?;
    let inside = super::factor::inside(&cx).doing("change-password");
    let mut it = inside.get::<User>(&user).await?;
    it.spec.password = Some(ask.password);
    inside.save(&it).await?;
    let own = cx.principal.credential.clone().unwrap_or_default();
    for session in inside.list::<Session>(&format!("spec.user = \"{user}\""), 1_000).await? {
        if own != format!("session:{}", session.name()) {
            inside.delete::<Session>(session.metadata.uid.as_str()).await?;
        }
    }
    Ok(Nothing {})
}
