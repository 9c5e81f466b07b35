//! Errors and confirmations as Kubernetes' `Status` objects.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use base::{Error, Status};
use serde_json::{Value, json};

/// The reason Kubernetes has for an error.
fn reason(error: &Error) -> &'static str {
    match (error.status(), error.code()) {
        (Status::Conflict, "already-exists") => "AlreadyExists",
        (Status::BadRequest, _) => "BadRequest",
        (Status::Unauthenticated, _) => "Unauthorized",
        (Status::Forbidden, _) => "Forbidden",
        (Status::NotFound, _) => "NotFound",
        (Status::MethodNotAllowed, _) => "MethodNotAllowed",
        (Status::NotAcceptable, _) => "NotAcceptable",
        (Status::Conflict | Status::PreconditionFailed, _) => "Conflict",
        (Status::Gone, _) => "Expired",
        (Status::TooLarge, _) => "RequestEntityTooLarge",
        (Status::UnsupportedMedia, _) => "UnsupportedMediaType",
        (Status::Invalid, _) => "Invalid",
        (Status::TooMany, _) => "TooManyRequests",
        (Status::Timeout, _) => "Timeout",
        (Status::Unavailable | Status::NoRoom, _) => "ServiceUnavailable",
        (Status::Cancelled | Status::Internal, _) => "InternalError",
    }
}

/// An error as a `Status`.
pub fn of(error: &Error) -> Value {
    let mut message = error.message().to_owned();
    if let Some(hint) = error.advice() {
        message = format!("{message}; {hint}");
    }
    let mut causes = Vec::new();
    if error.code() == "apply-conflict" {
        // What `kubectl` prints one by one, and offers to force.
        causes.extend(error.message().split("; ").map(|part| {
            let field = part.split('`').nth(1).unwrap_or_default();
            json!({"reason": "FieldManagerConflict", "message": part, "field": format!(".{field}")})
        }));
    } else if let Some(field) = error.field() {
        causes.push(json!({"reason": "FieldValueInvalid", "message": error.message(), "field": field}));
    }
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason(error),
        "details": {"name": error.code(), "causes": causes},
        "code": error.status().code(),
    })
}

/// An error as a response.
pub fn response(error: &Error) -> Response<Body> {
    face_web::problem::note(error, "");
    let status = StatusCode::from_u16(error.status().code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(status, &of(error));
    if let Some(seconds) = error.wait_s() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A JSON response.
pub fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
