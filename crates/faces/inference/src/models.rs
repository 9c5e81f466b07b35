//! What models there are, whether they answer, what they take and give, and how often they were asked.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{Response, StatusCode, request::Parts},
};
use base::{Error, Result};
use face_web::Web;
use kernel::{cx::Cx, declare::Body as CallBody, dispatch::Verb};
use serde_json::{Value, json};

use crate::{EXTENSIONS, call, cx, finished, problem, respond};

pub async fn server() -> Response<Body> {
    respond(StatusCode::OK, &server_metadata())
}

/// What the server says of itself.
pub fn server_metadata() -> Value {
    json!({"name": "aic", "version": env!("CARGO_PKG_VERSION"), "extensions": EXTENSIONS})
}

pub async fn live() -> Response<Body> {
    respond(StatusCode::OK, &json!({"live": true}))
}

pub async fn server_ready(State(web): State<Web>) -> Response<Body> {
    match web.platform.store.ping().await {
        Ok(()) => respond(StatusCode::OK, &json!({"ready": true})),
        Err(error) => problem(&error),
    }
}

/// What is asked of one model.
#[derive(Clone, Copy)]
enum About {
    Metadata,
    Readiness,
    Config,
    Statistics,
}

async fn about(web: &Web, parts: &Parts, model: (&str, Option<&str>), about: About) -> Response<Body> {
    let began = Instant::now();
    let told = async {
        let cx = cx(web, &parts.headers, &parts.extensions).await?;
        match about {
            About::Metadata => metadata_of(&cx, model).await,
            About::Readiness => ready_of(&cx, model).await,
            About::Config => config_of(&cx, model).await,
            About::Statistics => statistics_of(&cx, model).await,
        }
    };
    finished(web, "GET", began, told.await.map(|told| respond(StatusCode::OK, &told)))
}

type OfModel = Path<String>;
type OfVersion = Path<(String, String)>;

pub async fn metadata(web: State<Web>, Path(model): OfModel, parts: Parts) -> Response<Body> {
    about(&web, &parts, (&model, None), About::Metadata).await
}

pub async fn metadata_of_version(
    web: State<Web>,
    Path((model, version)): OfVersion,
    parts: Parts,
) -> Response<Body> {
    about(&web, &parts, (&model, Some(&version)), About::Metadata).await
}

pub async fn ready(web: State<Web>, Path(model): OfModel, parts: Parts) -> Response<Body> {
    about(&web, &parts, (&model, None), About::Readiness).await
}

pub async fn ready_of_version(
    web: State<Web>,
    Path((model, version)): OfVersion,
    parts: Parts,
) -> Response<Body> {
    about(&web, &parts, (&model, Some(&version)), About::Readiness).await
}

pub async fn config(web: State<Web>, Path(model): OfModel, parts: Parts) -> Response<Body> {
    about(&web, &parts, (&model, None), About::Config).await
}

pub async fn config_of_version(
    web: State<Web>,
    Path((model, version)): OfVersion,
    parts: Parts,
) -> Response<Body> {
    about(&web, &parts, (&model, Some(&version)), About::Config).await
}

pub async fn statistics(web: State<Web>, Path(model): OfModel, parts: Parts) -> Response<Body> {
    about(&web, &parts, (&model, None), About::Statistics).await
}

pub async fn statistics_of_version(
    web: State<Web>,
    Path((model, version)): OfVersion,
    parts: Parts,
) -> Response<Body> {
    about(&web, &parts, (&model, Some(&version)), About::Statistics).await
}

pub async fn statistics_of_all(web: State<Web>, parts: Parts) -> Response<Body> {
    let began = Instant::now();
    let told = async {
        let cx = cx(&web, &parts.headers, &parts.extensions).await?;
        statistics_everywhere(&cx).await
    };
    finished(&web, "GET", began, told.await.map(|told| respond(StatusCode::OK, &told)))
}

/// An endpoint answers with one version by default; one that gets requests may be named.
async fn endpoint(cx: &Cx, (model, version): (&str, Option<&str>)) -> Result<(Value, Vec<String>)> {
    let endpoint = call(cx.clone(), Verb::Get, Some(model), CallBody::Empty).await?;
    let mut versions = Vec::new();
    let number = |version: &Value| version.as_str().and_then(|it| it.rsplit('.').next()).map(str::to_owned);
    versions
        .extend(number(&endpoint["status"]["serving"]).or_else(|| number(&endpoint["spec"]["modelVersion"])));
    let shares = endpoint["spec"]["routing"]["traffic"].as_array().is_some_and(|traffic| !traffic.is_empty());
    if shares || endpoint["spec"]["routing"]["rules"].is_array() {
        for item in revisions(cx, model).await? {
            if item["percent"].as_f64().unwrap_or(0.0) > 0.0 {
                versions.extend(number(&item["version"]));
            }
        }
        versions.sort();
        versions.dedup();
    }
    match version {
        Some(wanted) if !versions.iter().any(|version| version == wanted) => {
            let shown: String = wanted.chars().take(20).collect();
            let has = versions.join(", ");
            Err(Error::not_found("not-found", format!("the endpoint serves version {has}, not {shown}")))
        }
        Some(wanted) => Ok((endpoint, vec![wanted.to_owned()])),
        None => Ok((endpoint, versions)),
    }
}

