//! All faces as one service, and what stands beside them: health, readiness, metrics.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    middleware::Next,
    routing::{get, post},
};
use base::Result;
use face_web::{
    Settings, Web, caller,
    origin::{Origin, Peer, forwarded},
    problem,
};
use ipnet::IpNet;
use kernel::access::Principal;
use tower::ServiceBuilder;
use tower_http::compression::{
    CompressionLayer, DefaultPredicate, Predicate,
    predicate::{NotForContentType, SizeAbove},
};

use super::{
    assemble::Assembled,
    bundle, leftover, maintenance,
    measured::Measured,
    pages,
    served::Served,
    shield::{self, Shield},
    telemetry::Told,
    tls::Certificates,
};

/// How long a body may pause; whoever sends slower holds a connection for nothing.
const BODY_PAUSE: Duration = Duration::from_secs(30);

/// The bytes of an answer that fit into one packet, its header left aside.
const PACKET: u64 = 1_200;

#[derive(Clone)]
struct Beside {
    web: Web,
    certificates: Arc<Certificates>,
    settled: Arc<super::Settled>,
}

/// Every route of the server.
pub fn router(assembled: &Assembled, certificates: Arc<Certificates>) -> Router {
    let proxies: Arc<[IpNet]> = assembled.settled.trusted_proxies.clone().into();
    let settings = Settings { trusted_proxies: proxies.to_vec(), ..Settings::default() };
    let platform = Arc::clone(&assembled.platform);
    let web = Web::counting(platform, settings, Arc::clone(&assembled.metrics));
    if let Ok(gateway) = assembled.platform.port::<engine_proxy::Gateway>() {
        web.metrics.register(|registry| registry.register_collector(Box::new(Measured(gateway))));
    }
    if let Ok(serving) = assembled.platform.port::<domain_serving::Serving>() {
        web.metrics.register(|registry| registry.register_collector(Box::new(Served(serving))));
    }
    if let Ok(spans) = assembled.platform.port::<dyn ports::telemetry::Spans>() {
        web.metrics.register(|registry| registry.register_collector(Box::new(Told(spans))));
    }
    // A watch is told event by event; compressing would hold events back.
    // What fits into one packet is not worth the work.
    let compressed = DefaultPredicate::new()
        .and(NotForContentType::const_new("text/event-stream"))
        .and(SizeAbove::new(PACKET));
    let settled = Arc::new(assembled.settled.clone());
    let shield = Shield::of(settled.public_url.as_deref());
    let beside = Beside { web: web.clone(), certificates, settled };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/errors/{code}", get(pages::error))
        .route("/metrics", get(metrics))
        .route("/.well-known/acme-challenge/{token}", get(challenge))
        .route("/api/v1/system/kubeconfig", get(kubeconfig))
        .route("/api/v1/system/backup", post(backup))
        .route("/api/v1/system/backup/keys", post(backup_keys))
        .with_state(beside)
        .merge(face_console::router())
        .merge(face_rest::router(web.clone()))
        .merge(face_kube::router(web.clone()))
        .merge(face_scim::router(web.clone()))
        .merge(face_inference::router(web.clone()))
        .merge(face_oidc::router(web.clone()))
        .merge(face_mlflow::router(web.clone()))
        .fallback(|| async {
            problem::response(
                &base::Error::not_found("no-such-operation", "nothing is served at this path")
                    .hint("`/docs` shows every operation"),
                "",
            )
        })
        .layer(axum::middleware::from_fn(face_mlflow::version))
        .layer(tower_http::timeout::RequestBodyTimeoutLayer::new(BODY_PAUSE))
        // One layer of several: each of the router's own is allocated anew for every request, with all below it.
        .layer(
            ServiceBuilder::new()
                .layer(axum::middleware::from_fn_with_state(shield, shield::cover))
                .layer(CompressionLayer::new().compress_when(compressed))
                .layer(axum::middleware::from_fn_with_state(proxies, origin_of))
                .layer(axum::middleware::from_fn(leftover::read))
                .layer(axum::middleware::from_fn_with_state(web, maintenance::guard)),
        )
}

