//! Access tokens: JSON Web Tokens (RFC 9068), checked without a write and almost always without a read.

use std::sync::Arc;

use kernel::{
    access::{Known, Principal, Sort},
    prelude::*,
};
use openid::{jws, scope};
use ports::site::Site;

use super::{claims, client::Found, revocation, signing_key};
use crate::neighbours::{self, Session, User};

/// Seconds another replica's clock may be off.
const LEEWAY_S: i64 = 5;
/// The type in the header of an access token (RFC 9068 section 2.1).
pub const TYPE: &str = "at+jwt";

/// One audience, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// Whether it names somebody.
    pub fn names(&self, who: &str) -> bool {
        match self {
            Self::One(one) => one == who,
            Self::Many(many) => many.iter().any(|one| one == who),
        }
    }

    fn of(mut many: Vec<String>) -> Self {
        if many.len() == 1 { Self::One(many.remove(0)) } else { Self::Many(many) }
    }

    /// All it names.
    pub fn all(&self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one.clone()],
            Self::Many(many) => many.clone(),
        }
    }
}

/// The claims of an access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Access {
    /// Who issued it.
    pub iss: String,
    /// The uid of the user or the service account it is for.
    pub sub: String,
    /// Who may take it.
    pub aud: Audience,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// Before when it is not good, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Its own name.
    pub jti: String,
    /// The client it was issued to.
    pub client_id: String,
    /// What it is good for.
    pub scope: String,
    /// The organization of its owner.
    pub org: String,
    /// Whether its owner is a program's account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub service: bool,
    /// When the person logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The session it ends with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The family of refresh tokens it came with, and ends with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Who acts for its owner (RFC 8693 section 4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Value>,
    /// What it may be used for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What may be spent under it, in credits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<f64>,
    /// The tokens it was traded from; it ends with any of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
}

/// What a token shall say beside what follows from its client.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The organization of its owner.
    pub org: String,
    /// The uid of its owner.
    pub sub: String,
    /// Whether its owner is a program's account.
    pub service: bool,
    /// What it is good for.
    pub scopes: Vec<String>,
    /// Who may take it.
    pub resources: Vec<String>,
    /// When the person logged in.
    pub auth_time: Option<i64>,
    /// The session it ends with.
    pub sid: Option<String>,
    /// The family it ends with.
    pub family: Option<String>,
    /// What an exchange adds.
    pub traded: Option<Traded>,
}

/// What an exchange adds to a token.
#[derive(Clone, Debug)]
pub struct Traded {
    /// Who acts for its owner.
    pub act: Value,
    /// What it may be used for.
    pub purpose: Option<String>,
    /// What may be spent under it.
    pub budget: Option<f64>,
    /// The tokens it was traded from.
    pub parents: Vec<String>,
    /// When the token it was traded from ends.
    pub until: i64,
}

/// A successful answer of the token endpoint (RFC 6749 section 5.1).
#[derive(Clone, Debug, Default, Serialize)]
pub struct Issued {
    /// The access token.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds until it ends.
    pub expires_in: i64,
    /// What it is good for.
    pub scope: String,
    /// What renews it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Who logged in (OpenID Connect Core section 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// What sort of token an exchange gave (RFC 8693 section 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
}

/// Seconds since 1970.
pub(crate) fn seconds(time: Time) -> i64 {
    time.micros().div_euclid(1_000_000)
}

/// Signs an access token for a client.
pub async fn issue(cx: &Cx, client: &Found, wanted: Wanted) -> Result<Issued> {
    let now = seconds(cx.now());
    let mut lives = i64::from(client.spec.token_seconds).min(signing_key::TOKEN_MAX_S);
    if let Some(traded) = &wanted.traded {
        lives = lives.min(traded.until - now);
    }
    let scope = wanted.scopes.join(" ");
    let traded = wanted.traded;
    let claims = Access {
        iss: cx.port::<Site>()?.url()?.to_owned(),
        sub: wanted.sub,
        aud: Audience::of(wanted.resources),
        exp: now + lives,
        iat: now,
        nbf: None,
        jti: cx.uid("x").as_str().trim_start_matches("x_").to_lowercase(),
        client_id: client.id.clone(),
        scope: scope.clone(),
        org: wanted.org,
        service: wanted.service,
        auth_time: wanted.auth_time,
        sid: wanted.sid,
        family: wanted.family,
        act: traded.as_ref().map(|traded| traded.act.clone()),
        purpose: traded.as_ref().and_then(|traded| traded.purpose.clone()),
        budget: traded.as_ref().and_then(|traded| traded.budget),
        parents: traded.map(|traded| traded.parents).unwrap_or_default(),
    };
    let signing = signing_key::signing(cx, client.spec.signing_algorithm).await?;
    let access_token = signing.signer.sign(&signing.kid, TYPE, &claims)?;
    Ok(Issued { access_token, token_type: "Bearer", expires_in: lives, scope, ..Issued::default() })
}

