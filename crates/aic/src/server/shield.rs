//! What every answer tells a browser: not to guess, not to frame, not to keep, not to tell others.
//!
//! Pages that need more than nothing say so themselves; what they say stands.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Response, header},
    middleware::Next,
};

/// The reference has its style in it; nothing of ours has a script.
const POLICY: &str = "default-src 'none'; object-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; \
                      form-action 'self'";

/// Headers and their values where the answer has none of its own.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// A year, for the name the platform says it is reached under (RFC 6797).
const TLS_ONLY: &str = "max-age=31536000; includeSubDomains";

/// Whether browsers are told to come by TLS only: when the address people use is one of TLS.
#[derive(Clone, Copy)]
pub struct Shield {
    is_tls: bool,
}

impl Shield {
    /// For a platform that says it is reached at an address.
    pub fn of(public_url: Option<&str>) -> Self {
        Self { is_tls: public_url.is_some_and(|url| url.starts_with("https://")) }
    }
}

/// Adds what an answer lacks.
pub async fn cover(State(shield): State<Shield>, request: Request, next: Next) -> Response<Body> {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if shield.is_tls {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(HeaderValue::from_static(TLS_ONLY));
    }
    response
}
