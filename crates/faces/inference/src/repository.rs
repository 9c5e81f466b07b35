//! The model repository extension: endpoints are the models, loading puts one into service, unloading takes it out.

use std::time::{Duration, Instant};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{Response, StatusCode},
};
use base::{Error, Result};
use face_web::{Web, body};
use kernel::{cx::Cx, declare::Body as CallBody, dispatch::Verb};
use serde_json::{Value, json};

use crate::{call, cx, finished, models::listed, respond};

/// How long is waited for a model that is loaded.
const PATIENCE: Duration = Duration::from_secs(50);
/// How often is looked meanwhile.
const EVERY: Duration = Duration::from_millis(20);

pub async fn index(web: State<Web>, request: Request) -> Response<Body> {
    let began = Instant::now();
    let told = async {
        let (parts, sent) = request.into_parts();
        let cx = cx(&web, &parts.headers, &parts.extensions).await?;
        let ask = body::json(sent, web.settings.body_max).await?.unwrap_or_default();
        Ok(Value::Array(indexed(&cx, ask["ready"] == true).await?))
    };
    finished(&web, "POST", began, told.await.map(|told| respond(StatusCode::OK, &told)))
}

/// Every endpoint and whether it answers.
pub async fn indexed(cx: &Cx, only_ready: bool) -> Result<Vec<Value>> {
    let one = |endpoint: Value| {
        let version = endpoint["status"]["serving"].as_str().and_then(|it| it.rsplit('.').next());
        let ready = endpoint["status"]["phase"] == "Ready" && endpoint["spec"]["desired"] == "Serving";
        let reason = match (ready, endpoint["spec"]["desired"].as_str()) {
            (true, _) => "",
            (false, Some("Serving")) => endpoint["status"]["message"].as_str().unwrap_or("being loaded"),
            (false, _) => "unloaded",
        };
        let state = if ready { "READY" } else { "UNAVAILABLE" };
        json!({"name": endpoint["metadata"]["name"], "version": version.unwrap_or(""), "state": state, "reason": reason})
    };
    let all = listed(cx).await?.into_iter().map(one);
    Ok(all.filter(|it| !only_ready || it["state"] == "READY").collect())
}

pub async fn load(web: State<Web>, Path(model): Path<String>, request: Request) -> Response<Body> {
    let began = Instant::now();
    let done = async {
        let (parts, _) = request.into_parts();
        loaded(&cx(&web, &parts.headers, &parts.extensions).await?, &model).await
    };
    finished(&web, "POST", began, done.await.map(|()| respond(StatusCode::OK, &json!({}))))
}

/// Puts an endpoint into service, and waits until it answers.
pub async fn loaded(cx: &Cx, model: &str) -> Result<()> {
    call(cx.clone(), Verb::Act("deploy".to_owned()), Some(model), CallBody::Empty).await?;
    let until = Instant::now() + PATIENCE;
    loop {
        let endpoint = call(cx.clone(), Verb::Get, Some(model), CallBody::Empty).await?;
        let status = &endpoint["status"];
        let settled = status["observedGeneration"] == endpoint["metadata"]["generation"];
        match (status["phase"].as_str(), status["message"].as_str()) {
            (Some("Ready"), None) if settled => return Ok(()),
            (Some("Ready" | "Failed"), Some(why)) if settled => {
                return Err(Error::conflict("revision-not-ready", format!("it cannot be loaded: {why}")));
            }
            _ if Instant::now() > until => {
                return Err(
                    Error::unavailable("endpoint-not-ready", "it is still being loaded").retry_after(5)
                );
            }
            _ => tokio::time::sleep(EVERY).await,
        }
    }
}

pub async fn unload(web: State<Web>, Path(model): Path<String>, request: Request) -> Response<Body> {
    let began = Instant::now();
    let done = async {
        let (parts, _) = request.into_parts();
        unloaded(&cx(&web, &parts.headers, &parts.extensions).await?, &model).await
    };
    finished(&web, "POST", began, done.await.map(|()| respond(StatusCode::OK, &json!({}))))
}

/// Takes an endpoint out of service.
pub async fn unloaded(cx: &Cx, model: &str) -> Result<()> {
    call(cx.clone(), Verb::Act("undeploy".to_owned()), Some(model), CallBody::Empty).await.map(|_| ())
}
