//! The Open Inference Protocol v2 over REST: every endpoint of a project is a model of the protocol.
//!
//! The project comes from `X-AIC-Project` and is `default` otherwise. Errors are the protocol's
//! `{"error": …}`, with the platform's code beside it.

use std::{collections::BTreeMap, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, Response, StatusCode, header, request::Parts},
    routing::{get, post},
};
use base::{Error, Result};
use face_web::{Web, body, caller, metrics::Labels, origin};
use kernel::{
    cx::Cx,
    declare::Body as CallBody,
    dispatch::{self, Answer, Call, Verb},
};
use serde_json::{Value, json};

/// The kind an address of the protocol names.
const ENDPOINTS: &str = "catalog.endpoints";

/// The face's routes.
pub fn router(web: Web) -> Router {
    Router::new()
        .route("/v2", get(server))
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/{model}", get(metadata))
        .route("/v2/models/{model}/ready", get(model_ready))
        .route("/v2/models/{model}/infer", post(infer))
        .route("/v2/models/{model}/versions/{version}", get(metadata_of_version))
        .route("/v2/models/{model}/versions/{version}/ready", get(ready_of_version))
        .route("/v2/models/{model}/versions/{version}/infer", post(infer_of_version))
        .with_state(web)
}

async fn server() -> Response<Body> {
    let told = json!({"name": "aic", "version": env!("CARGO_PKG_VERSION"), "extensions": []});
    respond(StatusCode::OK, &told)
}

async fn live() -> Response<Body> {
    respond(StatusCode::OK, &json!({"live": true}))
}

async fn ready(State(web): State<Web>) -> Response<Body> {
    match web.platform.store.ping().await {
        Ok(()) => respond(StatusCode::OK, &json!({"ready": true})),
        Err(error) => problem(&error),
    }
}

async fn metadata(state: State<Web>, Path(model): Path<String>, parts: Parts) -> Response<Body> {
    answer(&state.0, "GET", told(&state.0, &parts, &model, None).await)
}

async fn metadata_of_version(
    state: State<Web>,
    Path((model, version)): Path<(String, String)>,
    parts: Parts,
) -> Response<Body> {
    answer(&state.0, "GET", told(&state.0, &parts, &model, Some(&version)).await)
}

async fn model_ready(state: State<Web>, Path(model): Path<String>, parts: Parts) -> Response<Body> {
    answer(&state.0, "GET", is_ready(&state.0, &parts, &model, None).await)
}

async fn ready_of_version(
    state: State<Web>,
    Path((model, version)): Path<(String, String)>,
    parts: Parts,
) -> Response<Body> {
    answer(&state.0, "GET", is_ready(&state.0, &parts, &model, Some(&version)).await)
}

async fn infer(state: State<Web>, Path(model): Path<String>, request: Request) -> Response<Body> {
    inferred(&state.0, &model, None, request).await
}

