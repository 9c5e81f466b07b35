//! The endpoints for clients: tokens, pushed requests, device codes, introspection, revocation, userinfo.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, header},
};
use base::{Error, Result, Secret};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain_identity::oauth::{
    authorize, claims,
    client::{self, Found, Shows},
    code, device, exchange, introspect, refresh,
    token::{self, Issued},
};
use face_web::{Web, caller};
use kernel::{access::Credential, cx::Cx};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::{
    Answer, Head, Shared, cx_of,
    form::{self, Params},
    one_try, reply, taken, told,
};

/// The type of an assertion by which a client says who it is (RFC 7523 section 2.2).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a client shows to say who it is, in a header or in the form, but not in both (RFC 6749 section 2.3).
fn shows(headers: &HeaderMap, params: &Params) -> Result<Shows> {
    let some =
        |name: &str| form::one(params, name).map(|text| Some(text.to_owned()).filter(|it| !it.is_empty()));
    let mut shows =
        Shows { id: some("client_id")?, secret: some("client_secret")?.map(Secret::new), assertion: None };
    if let Some(assertion) = some("client_assertion")? {
        if form::one(params, "client_assertion_type")? != ASSERTION {
            return Err(Error::bad_request("invalid-request", "an assertion is of the type `jwt-bearer`")
                .at("client_assertion_type"));
        }
        shows.assertion = Some(assertion);
    }
    let given = told(headers, "authorization");
    if given.is_empty() {
        return Ok(shows);
    }
    let wrong = || {
        Error::unauthenticated("invalid-client", "the `Authorization` header is no HTTP Basic of a client")
    };
    let coded =
        given.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case("basic ")).map(|_| given[6..].trim());
    let bytes = coded.and_then(|coded| BASE64_STANDARD.decode(coded).ok()).ok_or_else(wrong)?;
    let pair = String::from_utf8(bytes).map_err(|_| wrong())?;
    let (id, secret) = pair.split_once(':').ok_or_else(wrong)?;
    // Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| wrong())
    };
    let (id, secret) = (decoded(id)?, decoded(secret)?);
    if shows.secret.is_some()
        || shows.assertion.is_some()
        || shows.id.as_ref().is_some_and(|known| *known != id)
    {
        return Err(Error::bad_request("invalid-request", "the client says who it is in two ways"));
    }
    Ok(Shows { id: Some(id), secret: Some(Secret::new(secret)), assertion: None })
}

/// A request of a client that has said who it is.
struct Asked {
    cx: Cx,
    client: Found,
    params: Params,
}

/// Reads a request of a client. Who does not prove who they are may not try for ever.
async fn asked(web: &Web, request: Request) -> Result<Asked> {
    if request.uri().query().is_some_and(|query| !query.is_empty()) {
        return Err(Error::bad_request(
            "invalid-request",
            "parameters go into the form, not into the address",
        ));
    }
    let (headers, params) = taken(request).await?;
    let cx = cx_of(web, &headers);
    let found = client::authenticate(&cx, &shows(&headers, &params)?).await;
    match &found {
        Ok(found) if !found.spec.public => {
            web.rates.take(&format!("client:{}", found.id), true).map(|_| ())?
        }
        Ok(_) | Err(_) => one_try(web, headers.origin)?,
    }
    Ok(Asked { cx, client: found?, params })
}

fn answered(found: Result<Value>) -> Answer {
    match found {
        Ok(value) => reply::json(StatusCode::OK, &value),
        Err(error) => reply::error(&error),
    }
}

/// `POST /oauth2/token`
pub async fn token(State(web): Shared, request: Request) -> Answer {
    let issued = async {
        let asked = asked(&web, request).await?;
        let issued = granted(&asked).await?;
        serde_json::to_value(issued).map_err(Error::internal)
    };
    answered(issued.await)
}