async fn revisions(cx: &Cx, model: &str) -> Result<Vec<Value>> {
    let traffic = call(cx.clone(), Verb::View("traffic".to_owned()), Some(model), CallBody::Empty).await?;
    Ok(traffic["items"].as_array().cloned().unwrap_or_default())
}

async fn schema(cx: &Cx, model: &str) -> Result<Value> {
    call(cx.clone(), Verb::View("schema".to_owned()), Some(model), CallBody::Empty).await
}

/// Metadata as the protocol lists it.
pub async fn metadata_of(cx: &Cx, model: (&str, Option<&str>)) -> Result<Value> {
    let (_, versions) = endpoint(cx, model).await?;
    let schema = schema(cx, model.0).await?;
    let slots = |name: &str| {
        let slots = schema[name].as_array().cloned().unwrap_or_default();
        slots
            .iter()
            .map(|slot| json!({"name": slot["name"], "datatype": slot["datatype"], "shape": slot["shape"]}))
            .collect::<Vec<_>>()
    };
    Ok(json!({
        "name": model.0,
        "versions": versions,
        "platform": "onnx",
        "inputs": slots("inputs"),
        "outputs": slots("outputs"),
    }))
}

/// Readiness: an answer, or why not.
pub async fn ready_of(cx: &Cx, model: (&str, Option<&str>)) -> Result<Value> {
    let (endpoint, _) = endpoint(cx, model).await?;
    if endpoint["status"]["phase"] == "Ready" && endpoint["spec"]["desired"] == "Serving" {
        return Ok(json!({"name": model.0, "ready": true}));
    }
    Err(Error::unavailable("endpoint-not-ready", format!("endpoint `{}` does not answer", model.0))
        .retry_after(1))
}

/// What the extension "model configuration" tells, as far as it is true of an endpoint.
async fn config_of(cx: &Cx, model: (&str, Option<&str>)) -> Result<Value> {
    let (endpoint, _) = endpoint(cx, model).await?;
    let schema = schema(cx, model.0).await?;
    let slots = |name: &str| {
        let slots = schema[name].as_array().cloned().unwrap_or_default();
        let kind = |datatype: &Value| match datatype.as_str().unwrap_or_default() {
            "BYTES" => "TYPE_STRING".to_owned(),
            other => format!("TYPE_{other}"),
        };
        slots
            .iter()
            .map(|slot| {
                let dims = slot["shape"].as_array().map(|shape| shape[1.min(shape.len())..].to_vec());
                json!({"name": slot["name"], "data_type": kind(&slot["datatype"]), "dims": dims})
            })
            .collect::<Vec<_>>()
    };
    Ok(json!({
        "name": model.0,
        "platform": "onnx",
        "backend": "aic",
        "max_batch_size": endpoint["spec"]["rowsMax"],
        "input": slots("inputs"),
        "output": slots("outputs"),
    }))
}

/// Statistics of a model's revisions in the last 30 days, as the extension counts them.
pub async fn statistics_of(cx: &Cx, model: (&str, Option<&str>)) -> Result<Value> {
    let (_, versions) = endpoint(cx, model).await?;
    let mut stats = Vec::new();
    for version in &versions {
        let mut sums = [0.0; 4];
        for item in revisions(cx, model.0).await? {
            if item["version"].as_str().and_then(|it| it.rsplit('.').next()) == Some(version) {
                for (sum, name) in sums.iter_mut().zip(["rows", "answered", "failed", "seconds"]) {
                    *sum += item[name].as_f64().unwrap_or(0.0);
                }
            }
        }
        let [rows, answered, failed, seconds] = sums;
        let nanoseconds = (seconds * 1e9) as u64;
        let none = json!({"count": 0, "ns": 0});
        stats.push(json!({
            "name": model.0,
            "version": version,
            "last_inference": 0,
            "inference_count": rows as u64,
            "execution_count": answered as u64,
            "inference_stats": {
                "success": {"count": answered as u64, "ns": nanoseconds},
                "fail": {"count": failed as u64, "ns": 0},
                "queue": none, "compute_input": none,
                "compute_infer": {"count": answered as u64, "ns": nanoseconds},
                "compute_output": none, "cache_hit": none, "cache_miss": none,
            },
            "batch_stats": [],
        }));
    }
    Ok(json!({"model_stats": stats}))
}

/// The same of all endpoints of the project.
pub async fn statistics_everywhere(cx: &Cx) -> Result<Value> {
    let mut all = Vec::new();
    for endpoint in listed(cx).await? {
        if let Some(name) = endpoint["metadata"]["name"].as_str() {
            let told = statistics_of(cx, (name, None)).await?;
            all.extend(told["model_stats"].as_array().cloned().unwrap_or_default());
        }
    }
    Ok(json!({"model_stats": all}))
}

/// The endpoints of the project.
pub async fn listed(cx: &Cx) -> Result<Vec<Value>> {
    let told = call(cx.clone(), Verb::List, None, CallBody::Empty).await?;
    Ok(told["items"].as_array().cloned().unwrap_or_default())
}
