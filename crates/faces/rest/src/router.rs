//! The face as one service: who calls, what is asked, how it is answered, and what is counted.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Path, State, ws::WebSocketUpgrade},
    http::{HeaderValue, Request, Response},
    routing::{any, get},
};
use base::{Error, Result};
use bytes::Bytes;
use face_web::{Web, caller, limits::Left, metrics::Labels, origin, problem};
use kernel::{
    dispatch::{self, Answer},
    platform::Platform,
};
use tokio::sync::OnceCell;

use crate::{answer, docs, kinds, openapi, request, route::Routes, stream};

#[derive(Clone)]
struct Face {
    web: Web,
    routes: Arc<Routes>,
}

/// The face's routes.
pub fn router(web: Web) -> Router {
    let routes = Arc::new(Routes::new(&web.platform));
    let document = |version| {
        let make = move |platform: &Platform| {
            serde_json::to_string(&openapi::Document { platform, version }).map_err(Error::internal)
        };
        Document::new(&web, "application/json", make)
    };
    let (newest, older) = (document(openapi::Version::V31), document(openapi::Version::V30));
    let page = Document::new(&web, "text/html; charset=utf-8", |platform| Ok(docs::page(platform)));
    let face = Face { web, routes };
    Router::new()
        .route("/openapi.json", get(move || newest.clone().answered()))
        .route("/openapi-3.0.json", get(move || older.clone().answered()))
        .route("/docs", get(move || page.clone().answered()))
        .route("/api/v1/kinds", get(list_kinds))
        .route("/api/v1/kinds/{service}/{plural}", get(get_kind))
        .route("/api/v1/{*path}", any(serve))
        .with_state(face)
}

/// What makes a document.
type Make = Arc<dyn Fn(&Platform) -> Result<String> + Send + Sync>;

/// A document about the platform, made when somebody first asks for it: most servers are never asked.
#[derive(Clone)]
struct Document {
    platform: Arc<Platform>,
    media: &'static str,
    make: Make,
    text: Arc<OnceCell<Bytes>>,
}

impl Document {
    fn new(
        web: &Web,
        media: &'static str,
        make: impl Fn(&Platform) -> Result<String> + Send + Sync + 'static,
    ) -> Self {
        let platform = Arc::clone(&web.platform);
        Self { platform, media, make: Arc::new(make), text: Arc::default() }
    }

    async fn answered(self) -> Response<Body> {
        let making = || async {
            let (platform, make) = (Arc::clone(&self.platform), Arc::clone(&self.make));
            let made = tokio::task::spawn_blocking(move || make(&platform)).await;
            made.map_err(Error::internal)?.map(Bytes::from)
        };
        match self.text.get_or_try_init(making).await {
            Ok(text) => {
                let mut response = Response::new(Body::from(text.clone()));
                response.headers_mut().insert("content-type", HeaderValue::from_static(self.media));
                response
            }
            Err(error) => problem::response(&error, ""),
        }
    }
}

/// `GET /api/v1/kinds`; with `?project=` each tells what the caller may do there.
async fn list_kinds(State(face): State<Face>, request: Request<Body>) -> Response<Body> {
    described(&face, request, None).await
}

/// `GET /api/v1/kinds/{service}/{plural}?project=&object=`
async fn get_kind(
    State(face): State<Face>,
    Path((service, plural)): Path<(String, String)>,
    request: Request<Body>,
) -> Response<Body> {
    described(&face, request, Some(format!("{service}.{plural}"))).await
}