async fn granted(it: &Asked) -> Result<Issued> {
    let (cx, client, params) = (&it.cx, &it.client, &it.params);
    let scope = form::one(params, "scope")?;
    let resources = form::all(params, "resource");
    match form::needed(params, "grant_type")? {
        "authorization_code" => {
            let shown = code::Shown {
                code: form::needed(params, "code")?,
                redirect_uri: form::one(params, "redirect_uri")?,
                verifier: form::one(params, "code_verifier")?,
                resources: &resources,
            };
            code::redeem(cx, client, shown).await
        }
        "refresh_token" => {
            refresh::renew(cx, client, form::needed(params, "refresh_token")?, scope, &resources).await
        }
        "client_credentials" => token::client_credentials(cx, client, scope, &resources).await,
        "urn:ietf:params:oauth:grant-type:device_code" => {
            device::redeem(cx, client, form::needed(params, "device_code")?).await
        }
        "urn:ietf:params:oauth:grant-type:token-exchange" => {
            exchange::exchange(cx, client, exchange_ask(params)?).await
        }
        other => {
            let shown: String = other.chars().take(80).collect();
            Err(Error::bad_request(
                "unsupported-grant-type",
                format!("`{shown}` is no way to get a token here"),
            ))
        }
    }
}

fn exchange_ask(params: &Params) -> Result<exchange::Ask> {
    let text = |name: &str| form::one(params, name).map(str::to_owned);
    let mut resources = form::all(params, "resource");
    resources.extend(form::all(params, "audience"));
    if params.contains_key("actor_token") {
        return Err(Error::bad_request(
            "invalid-request",
            "who acts is the client itself; no `actor_token` is taken",
        ));
    }
    let budget = match form::one(params, "budget")? {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            Error::bad_request("invalid-request", "a budget is a number of credits").at("budget")
        })?),
    };
    Ok(exchange::Ask {
        subject_token: form::needed(params, "subject_token")?.to_owned(),
        subject_token_type: form::needed(params, "subject_token_type")?.to_owned(),
        requested_token_type: text("requested_token_type")?,
        scope: text("scope")?,
        resources,
        purpose: Some(text("purpose")?).filter(|it| !it.is_empty()),
        budget,
    })
}

/// `POST /oauth2/par`
pub async fn push(State(web): Shared, request: Request) -> Answer {
    let pushed = async {
        let it = asked(&web, request).await?;
        authorize::push(&it.cx, &it.client, it.params).await
    };
    match pushed.await {
        Ok((uri, seconds)) => {
            reply::json(StatusCode::CREATED, &json!({"request_uri": uri, "expires_in": seconds}))
        }
        Err(error) => reply::error(&error),
    }
}

/// `POST /oauth2/device_authorization`
pub async fn device(State(web): Shared, request: Request) -> Answer {
    let begun = async {
        let it = asked(&web, request).await?;
        let resources = form::all(&it.params, "resource");
        let begun = device::begin(&it.cx, &it.client, form::one(&it.params, "scope")?, &resources).await?;
        serde_json::to_value(begun).map_err(Error::internal)
    };
    answered(begun.await)
}

/// `POST /oauth2/introspect`
pub async fn introspect(State(web): Shared, request: Request) -> Answer {
    let told = async {
        let it = asked(&web, request).await?;
        introspect::introspect(&it.cx, &it.client, form::needed(&it.params, "token")?).await
    };
    answered(told.await)
}

/// `POST /oauth2/revoke`
pub async fn revoke(State(web): Shared, request: Request) -> Answer {
    let done = async {
        let it = asked(&web, request).await?;
        introspect::revoke(&it.cx, &it.client, form::needed(&it.params, "token")?).await
    };
    match done.await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => reply::error(&error),
    }
}

/// `GET` and `POST /oauth2/userinfo`
pub async fn userinfo(State(web): Shared, request: Request) -> Answer {
    let headers = Head::of(&request);
    let told = async {
        let Some(Credential::Bearer(token)) = caller::credential(&headers)? else {
            return Err(token::refused());
        };
        claims::userinfo(&cx_of(&web, &headers), &token).await
    };
    match told.await {
        Ok(value) => reply::json(StatusCode::OK, &value),
        Err(error) => reply::bearer_error(&error),
    }
}
