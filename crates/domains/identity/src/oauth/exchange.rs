//! Token exchange (RFC 8693): a token for an agent or a job, never good for more than the one it is traded from.

use kernel::prelude::*;
use openid::scope;
use ports::site::Site;

use super::{
    client::{Found, GrantType},
    token::{self, Issued, Traded, Wanted},
};

/// The type of an access token (RFC 8693 section 3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The same, said by its form.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// How often a token can be traded on.
const DEPTH_MAX: usize = 5;

/// What is asked of an exchange.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The token to trade.
    pub subject_token: String,
    /// What sort of token it is.
    pub subject_token_type: String,
    /// What sort of token is wanted.
    pub requested_token_type: String,
    /// What the new one shall be good for; all the old one is when empty.
    pub scope: String,
    /// Who shall take it.
    pub resources: Vec<String>,
    /// What it may be used for, in words.
    pub purpose: Option<String>,
    /// What may be spent under it, in credits.
    pub budget: Option<f64>,
}

fn bad(message: &str, field: &str) -> Error {
    Error::bad_request("invalid-request", message).at(field)
}

/// Trades a token for a narrower one.
pub async fn exchange(cx: &Cx, client: &Found, ask: Ask) -> Result<Issued> {
    client.spec.must(GrantType::TokenExchange)?;
    if ![ACCESS_TOKEN, JWT].contains(&ask.subject_token_type.as_str()) {
        return Err(bad("only access tokens are traded", "subject_token_type"));
    }
    if !["", ACCESS_TOKEN, JWT].contains(&ask.requested_token_type.as_str()) {
        return Err(bad("only access tokens are given", "requested_token_type"));
    }
    let old = token::verify(cx, &ask.subject_token).await.map_err(|error| {
        Error::bad_request("invalid-request", "the token to trade is not a good one")
            .at("subject_token")
            .because(error)
    })?;
    if !client.serves(&old.org) {
        return Err(bad("the token to trade is another organization's", "subject_token"));
    }
    // Its owner may be gone since.
    token::principal(cx, &old)
        .await
        .map_err(|_| bad("the owner of the token to trade is gone", "subject_token"))?;
    let mut parents = old.parents.clone();
    parents.push(old.jti.clone());
    if parents.len() > DEPTH_MAX {
        return Err(bad("the token was traded on too often already", "subject_token"));
    }
    let traded = Traded {
        act: acting(client, old.act.as_ref()),
        purpose: purpose(old.purpose.as_deref(), ask.purpose)?,
        budget: budget(old.budget, ask.budget)?,
        parents,
        until: old.exp,
    };
    let issuer = cx.port::<Site>()?.url()?.to_owned();
    let wanted = Wanted {
        org: old.org.clone(),
        sub: old.sub.clone(),
        service: old.service,
        scopes: narrowed(client, &old.scope, &ask.scope)?,
        resources: client.spec.resources_of(&ask.resources, &issuer)?,
        auth_time: old.auth_time,
        sid: old.sid.clone(),
        family: old.family.clone(),
        traded: Some(traded),
    };
    let mut issued = token::issue(cx, client, wanted).await?;
    issued.issued_token_type = Some(ACCESS_TOKEN);
    Ok(issued)
}

/// Who acts now, and who did before (RFC 8693 section 4.1).
fn acting(client: &Found, before: Option<&Value>) -> Value {
    let mut act = json!({"sub": client.id, "client_id": client.id});
    if let Some(before) = before {
        act["act"] = before.clone();
    }
    act
}

fn narrowed(client: &Found, old: &str, asked: &str) -> Result<Vec<String>> {
    let old = scope::parse(old)?;
    let wanted = scope::parse(asked)?;
    let wanted = if wanted.is_empty() { old.clone() } else { wanted };
    let within_old = scope::within(&wanted, &old);
    let allowed = scope::within(&within_old, &client.spec.scopes);
    if allowed.len() < wanted.len() {
        return Err(Error::bad_request(
            "invalid-scope",
            "an exchange can only narrow what a token is good for",
        )
        .at("scope")
        .hint("ask for less, or add the scopes to the client's `scopes`"));
    }
    Ok(allowed)
}

/// A purpose stays once it was said.
fn purpose(old: Option<&str>, asked: Option<String>) -> Result<Option<String>> {
    match (old, asked) {
        (_, Some(asked)) if asked.len() > 300 => Err(bad("a purpose is at most 300 bytes", "purpose")),
        (Some(old), Some(asked)) if old != asked => {
            Err(bad("the token has another purpose already", "purpose"))
        }
        (Some(old), _) => Ok(Some(old.to_owned())),
        (None, asked) => Ok(asked),
    }
}

/// A budget only shrinks.
fn budget(old: Option<f64>, asked: Option<f64>) -> Result<Option<f64>> {
    match (old, asked) {
        (_, Some(asked)) if !(asked.is_finite() && asked >= 0.0) => {
            Err(bad("a budget is a number of credits, 0 or more", "budget"))
        }
        (Some(old), Some(asked)) if asked > old => {
            Err(bad("the budget is larger than that of the token to trade", "budget"))
        }
        (old, asked) => Ok(asked.or(old)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_only_shrinks_and_a_purpose_stays() {
        assert_eq!(budget(None, Some(5.0)).unwrap(), Some(5.0));
        assert_eq!(budget(Some(5.0), None).unwrap(), Some(5.0));
        assert_eq!(budget(Some(5.0), Some(2.0)).unwrap(), Some(2.0));
        for asked in [6.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(budget(Some(5.0), Some(asked)).is_err(), "{asked}");
        }
        assert_eq!(purpose(Some("report"), None).unwrap().as_deref(), Some("report"));
        assert!(purpose(Some("report"), Some("mail".to_owned())).is_err());
    }
}
