//! What everybody may read: the provider's description, its keys, the style of its pages.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header},
};
use base::Result;
use domain_identity::oauth::signing_key;
use openid::metadata;
use ports::site::Site;
use serde_json::Value;

use crate::{Answer, Head, Shared, cx_of, reply};

/// How long others may keep a document, in seconds: shorter than a key is shown before it signs.
const KEPT: &str = "public, max-age=300";

fn document(found: Result<Value>) -> Answer {
    match found {
        Ok(value) => {
            let mut response = reply::json(StatusCode::OK, &value);
            let headers = response.headers_mut();
            headers.remove(header::PRAGMA);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEPT));
            response
        }
        Err(error) => reply::error(&error),
    }
}

/// The provider's description (OpenID Connect Discovery 1.0, RFC 8414).
pub async fn server(State(web): Shared) -> Answer {
    let site = web.platform.port::<Site>();
    document(site.and_then(|site| site.url().map(metadata::of_server)))
}

/// The platform's description as a resource (RFC 9728).
pub async fn resource(State(web): Shared) -> Answer {
    let site = web.platform.port::<Site>();
    document(site.and_then(|site| site.url().map(metadata::of_resource)))
}

/// The public keys.
pub async fn jwks(State(web): Shared, request: Request) -> Answer {
    let cx = cx_of(&web, &Head::of(&request));
    document(signing_key::jwks(&cx).await)
}

/// The style of the pages.
pub async fn style() -> Answer {
    let mut response = Response::new(Body::from(include_str!("style.css")));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEPT));
    response
}
