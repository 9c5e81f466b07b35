//! The face as one service.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, Response, StatusCode, header, request::Parts},
    routing::{any, get, post},
};
use base::{Error, Result};
use face_web::{Web, body, metrics::Labels};
use serde_json::{Value, json};

use crate::{
    core_group, discovery, openapi,
    path::DOMAIN,
    request, review,
    status::{self, About},
};

/// The face's routes.
pub fn router(web: Web) -> Router {
    let index = Arc::new(openapi::index(&web.platform));
    Router::new()
        .route("/version", get(version))
        .route("/api", get(|| async { ok(&json!({"kind": "APIVersions", "versions": ["v1"]})) }))
        .route("/api/v1", get(|| async { ok(&discovery::core()) }))
        .route("/api/v1/namespaces", get(namespaces))
        .route("/api/v1/namespaces/{name}", get(namespace))
        .route("/api/v1/namespaces/{name}/events", get(events))
        .route("/api/v1/events", get(all_events))
        .route("/apis", get(groups))
        .route("/apis/authorization.k8s.io/v1", get(|| async { ok(&discovery::authorization()) }))
        .route("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", post(access_review))
        .route("/apis/{group}", get(group))
        .route("/apis/{group}/v1", get(resources))
        .route("/apis/{group}/v1/{*path}", any(serve))
        .route("/openapi/v2", get(older_document))
        .route("/openapi/v3", get(move || async move { ok(&index) }))
        .route("/openapi/v3/api/v1", get(|| async { ok(&openapi::core()) }))
        .route("/openapi/v3/apis/{group}/v1", get(document))
        .with_state(web)
}

fn ok(value: &Value) -> Response<Body> {
    status::json_response(StatusCode::OK, value)
}

fn told(result: Result<Value>) -> Response<Body> {
    match result {
        Ok(value) => ok(&value),
        Err(error) => status::response(&error, &About::default()),
    }
}

async fn version() -> Response<Body> {
    // The minor version says which of Kubernetes' habits a client may expect.
    ok(&json!({
        "major": "1", "minor": "32", "gitVersion": format!("v1.32.0-aic-{}", env!("CARGO_PKG_VERSION")),
        "platform": "aic",
    }))
}

async fn groups(State(web): State<Web>) -> Response<Body> {
    ok(&discovery::groups(&web.platform))
}

fn service<'a>(web: &Web, group: &'a str) -> Result<&'a str> {
    let known = discovery::services(&web.platform);
    group.strip_suffix(DOMAIN).filter(|service| known.contains(service)).ok_or_else(|| {
        Error::not_found("no-such-operation", "the server could not find the requested resource")
    })
}

async fn group(State(web): State<Web>, Path(group): Path<String>) -> Response<Body> {
    told(service(&web, &group).map(|_| discovery::group(&group)))
}

async fn resources(State(web): State<Web>, Path(group): Path<String>) -> Response<Body> {
    told(service(&web, &group).map(|service| discovery::resources(&web.platform, service)))
}

async fn document(State(web): State<Web>, Path(group): Path<String>) -> Response<Body> {
    told(service(&web, &group).map(|service| openapi::group(&web.platform, service)))
}

/// An OpenAPI 2 document that describes nothing, in the protobuf `kubectl` asks for: no bytes at all.
///
/// `kubectl` wants one before it sends a `List`, and leaves to the server what it does not describe.
async fn older_document() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let media = HeaderValue::from_static("application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

async fn namespaces(State(web): State<Web>, parts: Parts) -> Response<Body> {
    told(async { core_group::namespaces(&web, &request::cx(&web, &parts, "").await?).await }.await)
}

async fn namespace(State(web): State<Web>, Path(name): Path<String>, parts: Parts) -> Response<Body> {
    told(async { core_group::one_namespace(&web, &request::cx(&web, &parts, "").await?, &name).await }.await)
}

async fn events(State(web): State<Web>, Path(project): Path<String>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    told(events_of(&web, &project, &parts).await)
}

async fn all_events(State(web): State<Web>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    told(events_of(&web, "-", &parts).await)
}

async fn events_of(web: &Web, project: &str, asked: &Parts) -> Result<Value> {
    let params = request::params(asked.uri.query());
    let cx = request::cx(web, asked, project).await?;
    core_group::events(web, &cx, params.get("fieldSelector").map_or("", String::as_str)).await
}

async fn access_review(State(web): State<Web>, asked: Request) -> Response<Body> {
    let (parts, http_body) = asked.into_parts();
    let reviewed = async {
        let cx = request::cx(&web, &parts, "").await?;
        let asked = review::read(&body::bytes(http_body, web.settings.body_max).await?)?;
        review::decide(&web.platform, &cx, asked).await
    };
    match reviewed.await {
        Ok(value) => status::json_response(StatusCode::CREATED, &value),
        Err(error) => status::response(&error, &About::default()),
    }
}

async fn serve(
    State(web): State<Web>,
    Path((group, path)): Path<(String, String)>,
    asked: Request,
) -> Response<Body> {
    let began = Instant::now();
    let method = asked.method().to_string();
    let mut about = About::default();
    let answered = request::answer(&web, &format!("{group}/v1/{path}"), asked, &mut about).await;
    let response = answered.unwrap_or_else(|error| status::response(&error, &about));
    let target = group.strip_suffix(DOMAIN).filter(|it| discovery::services(&web.platform).contains(it));
    let target = target.unwrap_or("unknown").to_owned();
    let status = response.status().as_u16();
    web.metrics.count(Labels { face: "kube", target, method, status }, began.elapsed().as_secs_f64());
    response
}
