//! What goes wrong, in MLflow's words: a code, a status and a message, as its clients read them.

use base::Error;
use serde_json::{Value, json};

/// The answer of everything here.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

/// Something that went wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// MLflow's code, such as `RESOURCE_DOES_NOT_EXIST`.
    pub code: &'static str,
    /// The status HTTP counts it by.
    pub status: u16,
    /// A sentence; clients match its words.
    pub message: String,
    /// Seconds after which it may be tried again.
    pub retry_s: Option<u32>,
}

impl Fault {
    fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), retry_s: None }
    }

    /// A value that is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("INVALID_PARAMETER_VALUE", 400, message)
    }

    /// A request that cannot be fulfilled.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new("BAD_REQUEST", 400, message)
    }

    /// A request that can be read and makes no sense.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new("INVALID_PARAMETER_VALUE", 422, message)
    }

    /// Nothing there, or nothing the caller may know of.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new("RESOURCE_DOES_NOT_EXIST", 404, message)
    }

    /// Something there already.
    pub fn exists(message: impl Into<String>) -> Self {
        Self::new("RESOURCE_ALREADY_EXISTS", 400, message)
    }

    /// The state of the thing forbids it. MLflow itself answers 500, which its client would try again.
    pub fn state(message: impl Into<String>) -> Self {
        Self::new("INVALID_STATE", 400, message)
    }

    /// A path nothing is served at.
    pub fn no_route(method: &str, path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        Self::new("ENDPOINT_NOT_FOUND", 404, format!("nothing is served at `{method} {path}`"))
    }

    /// The body of the answer.
    pub fn shown(&self) -> Value {
        json!({"error_code": self.code, "message": self.message})
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        face_web::problem::note(&error, "");
        let status = error.status().code();
        if error.code() == "bad-path" {
            return Self::invalid("Invalid path");
        }
        let (code, status) = match (error.code(), status) {
            ("already-exists", _) => ("RESOURCE_ALREADY_EXISTS", 400),
            (_, 401) => ("UNAUTHENTICATED", 401),
            (_, 403) => ("PERMISSION_DENIED", 403),
            (_, 404 | 410) => ("RESOURCE_DOES_NOT_EXIST", 404),
            (_, 409 | 412) => ("INVALID_STATE", 409),
            (_, 429) => ("REQUEST_LIMIT_EXCEEDED", 429),
            (_, 499) => ("CANCELLED", 499),
            (_, 400..=499) => ("INVALID_PARAMETER_VALUE", if status == 413 { 413 } else { 400 }),
            (_, 503) => ("TEMPORARILY_UNAVAILABLE", 503),
            (_, 504) => ("DEADLINE_EXCEEDED", 504),
            (_, 507) => ("RESOURCE_EXHAUSTED", 507),
            _ => ("INTERNAL_ERROR", 500),
        };
        let mut message = error.message().to_owned();
        if let Some(field) = error.field() {
            message = format!("{message} (at `{field}`)");
        }
        if let Some(hint) = error.advice() {
            message = format!("{message}; {hint}");
        }
        Self { code, status, message, retry_s: error.wait_s() }
    }
}