async fn described(face: &Face, request: Request<Body>, kind: Option<String>) -> Response<Body> {
    let web = &face.web;
    // A body is not asked for, and must not be held while others wait.
    let (head, _) = request.into_parts();
    let id = caller::request_id(web, &head.headers);
    let told = async {
        let principal = caller::principal(web, &head.headers).await?.ok_or_else(caller::anonymous)?;
        let params = request::params(head.uri.query().unwrap_or_default())?;
        let param = |name: &str| params.get(name).map_or("", String::as_str);
        let mut cx = web.platform.cx(principal, param("project"));
        cx.origin = origin::origin(&head.extensions);
        match kind {
            Some(kind) => kinds::one_for(&cx, &kind, param("object")).await,
            None if params.contains_key("project") => kinds::all_for(&cx).await,
            None => Ok(kinds::all(&web.platform)),
        }
    };
    match told.await {
        Ok(value) => answer::json(axum::http::StatusCode::OK, &value),
        Err(error) => problem::response(&error, &id),
    }
}

async fn serve(State(face): State<Face>, request: Request<Body>) -> Response<Body> {
    handle_with(&face, request).await
}

/// Answers one request without a server: how transcripts run inside a test.
pub async fn handle(web: &Web, request: Request<Body>) -> Response<Body> {
    let face = Face { web: web.clone(), routes: Arc::new(Routes::new(&web.platform)) };
    handle_with(&face, request).await
}

async fn handle_with(face: &Face, request: Request<Body>) -> Response<Body> {
    let began = Instant::now();
    let id = caller::request_id(&face.web, request.headers());
    let method = request.method().to_string();
    let mut target = "unknown".to_owned();
    let (left, answered) = answered(face, request, &mut target).await;
    let mut response = answered.unwrap_or_else(|error| problem::response(&error, &id));
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    if let Some(left) = left {
        headers.insert("x-ratelimit-limit", HeaderValue::from(left.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(left.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(left.reset_s));
    }
    let status = response.status().as_u16();
    let labels = Labels { face: "rest", target, method, status };
    face.web.metrics.count(labels, began.elapsed().as_secs_f64());
    response
}

async fn answered(
    face: &Face,
    request: Request<Body>,
    target: &mut String,
) -> (Option<Left>, Result<Response<Body>>) {
    let web = &face.web;
    let principal = match caller::principal(web, request.headers()).await {
        Ok(principal) => principal,
        Err(error) => return (None, Err(error)),
    };
    let caller = match &principal {
        Some(principal) => format!("{}/{}", principal.org, principal.actor()),
        None => origin::origin(request.extensions()).map_or_else(String::new, |it| it.to_string()),
    };
    let left = match web.rates.take(&caller, principal.is_some()) {
        Ok(left) => left,
        Err(error) => return (None, Err(error)),
    };
    (Some(left), respond(face, request, principal, target).await)
}

async fn respond(
    face: &Face,
    request: Request<Body>,
    principal: Option<Arc<kernel::access::Principal>>,
    target: &mut String,
) -> Result<Response<Body>> {
    let web = &face.web;
    let headers = request.headers().clone();
    let (mut parts, body) = request.into_parts();
    let reads = matches!(parts.method.as_str(), "GET" | "HEAD");
    let socket = if headers.contains_key("sec-websocket-key") {
        WebSocketUpgrade::from_request_parts(&mut parts, &()).await.ok()
    } else {
        None
    };
    let asked = request::read(web, &face.routes, Request::from_parts(parts, body), principal).await?;
    target.clone_from(&asked.call.kind.id());
    let limit = web.settings.deadline_s.max(1) as u64;
    let call = dispatch::call(asked.cx, asked.call);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(limit), call).await;
    let answer = answer.map_err(|_| {
        Error::new(base::Status::Timeout, "deadline-exceeded", "the request took longer than allowed")
    })??;
    Ok(match answer {
        Answer::Watch(subscription) => {
            let metrics = Arc::clone(&web.metrics);
            match socket {
                Some(upgrade) => {
                    upgrade.on_upgrade(move |socket| stream::over_socket(socket, *subscription, metrics))
                }
                None => stream::response(*subscription, &headers, &metrics),
            }
        }
        other if reads => answer::unless_known(answer::response(other), &headers),
        other => answer::response(other),
    })
}
