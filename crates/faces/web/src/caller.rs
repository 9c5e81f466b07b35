//! Who calls, from the headers: a bearer token or a name and password; and the trace it belongs to.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base::{Error, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use kernel::access::{Credential, Principal};

use crate::Web;

/// The credential a request shows, if it shows one.
pub fn credential(headers: &HeaderMap) -> Result<Option<Credential>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let bad = || {
        Error::unauthenticated("bad-credential", "the `Authorization` header is neither Bearer nor Basic")
            .hint("send `Authorization: Bearer TOKEN`; `aic login` gets one")
    };
    let text = value.to_str().map_err(|_| bad())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(bad)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(Credential::Bearer(rest.trim().to_owned())));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let bytes = BASE64_STANDARD.decode(rest.trim()).map_err(|_| bad())?;
        let pair = String::from_utf8(bytes).map_err(|_| bad())?;
        let (name, password) = pair.split_once(':').ok_or_else(bad)?;
        return Ok(Some(Credential::Basic(name.to_owned(), password.to_owned())));
    }
    Err(bad())
}

/// Who calls, or nobody.
pub async fn principal(web: &Web, headers: &HeaderMap) -> Result<Option<Arc<Principal>>> {
    match credential(headers)? {
        Some(credential) => web.platform.authenticate(credential).await.map(Some),
        None => Ok(None),
    }
}

/// The error for a request that must say who sends it.
pub fn anonymous() -> Error {
    Error::unauthenticated("unauthenticated", "this needs a login")
        .hint("send `Authorization: Bearer TOKEN`; `aic login` gets one")
}

/// The trace id of W3C Trace Context's `traceparent`, or nothing.
pub fn trace(headers: &HeaderMap) -> String {
    let Some(text) = headers.get("traceparent").and_then(|value| value.to_str().ok()) else {
        return String::new();
    };
    match text.split('-').nth(1) {
        Some(id) if id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) => id.to_owned(),
        _ => String::new(),
    }
}

/// The request's id: the caller's own where it is short and plain, else a fresh one.
pub fn request_id(web: &Web, headers: &HeaderMap) -> String {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    match given {
        Some(id)
            if (1..=64).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) =>
        {
            id.to_owned()
        }
        _ => {
            let mut bytes = [0; 8];
            web.platform.entropy().fill(&mut bytes);
            format!("req_{:016x}", u64::from_le_bytes(bytes))
        }
    }
}
