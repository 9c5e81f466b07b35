//! Dynamic registration (RFC 7591): for callers who may make clients, as they may by every other way.

use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use base::{Error, Name, Result};
use domain_identity::oauth::client::{self, OauthClient};
use face_web::{Web, body, caller};
use serde_json::{Value, json};

use crate::{Answer, Shared, reply};

/// The largest description of a client.
const LENGTH_MAX: usize = 64 << 10;

/// `POST /oauth2/register`
pub async fn register(State(web): Shared, request: Request) -> Answer {
    match made(&web, request).await {
        Ok(value) => reply::json(StatusCode::CREATED, &value),
        Err(error) if matches!(error.status().code(), 401 | 403) => reply::bearer_error(&error),
        Err(error) => reply::error(&error),
    }
}

async fn made(web: &Web, request: Request) -> Result<Value> {
    let (parts, body) = request.into_parts();
    let principal = caller::principal(web, &parts.headers).await?.ok_or_else(caller::anonymous)?;
    let asked = body::json(body, LENGTH_MAX).await?.filter(Value::is_object);
    let asked = asked.ok_or_else(|| Error::bad_request("invalid-client-metadata", "send a JSON object"))?;
    let mut cx = web.platform.cx(principal, "");
    cx.trace = caller::trace(&parts.headers);
    let spec = spec(&asked)?;
    let title = asked["client_name"].as_str().unwrap_or("client");
    let tail = cx.uid("x").as_str().to_lowercase();
    let tail = &tail[tail.len().saturating_sub(8)..];
    let title: String = title.chars().take(100).collect();
    let name = Name::from_title(&format!("{title} {tail}"))
        .map_or_else(|| format!("client-{tail}"), |name| name.to_string());
    let (made, shown) = client::register(&cx, name, spec).await?;
    let mut told = asked;
    told["client_id"] = made.metadata.uid.to_string().into();
    told["client_id_issued_at"] = (made.metadata.creation_timestamp.micros() / 1_000_000).into();
    told["grant_types"] = json!(made.spec.grant_types);
    told["scope"] = made.spec.scopes.join(" ").into();
    if let Some(shown) = shown {
        told["client_secret"] = shown.client_secret.into();
        // It is good until it is replaced.
        told["client_secret_expires_at"] = 0.into();
    }
    Ok(told)
}

/// A client from its description (RFC 7591 section 2).
fn spec(asked: &Value) -> Result<OauthClient> {
    let mut spec = json!({
        "displayName": asked["client_name"],
        "public": asked["token_endpoint_auth_method"] == "none",
        "redirectUris": list(asked, "redirect_uris")?,
        "postLogoutRedirectUris": list(asked, "post_logout_redirect_uris")?,
        "backchannelLogoutUri": asked["backchannel_logout_uri"],
        "grantTypes": match list(asked, "grant_types")? {
            all if all.is_empty() => vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            all => all,
        },
        "scopes": asked["scope"].as_str().unwrap_or("openid profile email").split(' ').filter(|it| !it.is_empty()).collect::<Vec<_>>(),
        "resources": [],
        "tokenSeconds": 900,
        "refreshSeconds": 1_209_600,
        // What a client does not ask for is RS256 (OpenID Connect Registration section 2).
        "signingAlgorithm": asked["id_token_signed_response_alg"].as_str().unwrap_or("RS256"),
        "trusted": false,
        "everyOrganization": false,
        "disabled": false,
        "secrets": [],
    });
    if asked["jwks"].is_object() {
        spec["jwks"] = asked["jwks"].clone();
    } else {
        spec["jwks"] = Value::Null;
    }
    serde_json::from_value(spec).map_err(|error| {
        Error::bad_request("invalid-client-metadata", format!("the client cannot be made: {error}"))
    })
}

fn list(asked: &Value, name: &str) -> Result<Vec<String>> {
    let bad = || Error::bad_request("invalid-client-metadata", format!("`{name}` is a list of texts"));
    match &asked[name] {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) if items.len() <= 20 => {
            items.iter().map(|it| it.as_str().map(str::to_owned).ok_or_else(bad)).collect()
        }
        _ => Err(bad()),
    }
}
