//! The files of a run and of a version, for whoever knows those and not the place.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, header, request::Parts},
};
use face_web::body;
use kernel::cx::Cx;
use serde_json::{Value, json};

use crate::{
    Asked, Shared,
    ask::Ask,
    checks,
    fault::{Fault, Result},
    logged, models, nothing,
    objects::{self, RUNS, VERSIONS},
    proxy, runs, source, traces,
    tree::{self, File, Found, Path},
    uploads, versions, written,
};

/// The most bytes of a file that a page puts.
const UPLOAD_MAX: usize = 10 << 20;

/// Answers what is asked of the files of a run.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    match (method, path.as_slice()) {
        ("GET", ["artifacts", "list"]) => list(cx, ask).await.map(Some),
        ("POST", ["artifacts", "presigned-upload-url"]) => {
            uploads::of_run(cx, &asked.headers, ask, true).await.map(Some)
        }
        ("POST", ["artifacts", "presigned-download-url"]) => {
            uploads::of_run(cx, &asked.headers, ask, false).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// The place of a run's files, if it is here.
async fn root(cx: &Cx, run: &str) -> Result<(String, Path)> {
    let it = objects::whole(cx, RUNS, run).await?;
    objects::may(cx, RUNS, "get", it.as_ref().map_or(run, |it| &it.metadata.name)).await?;
    let it = it.ok_or_else(|| Fault::missing(format!("Run with id={run} not found")))?;
    let place = source::of_run(cx, &it).await?;
    let path = here(&place)?;
    Ok((place, path))
}

/// The path of what is kept here.
pub fn here(place: &str) -> Result<Path> {
    let path = Path::of_address(place)?;
    path.ok_or_else(|| Fault::invalid(format!("the files are not kept here but at '{place}'")))
}

async fn list(cx: &Cx, ask: &Ask) -> Result<Value> {
    let run = match ask.given("run_id")? {
        Some(run) => run,
        None => ask.required("run_uuid")?,
    };
    let (place, _) = root(cx, run).await?;
    listed(cx, &place, ask.text("path")?.unwrap_or_default()).await
}

/// What lies in a directory of a place.
pub async fn listed(cx: &Cx, place: &str, below: &str) -> Result<Value> {
    let path = here(place)?.join(&Path::parse(below)?);
    let names = match tree::find(cx, &path).await? {
        Found::File(_) => Vec::new(),
        Found::Directory(names) => names,
    };
    let prefix = if below.is_empty() { String::new() } else { format!("{}/", below.trim_matches('/')) };
    let files: Vec<Value> =
        names.iter().map(|(name, file)| proxy::shown(&format!("{prefix}{name}"), *file)).collect();
    let mut answer = json!({"root_uri": place});
    if !files.is_empty() {
        answer["files"] = files.into();
    }
    Ok(answer)
}

/// A file of a run.
pub async fn of_run(State(shared): State<Shared>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let done = async {
        let (cx, ask) = begun(&shared, &parts).await?;
        let run = match ask.given("run_id")? {
            Some(run) => run,
            None => ask.required("run_uuid")?,
        };
        let (_, root) = root(&cx, run).await?;
        let path = root.join(&Path::parse(ask.required("path")?)?);
        proxy::download(&cx, &path, &parts.headers).await
    };
    done.await.unwrap_or_else(|fault| written(Err(fault)))
}

/// A file of a version.
pub async fn of_version(State(shared): State<Shared>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let done = async {
        let (cx, ask) = begun(&shared, &parts).await?;
        let below = Path::parse(ask.required("path")?)?;
        let number = checks::version(ask.required("version")?)?;
        let model = models::find(&cx, ask.required("name")?, "get").await?;
        objects::may(&cx, VERSIONS, "get", &format!("{}.{number}", model.metadata.name)).await?;
        let version = versions::numbered(&cx, &model, number).await?;
        let place = versions::loadable(&cx, &version).await?;
        let path = here(&place)?.join(&below);
        proxy::download(&cx, &path, &parts.headers).await
    };
    done.await.unwrap_or_else(|fault| written(Err(fault)))
}

/// A file of a logged model.
pub async fn of_model(State(shared): State<Shared>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let done = async {
        let (cx, ask) = begun(&shared, &parts).await?;
        let below = Path::parse(ask.required("artifact_file_path")?)?;
        let id = parts.uri.path().rsplit('/').nth(2).unwrap_or_default();
        let path = here(&logged::place(&cx, id).await?)?.join(&below);
        proxy::download(&cx, &path, &parts.headers).await
    };
    done.await.unwrap_or_else(|fault| written(Err(fault)))
}

/// The spans of a trace as a file, or by `path` what is attached to it under an identifier (RFC 9562).
pub async fn of_trace(State(shared): State<Shared>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let done = async {
        let (cx, ask) = begun(&shared, &parts).await?;
        let id = ask.given("request_id")?;
        let id = id.ok_or_else(|| Fault::bad("Request must include the \"request_id\" query parameter."))?;
        let Some(name) = ask.given("path")? else {
            let mut response = Response::new(Body::from(traces::as_file(&cx, id).await?));
            let named = HeaderValue::from_static("attachment; filename=traces.json");
            response.headers_mut().insert(header::CONTENT_DISPOSITION, named);
            let bytes = HeaderValue::from_static("application/octet-stream");
            response.headers_mut().insert(header::CONTENT_TYPE, bytes);
            return Ok(response);
        };
        let below = Path::parse(name)?;
        if !is_uuid(name) {
            return Err(Fault::invalid(format!(
                "Invalid attachment path: '{name}'. Attachment path must be a valid UUID."
            )));
        }
        let path = here(&traces::attachments(&cx, id).await?)?.join(&below);
        proxy::download(&cx, &path, &parts.headers).await
    };
    done.await.unwrap_or_else(|fault| written(Err(fault)))
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|it| it.is_ascii_hexdigit()))
}

/// Puts a small file to a run, as MLflow's pages do.
pub async fn put(State(shared): State<Shared>, request: Request) -> Response<Body> {
    let (parts, http_body) = request.into_parts();
    let done = async {
        let (cx, ask) = begun(&shared, &parts).await?;
        let must = |name: &str| Fault::invalid(format!("Request must specify {name}."));
        let run = ask.given("run_uuid")?.ok_or_else(|| must("run_uuid"))?;
        let below = Path::parse(ask.given("path")?.ok_or_else(|| must("path"))?)?;
        let too_large =
            |_| Fault::invalid(format!("Artifact size is too large. Max size is {} MB.", UPLOAD_MAX >> 20));
        let bytes = body::bytes(http_body, UPLOAD_MAX).await.map_err(too_large)?;
        if bytes.is_empty() {
            return Err(must("data"));
        }
        let it = runs::active(&cx, run, "update").await?;
        let path = here(&source::of_run(&cx, &it).await?)?.join(&below);
        let stored = cx.platform().blobs.put(bytes.to_vec()).await?;
        tree::put(&cx, &path, File { digest: stored.digest, bytes: stored.bytes }).await?;
        Ok(written(Ok(nothing())))
    };
    done.await.unwrap_or_else(|fault| written(Err(fault)))
}

async fn begun(shared: &Shared, parts: &Parts) -> Result<(Cx, Ask)> {
    let cx = crate::cx(&shared.web, parts).await?;
    Ok((cx, Ask::of_query(parts.uri.query().unwrap_or_default())?))
}
