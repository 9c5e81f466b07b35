//! Errors and confirmations as Kubernetes' `Status` objects.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use base::{Error, Status};
use serde_json::{Value, json};

/// What a failed request was about.
#[derive(Default)]
pub struct About {
    /// The kind's group.
    pub group: String,
    /// Its word in paths, `models`.
    pub resource: String,
    /// Its word in objects, `Model`.
    pub kind: String,
    /// The object; empty where none is named.
    pub name: String,
}

/// The reason Kubernetes has for an error.
fn reason(error: &Error) -> &'static str {
    match (error.status(), error.code()) {
        (Status::Conflict, "already-exists") => "AlreadyExists",
        (Status::BadRequest, _) | (_, "unknown-field") => "BadRequest",
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
        (Status::BadGateway | Status::Unavailable | Status::NoRoom, _) => "ServiceUnavailable",
        (Status::Cancelled | Status::Internal, _) => "InternalError",
    }
}

/// The status of an error: Kubernetes calls a field that nobody knows a bad request.
fn code(error: &Error) -> u16 {
    if error.code() == "unknown-field" { 400 } else { error.status().code() }
}

fn message(error: &Error, about: &About) -> String {
    let mut message = match (error.code(), error.field()) {
        // `kubectl` and client-go look for these words.
        ("unknown-field", Some(field)) => {
            format!(
                "{} in version \"v1\" cannot be handled: strict decoding error: unknown field \"{field}\"",
                about.kind
            )
        }
        _ => error.message().to_owned(),
    };
    if let Some(hint) = error.advice() {
        message = format!("{message}; {hint}");
    }
    message
}

/// An error as a `Status`; a cause's reason is the error's code, which has a page.
pub fn of(error: &Error, about: &About) -> Value {
    let causes: Vec<Value> = if error.code() == "apply-conflict" {
        // What `kubectl` prints one by one, and offers to force.
        let conflict = |part: &str| {
            let field = part.split('`').nth(1).unwrap_or_default();
            json!({"reason": "FieldManagerConflict", "message": part, "field": format!(".{field}")})
        };
        error.message().split("; ").map(conflict).collect()
    } else {
        let field = error.field().unwrap_or_default();
        vec![json!({"reason": error.code(), "message": error.message(), "field": field})]
    };
    let reason = reason(error);
    // Of an invalid object Kubernetes names the kind, otherwise the resource.
    let kind = if reason == "Invalid" { &about.kind } else { &about.resource };
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message(error, about),
        "reason": reason,
        "details": {"name": about.name, "group": about.group, "kind": kind, "causes": causes},
        "code": code(error),
    })
}

/// An error as a response.
pub fn response(error: &Error, about: &About) -> Response<Body> {
    face_web::problem::note(error, "");
    let status = StatusCode::from_u16(code(error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(status, &of(error, about));
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
