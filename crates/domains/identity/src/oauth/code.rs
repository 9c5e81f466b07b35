//! Authorization codes (RFC 6749 section 4.1): good for a minute, once; a second try ends what the first was given.

use kernel::{prelude::*, slot};
use openid::pkce;
use ports::site::Site;

use super::{
    client::{Found, GrantType},
    logout, refresh,
    token::{self, Issued, Wanted},
};
use crate::neighbours::Session;

/// Seconds a code is good.
const GOOD_S: i64 = 60;
/// Seconds a used code is remembered: as long as the longest family of refresh tokens.
const REMEMBERED_S: i64 = refresh::FAMILY_S;

/// What a code stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Code {
    /// The client it was given to.
    pub client: String,
    /// The organization of the person.
    pub org: String,
    /// The uid of the person.
    pub user: String,
    /// Where the person was sent back to.
    pub redirect_uri: String,
    /// PKCE's challenge (RFC 7636), always `S256`.
    pub challenge: String,
    /// The client's own word, for the ID token.
    pub nonce: Option<String>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// The resources asked for.
    pub resources: Vec<String>,
    /// When the person logged in.
    pub auth_time: i64,
    /// The session.
    pub sid: String,
}

/// A fresh code.
pub async fn issue(cx: &Cx, it: &Code) -> Result<String> {
    let code = slot::secret(cx);
    slot::put(cx, "oauth-code", &slot::digest(&code), it, GOOD_S).await?;
    Ok(code)
}

/// What the client shows with a code.
pub struct Shown<'a> {
    /// The code.
    pub code: &'a str,
    /// Where the person was sent back to.
    pub redirect_uri: &'a str,
    /// What PKCE's challenge was made of.
    pub verifier: &'a str,
    /// The resources the token shall be for.
    pub resources: &'a [String],
}

fn wrong() -> Error {
    Error::bad_request("invalid-grant", "the code is unknown, used, too old or another client's")
        .hint("begin again at the authorization endpoint")
}

/// Trades a code for tokens.
pub async fn redeem(cx: &Cx, client: &Found, shown: Shown<'_>) -> Result<Issued> {
    client.spec.must(GrantType::AuthorizationCode)?;
    let digest = slot::digest(shown.code);
    let family = digest[..32].to_owned();
    if let Some(owner) = slot::get::<(String, String)>(cx, "oauth-code-owner", &digest).await? {
        // Somebody has a copy: whoever came first may be the thief.
        refresh::revoke_family(cx, &owner.0, &family, (&owner.1, &client.id), "its code was used twice")
            .await?;
        return Err(wrong());
    }
    let it = slot::get::<Code>(cx, "oauth-code", &digest).await?.ok_or_else(wrong)?;
    if it.client != client.id {
        return Err(wrong());
    }
    if it.redirect_uri != shown.redirect_uri {
        return Err(Error::bad_request(
            "invalid-grant",
            "`redirect_uri` is not the one the code was asked with",
        ));
    }
    if !pkce::verifier_fits(shown.verifier, &it.challenge) {
        return Err(Error::bad_request(
            "invalid-grant",
            "`code_verifier` is not what `code_challenge` was made of",
        )
        .hint("send the very text whose SHA-256 was the challenge (RFC 7636 section 4.5)"));
    }
    if !slot::once(cx, "oauth-code-used", &digest, REMEMBERED_S).await? {
        refresh::revoke_family(cx, &it.org, &family, (&it.user, &client.id), "its code was used twice")
            .await?;
        return Err(wrong());
    }
    slot::put(cx, "oauth-code-owner", &digest, &(&it.org, &it.user), REMEMBERED_S).await?;
    let inside = token::inside(cx, &it.org);
    if Session::opened(&inside, &it.sid).await?.is_none() {
        return Err(wrong());
    }
    let resources = narrowed(&it.resources, shown.resources)?;
    let offline = it.scopes.iter().any(|scope| scope == "offline_access");
    logout::remember(cx, &it.org, &it.sid, &client.id).await?;
    let wanted = Wanted {
        org: it.org,
        sub: it.user,
        service: false,
        scopes: it.scopes,
        resources: client.spec.resources_of(&resources, cx.port::<Site>()?.url()?)?,
        auth_time: Some(it.auth_time),
        sid: (!offline).then_some(it.sid),
        family: Some(family),
        traded: None,
    };
    let mut issued = token::for_person(cx, client, wanted.clone(), it.nonce.as_deref()).await?;
    if client.spec.may(GrantType::RefreshToken) {
        issued.refresh_token = Some(refresh::begin(cx, client, &wanted).await?);
    }
    Ok(issued)
}

/// The resources of a token: those asked for now, among those asked for before (RFC 8707 section 2.2).
pub(crate) fn narrowed(before: &[String], now: &[String]) -> Result<Vec<String>> {
    if now.is_empty() {
        return Ok(before.to_vec());
    }
    if !before.is_empty() && now.iter().any(|resource| !before.contains(resource)) {
        return Err(Error::bad_request("invalid-target", "this resource was not asked for at first"));
    }
    Ok(now.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_can_be_left_out_but_not_added() {
        let both = ["a:1".to_owned(), "a:2".to_owned()];
        assert_eq!(narrowed(&both, &[]).unwrap(), both);
        assert_eq!(narrowed(&both, &both[..1]).unwrap(), &both[..1]);
        assert_eq!(narrowed(&both, &["a:3".to_owned()]).unwrap_err().code(), "invalid-target");
    }
}
