//! What a client is told of a person (OpenID Connect Core sections 2 and 5).

use kernel::prelude::*;
use serde_json::Map;

use openid::jws;
use ports::site::Site;

use super::{client::Found, signing_key, token};
use crate::neighbours::User;

/// Seconds an ID token may be relied on.
const ID_TOKEN_S: i64 = 3600;

/// How somebody logged in.
pub(crate) struct Login {
    /// What was granted.
    pub scopes: Vec<String>,
    /// When.
    pub auth_time: Option<i64>,
    /// The session.
    pub sid: Option<String>,
    /// What the client gave along, to know its own request again.
    pub nonce: Option<String>,
}

/// What scopes tell of a person.
pub(crate) fn of_user(user: &User, scopes: &[String]) -> Map<String, Value> {
    let has = |name: &str| scopes.iter().any(|scope| scope == name);
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), user.uid().into());
    claims.insert("organization".to_owned(), user.org().into());
    if has("profile") {
        claims.insert("preferred_username".to_owned(), user.name().into());
        let name = user.told.display_name.as_deref().unwrap_or_else(|| user.name());
        claims.insert("name".to_owned(), name.into());
    }
    if has("email")
        && let Some(email) = &user.told.email
    {
        claims.insert("email".to_owned(), email.clone().into());
    }
    if has("groups") {
        claims.insert("groups".to_owned(), json!(user.told.groups));
    }
    claims
}

/// An ID token for a client.
pub(crate) async fn id_token(
    cx: &Cx,
    client: &Found,
    user: &User,
    login: &Login,
    access_token: &str,
) -> Result<String> {
    let now = token::seconds(cx.now());
    let algorithm = client.spec.signing_algorithm;
    let mut claims = of_user(user, &login.scopes);
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            claims.insert(name.to_owned(), value);
        }
    };
    add("iss", cx.port::<Site>()?.url()?.into());
    add("aud", client.id.clone().into());
    add("iat", now.into());
    add("exp", (now + ID_TOKEN_S).into());
    add("auth_time", json!(login.auth_time));
    add("sid", json!(login.sid));
    add("nonce", json!(login.nonce));
    add("at_hash", jws::half_digest(algorithm, access_token).into());
    let signing = signing_key::signing(cx, algorithm).await?;
    signing.signer.sign(&signing.kid, "JWT", &claims)
}

/// What the bearer of an access token is told of its owner (OpenID Connect Core section 5.3).
pub async fn userinfo(cx: &Cx, access_token: &str) -> Result<Value> {
    let access = token::verify(cx, access_token).await?;
    let scopes: Vec<String> = access.scope.split(' ').map(str::to_owned).collect();
    if access.service || !scopes.iter().any(|scope| scope == "openid") {
        return Err(Error::forbidden(
            "insufficient-scope",
            "the token was not asked for with the scope `openid`",
        ));
    }
    let user =
        User::let_in(&token::inside(cx, &access.org), &access.sub).await?.ok_or_else(token::refused)?;
    Ok(Value::Object(of_user(&user, &scopes)))
}
