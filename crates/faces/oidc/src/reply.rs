//! Answers to programs: JSON, and errors in the shape of RFC 6749 section 5.2.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use base::{Error, Status};
use serde_json::{Value, json};

use crate::Answer;

/// The codes that clients of OAuth 2.0, OpenID Connect and their extensions know.
const KNOWN: [&str; 22] = [
    "invalid-request",
    "invalid-client",
    "invalid-grant",
    "unauthorized-client",
    "unsupported-grant-type",
    "invalid-scope",
    "invalid-target",
    "access-denied",
    "unsupported-response-type",
    "request-not-supported",
    "login-required",
    "consent-required",
    "authorization-pending",
    "slow-down",
    "expired-token",
    "invalid-token",
    "insufficient-scope",
    "invalid-client-metadata",
    "invalid-redirect-uri",
    "unsupported-token-type",
    "server-error",
    "temporarily-unavailable",
];

/// The word an error goes by in this protocol.
pub fn word(error: &Error) -> String {
    if KNOWN.contains(&error.code()) {
        return error.code().replace('-', "_");
    }
    let word = match error.status() {
        Status::Unavailable | Status::Timeout | Status::TooMany | Status::NoRoom => "temporarily_unavailable",
        Status::Internal => "server_error",
        Status::Forbidden => "access_denied",
        _ => "invalid_request",
    };
    word.to_owned()
}

/// What went wrong and what to do, in the letters RFC 6749 allows.
pub fn description(error: &Error) -> String {
    let mut text = error.message().to_owned();
    if let Some(hint) = error.advice() {
        text = format!("{text}; {hint}");
    }
    let plain = |c: char| if c == '"' { '\'' } else { c };
    text.chars().map(plain).filter(|c| (' '..='~').contains(c) && *c != '\\').collect()
}

/// JSON that nobody may keep.
pub fn json(status: StatusCode, value: &Value) -> Answer {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    // Programs in browsers ask too; no cookie is ever looked at here.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// An error of an endpoint for clients.
pub fn error(error: &Error) -> Answer {
    face_web::problem::note(error, "");
    let word = word(error);
    let status = match error.code() {
        // What was wrong with a request of the protocol is 400, whatever it is elsewhere.
        "invalid-client" => StatusCode::UNAUTHORIZED,
        "rate-limited" => StatusCode::TOO_MANY_REQUESTS,
        _ if word == "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ if word == "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = json(status, &json!({"error": word, "error_description": description(error)}));
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"aic\""));
    }
    if let Some(seconds) = error.wait_s() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An error of an endpoint that takes a bearer token (RFC 6750 section 3).
pub fn bearer_error(error: &Error) -> Answer {
    let mut response = self::error(error);
    let status = match error.status() {
        Status::Unauthenticated => StatusCode::UNAUTHORIZED,
        Status::Forbidden => StatusCode::FORBIDDEN,
        _ => return response,
    };
    *response.status_mut() = status;
    let word =
        if error.status() == Status::Unauthenticated { "invalid_token".to_owned() } else { word(error) };
    let told = format!("Bearer error=\"{word}\", error_description=\"{}\"", description(error));
    if let Ok(value) = HeaderValue::from_str(&told) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_speaks_the_protocols_words() {
        let known = Error::bad_request("invalid-grant", "the `code` is \"used\"").hint("begin again");
        assert_eq!(word(&known), "invalid_grant");
        assert_eq!(description(&known), "the `code` is 'used'; begin again");
        assert_eq!(word(&Error::internal("x")), "server_error");
        assert_eq!(word(&Error::bad_request("bad-json", "x")), "invalid_request");
        assert_eq!(error(&Error::internal("x")).status(), 500);
        assert_eq!(error(&Error::unauthenticated("invalid-client", "x")).status(), 401);
    }
}
