//! What a client may find out about a token (RFC 7662), and how it takes one back (RFC 7009).

use kernel::prelude::*;

use super::{
    client::Found,
    refresh,
    revocation::{self, Revoke},
    token::{self, Access},
};

fn inactive() -> Value {
    json!({"active": false})
}

/// What a token is good for, for clients of the organization its owner belongs to; of any other it is no token.
pub async fn introspect(cx: &Cx, client: &Found, token: &str) -> Result<Value> {
    if client.spec.public {
        return Err(Error::unauthenticated("invalid-client", "who keeps no secret cannot ask about tokens"));
    }
    if let Some((_, family)) = refresh::good(cx, token).await? {
        // A refresh token is for the client it was given to, and nobody else.
        if family.client != client.id {
            return Ok(inactive());
        }
        return Ok(json!({
            "active": true, "token_type": "refresh_token", "client_id": family.client, "sub": family.user,
            "scope": family.scopes.join(" "), "exp": family.until, "organization": family.org,
        }));
    }
    let Ok(access) = token::verify(cx, token).await else { return Ok(inactive()) };
    let Ok(owner) = token::principal(cx, &access).await else { return Ok(inactive()) };
    if !client.serves(&access.org) && access.client_id != client.id {
        return Ok(inactive());
    }
    let mut told = serde_json::to_value(&access).map_err(Error::internal)?;
    told["active"] = true.into();
    told["token_type"] = "Bearer".into();
    told["username"] = owner.name.into();
    Ok(told)
}

/// Takes a token back, if it is the client's own; that it is none is no error (RFC 7009 section 2.2).
pub async fn revoke(cx: &Cx, client: &Found, token: &str) -> Result<()> {
    if let Some((family, it)) = refresh::good(cx, token).await? {
        if it.client == client.id {
            let who = (it.user.as_str(), client.id.as_str());
            refresh::revoke_family(cx, &it.org, &family, who, "the client gave it back").await?;
        }
        return Ok(());
    }
    match token::verify(cx, token).await {
        Ok(access) if access.client_id == client.id => end(cx, &access).await,
        Ok(_) => Ok(()),
        Err(error) if error.status() == base::Status::Unauthenticated => Ok(()),
        Err(error) => Err(error),
    }
}

async fn end(cx: &Cx, access: &Access) -> Result<()> {
    let it = Revoke {
        sort: "token",
        name: &access.jti,
        owner: &access.sub,
        client: &access.client_id,
        reason: "the client gave it back",
        seconds: access.exp - token::seconds(cx.now()) + 60,
    };
    revocation::revoke(&token::inside(cx, &access.org), it).await
}