/// A token in the client's own name (RFC 6749 section 4.4): nothing is written.
pub async fn client_credentials(
    cx: &Cx,
    client: &Found,
    scope: &str,
    resources: &[String],
) -> Result<Issued> {
    client.spec.must(super::client::GrantType::ClientCredentials)?;
    let account = client.spec.service_account.as_ref().ok_or_else(|| {
        Error::bad_request("unauthorized-client", "the client has no service account to act as")
            .hint("name one in the client's `serviceAccount`")
    })?;
    let inside = inside(cx, &client.org);
    let (_, sub) = neighbours::account(&inside, account).await?.ok_or_else(|| {
        Error::bad_request("unauthorized-client", "the client's service account is gone or disabled")
    })?;
    let mut scopes = client.spec.scopes_of(scope)?;
    // There is no person to tell of.
    scopes.retain(|scope| !scope::ABOUT.contains(&scope.as_str()));
    let issuer = cx.port::<Site>()?.url()?.to_owned();
    let wanted = Wanted {
        org: client.org.clone(),
        sub,
        service: true,
        scopes,
        resources: client.spec.resources_of(resources, &issuer)?,
        ..Wanted::default()
    };
    issue(cx, client, wanted).await
}

/// The platform acting for the provider in an organization.
pub(crate) fn inside(cx: &Cx, org: &str) -> Cx {
    let mut inside = cx.platform().cx_of(Principal::system("openid-provider", org), "");
    inside.trace = cx.trace.clone();
    inside
}

/// The answer to a token that is not one, or not any more (RFC 6750 section 3.1).
pub fn refused() -> Error {
    Error::unauthenticated("invalid-token", "the token is unknown, expired, revoked or not for this place")
        .hint("log in again: `aic login`")
}

/// The claims of an access token of ours that is good now; for whom it is good is not yet asked.
pub async fn verify(cx: &Cx, token: &str) -> Result<Access> {
    let parts = jws::parts(token).ok_or_else(refused)?;
    if !parts.header.typ.eq_ignore_ascii_case(TYPE) {
        return Err(refused());
    }
    let (algorithm, key) = signing_key::verifier(cx, &parts.header.kid).await?.ok_or_else(refused)?;
    if parts.header.alg != algorithm.word() {
        return Err(refused());
    }
    let access: Access = parts.claims(&key).ok_or_else(refused)?;
    let now = seconds(cx.now());
    let early = access.iat > now + LEEWAY_S || access.nbf.is_some_and(|nbf| nbf > now + LEEWAY_S);
    if access.iss != cx.port::<Site>()?.url()? || access.exp <= now || early {
        return Err(refused());
    }
    still_good(cx, &access).await?;
    Ok(access)
}

/// Neither the token, nor its family, its session, its client or one it was traded from has ended.
async fn still_good(cx: &Cx, access: &Access) -> Result<()> {
    let inside = inside(cx, &access.org);
    super::client::find(cx, &access.client_id).await.map_err(|_| refused())?;
    for jti in access.parents.iter().chain([&access.jti]) {
        if revocation::is_revoked(&inside, "token", jti).await? {
            return Err(refused());
        }
    }
    if let Some(family) = &access.family
        && revocation::is_revoked(&inside, "family", family).await?
    {
        return Err(refused());
    }
    match &access.sid {
        Some(sid) if Session::opened(&inside, sid).await?.is_none() => Err(refused()),
        _ => Ok(()),
    }
}

/// Whom an access token makes of its bearer here: its scopes become what the principal is narrowed to.
pub(crate) async fn authenticate(cx: &Cx, token: &str) -> Result<Known> {
    let access = verify(cx, token).await?;
    if !access.aud.names(cx.port::<Site>()?.url()?) {
        return Err(refused());
    }
    let scopes = scope::patterns(&access.scope).ok_or_else(|| {
        Error::forbidden("insufficient-scope", "the token tells who its owner is, and permits nothing")
            .hint("ask for the scope `aic`, or for permission patterns such as `catalog.*.get`")
    })?;
    let mut principal = principal(cx, &access).await?;
    principal.scopes = scopes;
    principal.credential = Some(format!("client:{}", access.client_id));
    let expires = Time::from_micros(access.exp.saturating_mul(1_000_000));
    Ok(Known { principal: Arc::new(principal), expires: Some(expires) })
}

/// The owner of a token, if it is still there and may log in.
pub(crate) async fn principal(cx: &Cx, access: &Access) -> Result<Principal> {
    let inside = inside(cx, &access.org);
    if access.service {
        let (name, _) = neighbours::account(&inside, &access.sub).await?.ok_or_else(refused)?;
        return Ok(Principal::of(Sort::Service, &name, &access.org));
    }
    Ok(User::let_in(&inside, &access.sub).await?.ok_or_else(refused)?.principal())
}

/// An access token for a person, with an ID token where `openid` was asked for.
pub(crate) async fn for_person(
    cx: &Cx,
    client: &Found,
    wanted: Wanted,
    nonce: Option<&str>,
) -> Result<Issued> {
    let inside = inside(cx, &wanted.org);
    let user = User::let_in(&inside, &wanted.sub).await?.ok_or_else(|| {
        Error::bad_request("invalid-grant", "the person is gone, or may not log in any more")
    })?;
    let login = claims::Login {
        scopes: wanted.scopes.clone(),
        auth_time: wanted.auth_time,
        sid: wanted.sid.clone(),
        nonce: nonce.map(str::to_owned),
    };
    let mut issued = issue(cx, client, wanted).await?;
    if login.scopes.iter().any(|scope| scope == "openid") {
        issued.id_token = Some(claims::id_token(cx, client, &user, &login, &issued.access_token).await?);
    }
    Ok(issued)
}