/// Says where each request comes from, for everything behind.
async fn origin_of(State(proxies): State<Arc<[IpNet]>>, mut request: Request, next: Next) -> Response<Body> {
    if let Some(peer) = request.extensions().get::<Peer>() {
        let origin = Origin(forwarded(peer.0.ip(), request.headers(), &proxies));
        request.extensions_mut().insert(origin);
    }
    next.run(request).await
}

async fn ready(State(beside): State<Beside>) -> Response<Body> {
    match beside.web.platform.store.ping().await {
        Ok(()) => plain("ready\n".to_owned()),
        Err(error) => problem::response(&error, ""),
    }
}

/// What shows an authority that a host leads here (RFC 8555 section 8.3).
async fn challenge(State(beside): State<Beside>, Path(token): Path<String>) -> Response<Body> {
    let cx = beside.web.platform.cx_of(Principal::system("acme", ""), "");
    match domain_gateway::challenge_answer(&cx, &token).await {
        Ok(Some(answer)) => plain(answer),
        Ok(None) => {
            problem::response(&base::Error::not_found("not-found", "nothing was asked by this token"), "")
        }
        Err(error) => problem::response(&error, ""),
    }
}

async fn metrics(State(beside): State<Beside>, headers: HeaderMap) -> Response<Body> {
    let web = &beside.web;
    if let Err(error) = allowed_on_platform(web, &headers, "system.metrics.get").await {
        return problem::response(&error, "");
    }
    let head = *web.platform.store.head().borrow();
    web.metrics.journal.set(i64::try_from(head).unwrap_or(i64::MAX));
    let mut response = plain(web.metrics.text());
    let media = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// A kubeconfig for the caller: the server's address as it was called, its certificate, the caller's token.
async fn kubeconfig(State(beside): State<Beside>, headers: HeaderMap) -> Response<Body> {
    let answered = async {
        let principal = caller::principal(&beside.web, &headers).await?.ok_or_else(caller::anonymous)?;
        let Some(kernel::access::Credential::Bearer(token)) = caller::credential(&headers)? else {
            return Err(base::Error::bad_request("token-missing", "a kubeconfig carries a token")
                .hint("ask with `Authorization: Bearer`"));
        };
        let host =
            headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1:8080");
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:[]".contains(c));
        if !plain(host) {
            return Err(base::Error::bad_request("bad-host", "the `Host` header names no host"));
        }
        Ok(beside.certificates.kubeconfig(host, &principal.name, &token))
    };
    match answered.await {
        Ok(text) => {
            let mut response = plain(text);
            let media = HeaderValue::from_static("application/yaml");
            response.headers_mut().insert(header::CONTENT_TYPE, media);
            response
        }
        Err(error) => problem::response(&error, ""),
    }
}

/// Everything there is as one file, consistent as of one position of the journal.
async fn backup(State(beside): State<Beside>, request: Request) -> Response<Body> {
    let web = &beside.web;
    match allowed_on_platform(web, request.headers(), "system.backups.create").await {
        Ok(()) => {
            let mut response =
                Response::new(face_web::body::streamed(bundle::write(Arc::clone(&web.platform))));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            response
        }
        Err(error) => problem::response(&error, ""),
    }
}

/// The keys of what is sealed in backups, for a file apart from them.
async fn backup_keys(State(beside): State<Beside>, headers: HeaderMap) -> Response<Body> {
    let web = &beside.web;
    let told = async {
        allowed_on_platform(web, &headers, "system.backups.keys").await?;
        let keys = bundle::keys(&*web.platform.store, &beside.settled).await?;
        serde_json::to_string(&keys).map_err(base::Error::internal)
    };
    match told.await {
        Ok(text) => {
            let mut response = plain(text);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => problem::response(&error, ""),
    }
}

/// Refuses whoever may not do it on the platform itself, above all tenants.
async fn allowed_on_platform(web: &Web, headers: &HeaderMap, permission: &str) -> Result<()> {
    let principal = caller::principal(web, headers).await?.ok_or_else(caller::anonymous)?;
    let question = kernel::access::Question::new(permission, "", "");
    if web.platform.decide(&principal, &question).await?.allowed {
        return Ok(());
    }
    Err(base::Error::forbidden("forbidden", "only administrators of the platform may do this"))
}

fn plain(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::OK;
    let media = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}
