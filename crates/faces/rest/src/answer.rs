//! From a call's answer to an HTTP response.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use kernel::{declare::Output, dispatch::Answer};
use serde_json::Value;

/// The response for an answer; watching is the stream's business.
pub fn response(answer: Answer) -> Response<Body> {
    match answer {
        Answer::Object(value, version) => tagged(StatusCode::OK, &value, version),
        Answer::Created(value, version) => tagged(StatusCode::CREATED, &value, version),
        Answer::Value(value) => {
            let total = value.pointer("/metadata/total").map(ToString::to_string);
            let mut response = json(StatusCode::OK, &value);
            if let Some(total) = total.and_then(|total| HeaderValue::from_str(&total).ok()) {
                response.headers_mut().insert("x-total-count", total);
            }
            response
        }
        Answer::Bytes(Output::Json(value)) => json(StatusCode::OK, &value),
        Answer::Bytes(Output::Bytes { media, filename, bytes }) => {
            let mut response = Response::new(face_web::body::streamed(bytes));
            let headers = response.headers_mut();
            if let Ok(media) = HeaderValue::from_str(&media) {
                headers.insert(header::CONTENT_TYPE, media);
            }
            if let Some(filename) = filename {
                let plain: String =
                    filename.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
                let disposition = format!("attachment; filename=\"{plain}\"");
                if let Ok(disposition) = HeaderValue::from_str(&disposition) {
                    headers.insert(header::CONTENT_DISPOSITION, disposition);
                }
            }
            response
        }
        Answer::Watch(_) => Response::new(Body::empty()),
    }
}

/// A JSON response.
pub fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An object with its version as the entity tag (RFC 9110 section 8.8.3).
fn tagged(status: StatusCode, value: &Value, version: u64) -> Response<Body> {
    let mut response = json(status, value);
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Nothing but the head where the caller has already read this version (RFC 9110 section 13.1.2).
pub fn unless_known(mut response: Response<Body>, asked: &HeaderMap) -> Response<Body> {
    let known = |tag: &str| {
        let Some(given) = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let plain = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        given.split(',').any(|one| one.trim() == "*" || plain(one) == plain(tag))
    };
    let tag = response.headers().get(header::ETAG).and_then(|value| value.to_str().ok());
    if response.status() == StatusCode::OK && tag.is_some_and(known) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    response
}
