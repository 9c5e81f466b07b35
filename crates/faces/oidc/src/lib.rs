//! The OpenID provider's face: its documents, its endpoints, and the pages people log in on.
//!
//! The endpoints for programs answer errors as RFC 6749 section 5.2 has them; the pages work without a script.

use std::{net::IpAddr, ops::Deref, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Response, header},
    middleware::Next,
    routing::{get, post},
};
use base::Result;
use face_web::{Web, caller, metrics::Labels, origin};
use kernel::{access::Principal, cx::Cx};

use crate::words::Voice;

mod account;
mod authorize;
mod browser;
mod device;
mod documents;
mod form;
mod forward;
mod login;
mod logout;
mod page;
mod register;
mod reply;
mod second_factor;
mod token;
mod upstream;
mod words;

/// The face's routes.
pub fn router(web: Web) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(documents::server))
        .route("/.well-known/oauth-authorization-server", get(documents::server))
        .route("/.well-known/oauth-protected-resource", get(documents::resource))
        .route("/oauth2/jwks", get(documents::jwks))
        .route("/oauth2/style.css", get(documents::style))
        .route("/oauth2/authorize", get(authorize::begin).post(authorize::begin))
        .route("/oauth2/consent", post(authorize::decide))
        .route("/oauth2/login", get(login::show).post(login::login))
        .route("/oauth2/upstream/{org}/{provider}", get(upstream::leave))
        .route("/oauth2/callback", get(upstream::come_back))
        .route("/oauth2/second-factor", post(second_factor::confirm))
        .route("/oauth2/forgot", get(account::show_forgot).post(account::forgot))
        .route("/oauth2/password", get(account::show_password).post(account::password))
        .route("/oauth2/invitation", get(account::show_invitation).post(account::invitation))
        .route("/oauth2/token", post(token::token))
        .route("/oauth2/par", post(token::push))
        .route("/oauth2/device_authorization", post(token::device))
        .route("/oauth2/introspect", post(token::introspect))
        .route("/oauth2/revoke", post(token::revoke))
        .route("/oauth2/userinfo", get(token::userinfo).post(token::userinfo))
        .route("/oauth2/device", get(device::show).post(device::decide))
        .route("/oauth2/logout", get(logout::begin).post(logout::begin))
        .route("/oauth2/register", post(register::register))
        .route("/oauth2/forward-auth", get(forward::ask))
        .layer(axum::middleware::from_fn_with_state(web.clone(), counted))
        .with_state(web)
}

/// Counts what was answered; the first word behind `/oauth2/` is one of those above.
async fn counted(State(web): Shared, request: Request, next: Next) -> Answer {
    let began = Instant::now();
    let path = request.uri().path();
    let word =
        path.strip_prefix("/oauth2/").map_or("metadata", |rest| rest.split('/').next().unwrap_or(rest));
    // A method may be any word; a label may not.
    let known = ["GET", "POST"].into_iter().find(|method| request.method() == *method);
    let (target, method) = (word.to_owned(), known.unwrap_or("other").to_owned());
    let answer = next.run(request).await;
    let labels = Labels { face: "oidc", target, method, status: answer.status().as_u16() };
    web.metrics.count(labels, began.elapsed().as_secs_f64());
    answer
}

/// The head of a request: its headers, and where it comes from.
struct Head {
    headers: HeaderMap,
    origin: Option<IpAddr>,
    /// What the answer's page speaks.
    voice: Voice,
}

impl Head {
    fn of(request: &Request) -> Self {
        let mut head = Self {
            headers: request.headers().clone(),
            origin: origin::origin(request.extensions()),
            voice: Voice::default(),
        };
        // What cannot be read is refused by who needs it; until then a page speaks as the browser does.
        head.hear(&form::parse(request.uri().query().unwrap_or_default()).unwrap_or_default());
        head
    }

    /// Speaks as the parameters ask for, or else the browser.
    fn hear(&mut self, params: &form::Params) {
        let locales = form::one(params, "ui_locales").unwrap_or_default();
        self.voice = Voice::of(locales, told(&self.headers, "accept-language"));
    }
}

impl Deref for Head {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.headers
    }
}

/// A context for nobody in particular: what is asked of the provider is judged by the provider.
fn cx_of(web: &Web, head: &Head) -> Cx {
    let mut cx = web.platform.cx_of(Principal::system("openid-provider", ""), "");
    cx.trace = caller::trace(head);
    cx.origin = head.origin;
    cx.deadline = Some(cx.now().plus_s(web.settings.deadline_s));
    cx
}

/// Takes one try from the bucket of an address that has not said who it is.
fn one_try(web: &Web, from: Option<IpAddr>) -> Result<()> {
    let address = from.map(|address| address.to_string());
    web.rates.take(&address.unwrap_or_default(), false).map(|_| ())
}

/// A request taken apart: its headers, and its parameters from the query and the form.
async fn taken(request: Request) -> Result<(Head, form::Params)> {
    let mut head = Head::of(&request);
    let (parts, body) = request.into_parts();
    let mut params = form::parse(parts.uri.query().unwrap_or_default())?;
    if parts.method == axum::http::Method::POST {
        form::add(&mut params, body, &parts.headers).await?;
        head.hear(&params);
    }
    Ok((head, params))
}

type Answer = Response<Body>;
type Shared = State<Web>;

/// The value of a header, empty when there is none.
fn told<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Where the caller's browser may be sent with a status of its own.
fn see_other(to: &str) -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = axum::http::StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    if let Ok(value) = to.parse() {
        headers.insert(header::LOCATION, value);
    }
    headers.insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}
