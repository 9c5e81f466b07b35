//! What clients of inference servers speak: the Open Inference Protocol v2 over REST and gRPC, KServe's v1, MLflow's
//! invocations. Every endpoint of a project is a model of the protocols.
//!
//! The project comes from `X-AIC-Project` and is `default` otherwise. Errors are the protocol's `{"error": …}`, with the
//! platform's code beside it.

use std::{collections::BTreeMap, time::Instant};

use axum::{
    Router,
    body::Body,
    http::{Extensions, HeaderMap, HeaderValue, Response, StatusCode, header},
    routing::{get, post},
};
use base::{Error, Result};
use domain_serving::{Answered, Ask, Flow, Inputs, Manner};
use face_web::{Web, caller, metrics::Labels, origin};
use kernel::{
    cx::Cx,
    declare::Body as CallBody,
    dispatch::{self, Answer, Call, Verb},
};
use serde_json::{Map, Value, json};

mod generate;
mod grpc;
mod infer;
mod models;
mod plain;
mod repository;

/// The kind an address of the protocols names.
const ENDPOINTS: &str = "catalog.endpoints";

/// The extensions of the Open Inference Protocol that are served, by the names clients look for.
const EXTENSIONS: [&str; 5] =
    ["binary_tensor_data", "generate", "model_repository", "model_configuration", "statistics"];

/// The face's routes.
pub fn router(web: Web) -> Router {
    Router::new()
        .route("/v2", get(models::server))
        .route("/v2/health/live", get(models::live))
        .route("/v2/health/ready", get(models::server_ready))
        .route("/v2/models/stats", get(models::statistics_of_all))
        .route("/v2/models/{model}", get(models::metadata))
        .route("/v2/models/{model}/ready", get(models::ready))
        .route("/v2/models/{model}/config", get(models::config))
        .route("/v2/models/{model}/stats", get(models::statistics))
        .route("/v2/models/{model}/infer", post(infer::infer))
        .route("/v2/models/{model}/generate", post(generate::whole))
        .route("/v2/models/{model}/generate_stream", post(generate::in_parts))
        .route("/v2/models/{model}/versions/{version}/generate", post(generate::whole_of_version))
        .route("/v2/models/{model}/versions/{version}/generate_stream", post(generate::in_parts_of_version))
        .route("/v2/models/{model}/versions/{version}", get(models::metadata_of_version))
        .route("/v2/models/{model}/versions/{version}/ready", get(models::ready_of_version))
        .route("/v2/models/{model}/versions/{version}/config", get(models::config_of_version))
        .route("/v2/models/{model}/versions/{version}/stats", get(models::statistics_of_version))
        .route("/v2/models/{model}/versions/{version}/infer", post(infer::infer_of_version))
        .route("/v2/repository/index", post(repository::index))
        .route("/v2/repository/models/{model}/load", post(repository::load))
        .route("/v2/repository/models/{model}/unload", post(repository::unload))
        .route("/v1/models/{model}", get(plain::ready).post(plain::predict))
        .route("/endpoints/{model}/invocations", post(plain::invocations))
        .route("/gateway/{model}/invocations", post(plain::invocations))
        .route("/serving-endpoints/{model}/invocations", post(plain::invocations))
        .route("/inference.GRPCInferenceService/{method}", post(grpc::serve))
        .with_state(web)
}

/// Who calls, for which project, until when.
async fn cx(web: &Web, headers: &HeaderMap, extensions: &Extensions) -> Result<Cx> {
    let principal = caller::principal(web, headers).await?.ok_or_else(caller::anonymous)?;
    web.rates.take(&format!("{}/{}", principal.org, principal.actor()), true)?;
    let project = headers.get("x-aic-project").and_then(|value| value.to_str().ok()).unwrap_or("default");
    let mut cx = web.platform.cx(principal, project);
    cx.trace = caller::trace(headers);
    cx.origin = origin::origin(extensions);
    cx.deadline = Some(cx.now().plus_s(web.settings.deadline_s));
    Ok(cx)
}

/// What a request asks of an endpoint, whatever it came in.
struct Wanted<'a> {
    model: &'a str,
    version: Option<&'a str>,
    inputs: Inputs,
    outputs: &'a [String],
    parameters: &'a Map<String, Value>,
    headers: &'a HeaderMap,
}

/// What a request carries under a name: a parameter goes before a header of the same name.
fn carried(parameters: &Map<String, Value>, headers: &HeaderMap, name: &str) -> Option<String> {
    match parameters.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
        _ => headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned),
    }
}

/// Asks the endpoint.
async fn asked(cx: &Cx, wanted: Wanted<'_>) -> Result<Answered> {
    let carried = |name: &str| carried(wanted.parameters, wanted.headers, name);
    let ask =
        Ask { inputs: wanted.inputs, outputs: wanted.outputs, carried: &carried, version: wanted.version };
    domain_serving::answer(cx, wanted.model, ask).await
}

/// Asks the endpoint for an answer that comes in parts.
async fn flowing(cx: &Cx, wanted: Wanted<'_>, manner: Manner) -> Result<Flow> {
    let carried = |name: &str| carried(wanted.parameters, wanted.headers, name);
    let ask =
        Ask { inputs: wanted.inputs, outputs: wanted.outputs, carried: &carried, version: wanted.version };
    domain_serving::flow(cx, wanted.model, ask, manner).await
}

/// An operation on endpoints, asked as every face asks.
async fn call(cx: Cx, verb: Verb, model: Option<&str>, body: CallBody) -> Result<Value> {
    let call = Call {
        kind: cx.platform().kind(ENDPOINTS)?,
        verb,
        id: model.map(str::to_owned),
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

/// Counts an answer.
fn count(web: &Web, method: &str, status: u16, began: Instant) {
    let (target, method) = (ENDPOINTS.to_owned(), method.to_owned());
    web.metrics.count(Labels { face: "inference", target, method, status }, began.elapsed().as_secs_f64());
}

/// The answer to a request, counted.
fn finished(web: &Web, method: &str, began: Instant, result: Result<Response<Body>>) -> Response<Body> {
    let response = result.unwrap_or_else(|error| problem(&error));
    count(web, method, response.status().as_u16(), began);
    response
}

fn respond(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer with what its prediction is called in the request log, where it is kept there.
fn named(mut response: Response<Body>, prediction: Option<&str>) -> Response<Body> {
    if let Some(value) = prediction.and_then(|it| HeaderValue::from_str(it).ok()) {
        response.headers_mut().insert("x-prediction-id", value);
    }
    response
}

/// The protocol's error object, with the platform's code and field beside it; what only the log may know goes there.
fn problem_json(error: &Error) -> Value {
    face_web::problem::note(error, "");
    let mut told = json!({"error": error.message(), "code": error.code()});
    if let Some(field) = error.field() {
        told["field"] = field.into();
    }
    told
}

/// The same as a response.
fn problem(error: &Error) -> Response<Body> {
    let told = problem_json(error);
    let status = StatusCode::from_u16(error.status().code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = respond(status, &told);
    if let Some(seconds) = error.wait_s() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
