//! The console's face: the build of `console/`, embedded, at `/` and below `/console`.
//!
//! The one page answers every path of the console; which of its views is shown is the script's
//! business. What stands below `/console/assets` is named by its digest and never changes.

mod build;
mod coding;
#[cfg(test)]
mod contract;

use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    routing::get,
};
use base::Error;
use build::Stored;
use coding::Form;
use face_web::problem;

/// Scripts and styles of ours alone, pictures also made in the page; nothing from elsewhere, and no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; object-src 'none'";

/// A year: another content has another name.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// The face's routes.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(page))
        .route("/console", get(page))
        .route("/console/", get(page))
        .route("/console/{*path}", get(page))
        .route("/console/licences.txt", get(licences))
        .route("/console/assets/{name}", get(asset))
}

/// The page, whatever view of it is asked for.
async fn page(asked: HeaderMap) -> Response<Body> {
    let Some(found) = build::file("index.html") else { return missing() };
    // Smaller than a packet as it is; and what stands at a site's root is not packed beside its cookies (BREACH,
    // CVE-2013-3587), though nothing in it is secret or echoed.
    let mut response = answered(found, &asked, Form::Plain);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    response
}

/// What others wrote of it, and under which terms.
async fn licences(asked: HeaderMap) -> Response<Body> {
    build::file("licences.txt").map_or_else(missing, |found| answered(found, &asked, best(&asked)))
}

/// One file of the build.
async fn asset(Path(name): Path<String>, asked: HeaderMap) -> Response<Body> {
    let Some(found) = build::file(&format!("assets/{name}")) else { return missing() };
    let mut response = answered(found, &asked, best(&asked));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(FOREVER));
    response
}

fn missing() -> Response<Body> {
    let error = Error::not_found("no-such-operation", "the console has no such file");
    problem::response(&error.hint("reload the page: the console was changed meanwhile"), "")
}

fn told(asked: &HeaderMap, name: header::HeaderName) -> &str {
    asked.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// The smallest form the caller takes.
fn best(asked: &HeaderMap) -> Form {
    coding::best(told(asked, header::ACCEPT_ENCODING))
}

/// A file in a form, or the head alone where it is known (RFC 9110 section 13.1.2).
fn answered(found: &'static Stored, asked: &HeaderMap, form: Form) -> Response<Body> {
    let tags = told(asked, header::IF_NONE_MATCH);
    let known = tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == found.tag);
    let mut response = if known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        match found.bytes(form) {
            Ok(bytes) => Response::new(Body::from(bytes)),
            Err(error) => return problem::response(&error, ""),
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(found.media));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&found.tag) {
        headers.insert(header::ETAG, tag);
    }
    if let (Some(word), false) = (form.word(), known) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(word));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn asked(path: &str, pairs: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let mut request = Request::get(path);
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        let response =
            router::<()>().with_state(()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn every_view_is_the_same_page_and_may_run_our_scripts_only() {
        let (status, headers, first) = asked("/", &[]).await;
        assert_eq!(status, 200);
        assert!(String::from_utf8(first.clone()).unwrap().starts_with("<!doctype html>"));
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"));
        for view in ["/console", "/console/datasets/churn", "/console/kinds/catalog/models/new"] {
            assert_eq!(asked(view, &[]).await.2, first, "{view}");
        }
        let (_, packing, plain) = asked("/", &[("accept-encoding", "gzip, deflate, br")]).await;
        assert!(packing.get("content-encoding").is_none() && plain == first && plain.len() < 1_400);
        let tag = headers["etag"].to_str().unwrap();
        let (status, _, body) = asked("/", &[("if-none-match", tag)]).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
    }

    #[tokio::test]
    async fn what_the_page_names_is_there_in_every_form_and_stays() {
        let page = String::from_utf8(asked("/", &[]).await.2).unwrap();
        let names: Vec<&str> = page.split('"').filter(|text| text.starts_with("/console/assets/")).collect();
        assert!(names.iter().any(|name| name.ends_with(".js")), "{page}");
        for name in names {
            let (status, headers, plain) = asked(name, &[]).await;
            assert_eq!(status, 200, "{name}");
            assert_eq!(headers["cache-control"], FOREVER);
            assert!(headers.get("content-encoding").is_none());
            let (_, headers, packed) = asked(name, &[("accept-encoding", "gzip, deflate, br")]).await;
            assert_eq!(headers["content-encoding"], "br");
            assert!(packed.len() < plain.len());
            let (_, headers, _) = asked(name, &[("accept-encoding", "gzip, br;q=0")]).await;
            assert_eq!(headers["content-encoding"], "gzip");
        }
        assert_eq!(asked("/console/assets/gone-12345678.js", &[]).await.0, 404);
    }
}