async fn infer_of_version(
    state: State<Web>,
    Path((model, version)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    inferred(&state.0, &model, Some(&version), request).await
}

async fn cx(web: &Web, parts: &Parts) -> Result<Cx> {
    let principal = caller::principal(web, &parts.headers).await?.ok_or_else(caller::anonymous)?;
    web.rates.take(&format!("{}/{}", principal.org, principal.actor()), true)?;
    let project =
        parts.headers.get("x-aic-project").and_then(|value| value.to_str().ok()).unwrap_or("default");
    let mut cx = web.platform.cx(principal, project);
    cx.trace = caller::trace(&parts.headers).into();
    cx.origin = origin::origin(&parts.extensions);
    cx.deadline = Some(cx.now().plus_s(web.settings.deadline_s));
    Ok(cx)
}

async fn call(web: &Web, cx: Cx, verb: Verb, model: &str, body: CallBody) -> Result<Value> {
    let call = Call {
        kind: web.platform.kind(ENDPOINTS)?,
        verb,
        id: Some(model.to_owned()),
        parent: None,
        params: BTreeMap::new(),
        body,
        if_match: None,
    };
    match dispatch::call(cx, call).await? {
        Answer::Value(value) | Answer::Object(value, _) | Answer::Created(value, _) => Ok(value),
        Answer::Bytes(_) | Answer::Watch(_) => Err(Error::internal("an endpoint answers JSON")),
    }
}

/// An endpoint serves one version; asking for another is asking for what is not there.
fn same_version(wanted: Option<&str>, endpoint: &Value) -> Result<String> {
    let serving = endpoint["spec"]["modelVersion"].as_str().unwrap_or_default();
    let number = serving.rsplit('.').next().unwrap_or_default().to_owned();
    match wanted {
        Some(wanted) if wanted != number => {
            Err(Error::not_found("not-found", format!("the endpoint serves version {number}, not {wanted}")))
        }
        _ => Ok(number),
    }
}

async fn told(web: &Web, parts: &Parts, model: &str, version: Option<&str>) -> Result<Value> {
    let cx = cx(web, parts).await?;
    let endpoint = call(web, cx.clone(), Verb::Get, model, CallBody::Empty).await?;
    let number = same_version(version, &endpoint)?;
    let schema = call(web, cx, Verb::View("schema".to_owned()), model, CallBody::Empty).await?;
    let slots = |name: &str| {
        let slots = schema[name].as_array().cloned().unwrap_or_default();
        slots
            .iter()
            .map(|slot| json!({"name": slot["name"], "datatype": slot["datatype"], "shape": slot["shape"]}))
            .collect::<Vec<_>>()
    };
    Ok(json!({
        "name": model,
        "versions": [number],
        "platform": "onnx",
        "inputs": slots("inputs"),
        "outputs": slots("outputs"),
    }))
}

async fn is_ready(web: &Web, parts: &Parts, model: &str, version: Option<&str>) -> Result<Value> {
    let cx = cx(web, parts).await?;
    let endpoint = call(web, cx, Verb::Get, model, CallBody::Empty).await?;
    same_version(version, &endpoint)?;
    if endpoint["status"]["phase"] == "Ready" {
        return Ok(json!({"name": model, "ready": true}));
    }
    Err(Error::unavailable("endpoint-not-ready", format!("endpoint `{model}` does not answer yet"))
        .retry_after(1))
}

async fn inferred(web: &Web, model: &str, version: Option<&str>, request: Request) -> Response<Body> {
    let began = Instant::now();
    let result = infer_now(web, model, version, request).await;
    let response = match result {
        Ok(value) => respond(StatusCode::OK, &value),
        Err(error) => problem(&error),
    };
    count(web, "POST", response.status().as_u16(), began.elapsed().as_secs_f64());
    response
}

async fn infer_now(web: &Web, model: &str, version: Option<&str>, request: Request) -> Result<Value> {
    let (parts, http_body) = request.into_parts();
    let cx = cx(web, &parts).await?;
    if version.is_some() {
        let endpoint = call(web, cx.clone(), Verb::Get, model, CallBody::Empty).await?;
        same_version(version, &endpoint)?;
    }
    let json = body::json(http_body, web.settings.body_max).await?;
    let json =
        json.ok_or_else(|| Error::bad_request("body-missing", "send an inference request as the body"))?;
    call(web, cx, Verb::Act("infer".to_owned()), model, CallBody::Json(json)).await
}

fn answer(web: &Web, method: &str, result: Result<Value>) -> Response<Body> {
    let response = match result {
        Ok(value) => respond(StatusCode::OK, &value),
        Err(error) => problem(&error),
    };
    count(web, method, response.status().as_u16(), 0.0);
    response
}

fn count(web: &Web, method: &str, status: u16, seconds: f64) {
    let (target, method) = (ENDPOINTS.to_owned(), method.to_owned());
    web.metrics.count(Labels { face: "inference", target, method, status }, seconds);
}

fn respond(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The protocol's error object, with the platform's code and field beside it.
fn problem(error: &Error) -> Response<Body> {
    face_web::problem::note(error, "");
    let mut told = json!({"error": error.message(), "code": error.code()});
    if let Some(field) = error.field() {
        told["field"] = field.into();
    }
    let status = StatusCode::from_u16(error.status().code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = respond(status, &told);
    if let Some(seconds) = error.wait_s() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
