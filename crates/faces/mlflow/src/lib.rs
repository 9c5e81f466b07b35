//! MLflow's HTTP API, for its clients as they are: experiments, runs, artifacts and the model registry.
//!
//! Experiments, runs, models and versions are objects of the service `catalog`; whoever asks needs the permissions for
//! those, in the project that `X-MLFLOW-WORKSPACE` names. What a client calls a name is an object's title.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts},
    middleware::Next,
    routing::{any, get, post},
};
use face_web::{Web, body, caller, origin};
use kernel::cx::Cx;
use serde_json::{Value, json};

mod aliases;
mod artifacts;
mod ask;
mod checks;
mod datasets;
mod experiments;
mod fault;
mod grammar;
mod history;
mod log;
mod logged;
mod matching;
mod models;
mod objects;
mod otlp;
mod proxy;
mod runs;
mod scorers;
mod search;
mod server;
mod shown;
mod source;
mod title;
mod traces;
mod tree;
mod uploads;
mod versions;
mod walk;
mod webhooks;

use ask::Ask;
use fault::{Fault, Result};

/// The release of MLflow whose API this is: clients ask for it to know what they may use.
pub const RELEASE: &str = "3.17.2";

/// The most bytes of a request that is no file.
const BODY_MAX: usize = 32 << 20;

/// What all requests share.
#[derive(Clone)]
struct Shared {
    web: Web,
}

/// The face's routes. Each is served under `/api` and, for MLflow's own pages, under `/ajax-api`.
pub fn router(web: Web) -> Router {
    let shared = Shared { web };
    let mut router = Router::new().route("/health", any(|| async { "OK" }));
    for start in ["/api", "/ajax-api"] {
        router = router
            .route(&format!("{start}/2.0/mlflow-artifacts/{{*path}}"), any(proxy::answer))
            .route(&format!("{start}/2.0/mlflow/{{*path}}"), any(answer))
            .route(&format!("{start}/3.0/mlflow/{{*path}}"), any(answer));
    }
    // What only MLflow's own pages ask for, and those who ask as they do.
    router = router
        .route("/ajax-api/2.0/mlflow/upload-artifact", post(artifacts::put))
        .route("/ajax-api/2.0/mlflow/get-trace-artifact", get(artifacts::of_trace))
        .route("/ajax-api/2.0/mlflow/logged-models/{id}/artifacts/files", get(artifacts::of_model));
    router
        .route("/v1/traces", post(traces::export))
        .route("/get-artifact", any(artifacts::of_run))
        .route("/model-versions/get-artifact", any(artifacts::of_version))
        .with_state(shared)
}

/// Answers MLflow's clients which release this is: at the address where Kubernetes' clients ask for theirs.
pub async fn version(request: Request, next: Next) -> Response<Body> {
    let is_client = |request: &Request| {
        let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        agent.is_some_and(|agent| agent.starts_with("mlflow-"))
    };
    if request.uri().path() == "/version" && is_client(&request) {
        return Response::new(Body::from(RELEASE));
    }
    next.run(request).await
}

/// One request, read.
struct Asked {
    cx: Cx,
    method: String,
    /// The version of the API: 2 or 3.
    version: u8,
    /// What stands behind `mlflow/`, in parts.
    path: Vec<String>,
    ask: Ask,
    headers: HeaderMap,
}

impl Asked {
    /// The method and the path's parts, to match by.
    fn way(&self) -> (&str, Vec<&str>) {
        (&self.method, self.path.iter().map(String::as_str).collect())
    }
}

