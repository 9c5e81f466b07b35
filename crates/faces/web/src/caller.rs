//! Who calls, from the headers: a bearer token or a name and password; and the trace it belongs to.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base::{Error, Result, Trace};
use base64::{Engine, prelude::BASE64_STANDARD};
use kernel::access::{Credential, Principal};

use crate::Web;

/// The cookies a browser's session may be in: over TLS, and on this machine only.
const SESSION: [&str; 2] = ["__Host-aic_session", "aic_session"];

/// A cookie's value.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value).filter(|value| !value.is_empty())
}

/// Whether a browser says that a page of ours, or the person, made the request (Fetch Metadata, RFC 6454).
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin" || (site == "none" && text("sec-fetch-mode") == Some("navigate"));
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, host)| text("host") == Some(host))
}

/// The session of a browser, which only counts for requests of our own pages.
fn session(headers: &HeaderMap) -> Option<Credential> {
    let token = SESSION.into_iter().find_map(|name| cookie(headers, name))?;
    is_same_origin(headers).then(|| Credential::Bearer(token.to_owned()))
}

/// The credential a request shows, if it shows one.
pub fn credential(headers: &HeaderMap) -> Result<Option<Credential>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(session(headers)) };
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

/// The trace of W3C Trace Context's `traceparent`, or none.
pub fn trace(headers: &HeaderMap) -> Trace {
    let told = headers.get("traceparent").and_then(|value| value.to_str().ok());
    told.map(Trace::parse).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_cookie_counts_for_our_own_pages_only() {
        let cookie = ("cookie", "a=b; aic_session=t0; c=d");
        for more in [
            vec![("sec-fetch-site", "same-origin")],
            vec![("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
            vec![("origin", "http://aic.example"), ("host", "aic.example")],
        ] {
            let mut pairs = vec![cookie];
            pairs.extend(more);
            let found = credential(&headers(&pairs)).unwrap();
            assert_eq!(found, Some(Credential::Bearer("t0".to_owned())), "{pairs:?}");
        }
        for more in [
            vec![],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
            vec![("origin", "http://evil.example"), ("host", "aic.example")],
            vec![("origin", "null"), ("host", "aic.example")],
        ] {
            let mut pairs = vec![cookie];
            pairs.extend(more);
            assert_eq!(credential(&headers(&pairs)).unwrap(), None, "{pairs:?}");
        }
    }
}
