//! The question of a proxy whether a browser's person is logged in: nginx `auth_request`, Traefik, Caddy.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use base::Result;
use domain_identity::oauth::authorize;
use face_web::{Web, caller};
use ports::site::Site;
use serde_json::Value;

use crate::{Answer, Head, Shared, browser, cx_of, form, reply, see_other, told};

/// `GET /oauth2/forward-auth`
pub async fn ask(State(web): Shared, request: Request) -> Answer {
    let headers = &Head::of(&request);
    match person(&web, headers).await {
        Ok(Some(claims)) => known(&claims),
        Ok(None) => unknown(&web, headers),
        Err(error) => reply::bearer_error(&error),
    }
}

async fn person(web: &Web, headers: &Head) -> Result<Option<Value>> {
    let cx = cx_of(web, headers);
    // A proxy asks for every request; which of them the browser was allowed to send is the proxy's to say.
    if let Some(person) = browser::person(&cx, headers).await? {
        return authorize::told(&cx, &person).await.map(Some);
    }
    let Some(principal) = caller::principal(web, headers).await? else { return Ok(None) };
    Ok(Some(serde_json::json!({
        "preferred_username": principal.name, "organization": principal.org, "groups": principal.groups,
    })))
}

fn known(claims: &Value) -> Answer {
    let mut response = Response::new(Body::empty());
    let groups: Vec<&str> =
        claims["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let groups = groups.join(",");
    let told = [
        ("x-auth-request-user", claims["preferred_username"].as_str().unwrap_or_default()),
        ("x-auth-request-email", claims["email"].as_str().unwrap_or_default()),
        ("x-auth-request-groups", &groups),
        ("x-auth-request-organization", claims["organization"].as_str().unwrap_or_default()),
    ];
    let headers = response.headers_mut();
    for (name, value) in told {
        // An empty header is sent too: what the browser itself sent under the name must not come through.
        let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
        headers.insert(name, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A browser that a proxy forwards as it is goes to the login page; whoever only asks is told no.
fn unknown(web: &Web, headers: &HeaderMap) -> Answer {
    let uri = told(headers, "x-forwarded-uri");
    let is_page =
        told(headers, "accept").contains("text/html") && told(headers, "x-forwarded-method") != "POST";
    let site = web.platform.port::<Site>();
    let issuer = site.as_ref().ok().and_then(|site| site.url().ok()).unwrap_or_default();
    let login =
        format!("{issuer}/oauth2/login?then={}", form::encoded(if uri.is_empty() { "/" } else { uri }));
    // Only a proxy that puts us under its own address can be come back to.
    let host = told(headers, "x-forwarded-host");
    let ours = !host.is_empty() && issuer.split_once("://").is_some_and(|(_, place)| place == host);
    if is_page && ours {
        return see_other(&login);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    if let Ok(value) = HeaderValue::from_str(&login) {
        response.headers_mut().insert("x-auth-request-redirect", value);
    }
    response
}