/// The context of a request: who asks, in which project.
async fn cx(web: &Web, parts: &Parts) -> Result<Cx> {
    let principal = caller::principal(web, &parts.headers).await?.ok_or_else(caller::anonymous)?;
    web.rates.take(&format!("{}/{}", principal.org, principal.actor()), true)?;
    let workspace = parts.headers.get("x-mlflow-workspace").and_then(|value| value.to_str().ok());
    let project = workspace.map(str::trim).filter(|it| !it.is_empty() && *it != "-").unwrap_or("default");
    let mut cx = web.platform.cx(principal, project);
    cx.trace = caller::trace(&parts.headers);
    cx.origin = origin::origin(&parts.extensions);
    cx.deadline = Some(cx.now().plus_s(web.settings.deadline_s));
    Ok(cx)
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response<Body> {
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    let is_one_step =
        request.method() == "GET" || last.starts_with("log-") || matches!(last, "set-tag" | "search");
    if is_one_step {
        return told(read(shared, request).await);
    }
    // What takes several steps is brought to its end, though whoever asked may have gone: half a run would be left behind.
    match tokio::spawn(read(shared, request)).await {
        Ok(done) => told(done),
        Err(error) => written(Err(base::Error::internal(error).into())),
    }
}

/// The JSON of an answer: as a value, or, where there is much of it, as a text.
enum Told {
    Value(Value),
    Text(String),
}

fn told(done: Result<Told>) -> Response<Body> {
    match done {
        Ok(Told::Text(text)) => {
            let mut response = Response::new(Body::from(text));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Ok(Told::Value(value)) => written(Ok(value)),
        Err(fault) => written(Err(fault)),
    }
}

/// Reads a request and answers it.
async fn read(shared: Shared, request: Request) -> Result<Told> {
    let (parts, http_body) = request.into_parts();
    let cx = cx(&shared.web, &parts).await?;
    let path = parts.uri.path();
    let version = if path.contains("/3.0/mlflow/") { 3 } else { 2 };
    let rest = path.split_once("/mlflow/").map_or("", |(_, rest)| rest);
    let path = rest.trim_end_matches('/').split('/').map(decoded).collect::<Result<Vec<String>>>()?;
    let query = parts.uri.query().unwrap_or_default();
    let ask = if parts.method == "GET" && !query.is_empty() {
        Ask::of_query(query)?
    } else {
        Ask::of_body(&body::bytes(http_body, BODY_MAX).await?)?
    };
    let asked =
        Asked { cx, method: parts.method.as_str().to_owned(), version, path, ask, headers: parts.headers };
    if matches!(asked.way(), ("POST", path) if path == ["runs", "search"]) {
        return Box::pin(search::runs(&asked.cx, &asked.ask)).await.map(Told::Text);
    }
    let found = match asked.path[0].as_str() {
        "experiments" => Box::pin(experiments::answer(&asked)).await?,
        "registered-models" => Box::pin(models::answer(&asked)).await?,
        "model-versions" => Box::pin(versions::answer(&asked)).await?,
        "runs" => Box::pin(runs::answer(&asked)).await?,
        "metrics" => Box::pin(history::answer(&asked)).await?,
        "logged-models" => Box::pin(logged::answer(&asked)).await?,
        "datasets" => Box::pin(datasets::answer(&asked)).await?,
        "scorers" => Box::pin(scorers::answer(&asked)).await?,
        "webhooks" => Box::pin(webhooks::answer(&asked)).await?,
        "traces" => Box::pin(traces::answer(&asked)).await?,
        "server-info" | "workspaces" => Box::pin(server::answer(&asked)).await?,
        "artifacts" => Box::pin(artifacts::answer(&asked)).await?,
        _ => None,
    };
    found.map(Told::Value).ok_or_else(|| Fault::no_route(&asked.method, rest))
}

fn decoded(segment: &str) -> Result<String> {
    let text = percent_encoding::percent_decode_str(segment).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| Fault::invalid("the path is not UTF-8"))
}

/// An answer as HTTP has it.
fn written(done: Result<Value>) -> Response<Body> {
    let (status, body, retry_s) = match done {
        Ok(value) => (200, value, None),
        Err(fault) => (fault.status, fault.shown(), fault.retry_s),
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"aic\", Bearer"));
    }
    if let Some(seconds) = retry_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The answer of what has nothing to say.
fn nothing() -> Value {
    json!({})
}
