//! Refresh tokens: each is good once and gives the next; one that comes back ends its whole family (RFC 9700 section 4.14).

use kernel::{
    prelude::*,
    slot,
    store::{Commit, Kept},
};
use openid::scope;
use ports::site::Site;

use super::{
    client::{Found, GrantType},
    code, consent,
    revocation::{self, Revoke},
    signing_key::TOKEN_MAX_S,
    token::{self, Issued, Wanted},
};
use crate::neighbours::{Session, User};

/// Seconds after which a person must log in again, however often tokens were renewed.
pub const FAMILY_S: i64 = 90 * 86_400;
const SPACE: &str = "oauth-refresh";
const USED: &str = "oauth-refresh-used";

/// What all tokens of a family have in common, and which is the one that is good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Family {
    pub client: String,
    pub org: String,
    pub user: String,
    pub scopes: Vec<String>,
    pub resources: Vec<String>,
    pub auth_time: Option<i64>,
    pub sid: Option<String>,
    /// The digest of the one token that is good.
    pub digest: String,
    /// When the last token of it ends, in seconds since 1970.
    pub until: i64,
}

fn wrong() -> Error {
    Error::bad_request("invalid-grant", "the refresh token is unknown, used, revoked or another client's")
        .hint("let the person log in again")
}

/// `aicr`, the family, a secret.
fn text(family: &str, secret: &str) -> String {
    format!("aicr_{family}_{secret}")
}

/// The family a token says it is of.
pub(crate) fn family_of(token: &str) -> Option<&str> {
    let (family, secret) = token.strip_prefix("aicr_")?.split_once('_')?;
    let plain = family.len() == 32 && family.bytes().all(|byte| byte.is_ascii_hexdigit());
    (plain && secret.len() == 43).then_some(family)
}

/// The first token of a family.
pub(crate) async fn begin(cx: &Cx, client: &Found, wanted: &Wanted) -> Result<String> {
    let family = wanted.family.clone().ok_or_else(|| Error::internal("a refresh token has a family"))?;
    let token = text(&family, &slot::secret(cx));
    let it = Family {
        client: client.id.clone(),
        org: wanted.org.clone(),
        user: wanted.sub.clone(),
        scopes: wanted.scopes.clone(),
        resources: wanted.resources.clone(),
        auth_time: wanted.auth_time,
        sid: wanted.sid.clone(),
        digest: slot::digest(&token),
        until: token::seconds(cx.now()) + FAMILY_S,
    };
    slot::put(cx, SPACE, &family, &it, i64::from(client.spec.refresh_seconds)).await?;
    Ok(token)
}

/// The family a token is the good one of.
pub(crate) async fn good(cx: &Cx, token: &str) -> Result<Option<(String, Family)>> {
    let Some(family) = family_of(token) else { return Ok(None) };
    let Some(it) = slot::get::<Family>(cx, SPACE, family).await? else { return Ok(None) };
    let inside = token::inside(cx, &it.org);
    let ended = revocation::is_revoked(&inside, "family", family).await?
        || it.until <= token::seconds(cx.now())
        || match &it.sid {
            Some(sid) => Session::opened(&inside, sid).await?.is_none(),
            None => false,
        };
    Ok((!ended && it.digest == slot::digest(token)).then(|| (family.to_owned(), it)))
}

/// Trades a refresh token for new tokens.
pub async fn renew(
    cx: &Cx,
    client: &Found,
    token: &str,
    scope: &str,
    resources: &[String],
) -> Result<Issued> {
    client.spec.must(GrantType::RefreshToken)?;
    let Some((family, mut it)) = good(cx, token).await? else {
        reused(cx, client, token).await?;
        return Err(wrong());
    };
    if it.client != client.id {
        return Err(wrong());
    }
    let inside = token::inside(cx, &it.org);
    let user = User::let_in(&inside, &it.user).await?.ok_or_else(wrong)?;
    if !client.serves(&it.org) || !consent::covers(cx, client, (&it.org, user.name()), &it.scopes).await? {
        return Err(wrong());
    }
    let wanted = scope::parse(scope)?;
    let scopes = if wanted.is_empty() { it.scopes.clone() } else { scope::within(&wanted, &it.scopes) };
    if scopes.len() < wanted.len() {
        return Err(Error::bad_request("invalid-scope", "these scopes were not granted at first").at("scope"));
    }
    let resources = code::narrowed(&it.resources, resources)?;
    let next = text(&family, &slot::secret(cx));
    let old = std::mem::replace(&mut it.digest, slot::digest(&next));
    if !rotate(cx, client, &family, &it, &old).await? {
        reused(cx, client, token).await?;
        return Err(wrong());
    }
    let wanted = Wanted {
        org: it.org,
        sub: it.user,
        service: false,
        scopes,
        resources: client.spec.resources_of(&resources, cx.port::<Site>()?.url()?)?,
        auth_time: it.auth_time,
        sid: it.sid,
        family: Some(family),
        traded: None,
    };
    let mut issued = token::for_person(cx, client, wanted, None).await?;
    issued.refresh_token = Some(next);
    Ok(issued)
}

/// Puts the next token in the place of the old one, in one commit; false when somebody was faster.
async fn rotate(cx: &Cx, client: &Found, family: &str, it: &Family, old: &str) -> Result<bool> {
    let now = cx.now();
    let lives = i64::from(client.spec.refresh_seconds).min(it.until - token::seconds(now));
    let value = serde_json::to_string(it).map_err(Error::internal)?;
    let next = Kept {
        space: SPACE.to_owned(),
        key: family.to_owned(),
        value,
        expires: Some(now.plus_s(lives)),
        unless_kept: None,
    };
    let used = Kept {
        space: USED.to_owned(),
        key: old.to_owned(),
        value: serde_json::to_string(&(&it.org, &it.user)).map_err(Error::internal)?,
        expires: Some(now.plus_s(FAMILY_S)),
        unless_kept: Some(now),
    };
    let commit = Commit { keep: vec![used, next], ..Commit::default() };
    match cx.platform().store.commit(commit).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == "already-kept" => Ok(false),
        Err(error) => Err(error),
    }
}

/// A token that was used before has been copied: nobody can tell the thief, so the family ends for all.
async fn reused(cx: &Cx, client: &Found, token: &str) -> Result<()> {
    let Some(family) = family_of(token) else { return Ok(()) };
    let Some((org, user)) = slot::get::<(String, String)>(cx, USED, &slot::digest(token)).await? else {
        return Ok(());
    };
    revoke_family(cx, &org, family, (&user, &client.id), "a refresh token was used twice").await
}

/// Ends every token of a family.
pub(crate) async fn revoke_family(
    cx: &Cx,
    org: &str,
    family: &str,
    (owner, client): (&str, &str),
    reason: &str,
) -> Result<()> {
    let seconds = FAMILY_S + TOKEN_MAX_S;
    let it = Revoke { sort: "family", name: family, owner, client, reason, seconds };
    revocation::revoke(&token::inside(cx, org), it).await
}
