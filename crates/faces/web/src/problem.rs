//! Errors as `application/problem+json` (RFC 9457).

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use base::Error;
use serde_json::{Value, json};

/// The media type of a problem.
pub const MEDIA: &str = "application/problem+json";

/// A problem's JSON; the request id lets an operator find the cause in the log.
pub fn json(error: &Error, request_id: &str) -> Value {
    let mut problem = json!({
        "type": format!("/errors/{}", error.code()),
        "title": error.code().replace('-', " "),
        "status": error.status().code(),
        "code": error.code(),
        "detail": error.message(),
        "requestId": request_id,
    });
    if let Some(field) = error.field() {
        problem["field"] = field.into();
    }
    if let Some(hint) = error.advice() {
        problem["hint"] = hint.into();
    }
    problem
}

/// Writes what only the log may know to the log.
pub fn note(error: &Error, request_id: &str) {
    let status = error.status().code();
    if status >= 500 && status != 507 {
        tracing::error!(request_id, code = error.code(), cause = error.cause(), "{}", error.message());
    } else if let Some(cause) = error.cause() {
        tracing::debug!(request_id, code = error.code(), cause, "{}", error.message());
    }
}

/// A problem as a response; what only the log may know goes to the log.
pub fn response(error: &Error, request_id: &str) -> Response<Body> {
    note(error, request_id);
    let status = error.status().code();
    let mut response = Response::new(Body::from(json(error, request_id).to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA));
    if let Some(seconds) = error.wait_s() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer, Basic realm=\"aic\""));
    }
    response
}
