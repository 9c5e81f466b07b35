//! Artifacts through the platform: `mlflow-artifacts`, where clients put files and get them again.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use base::Error;
use bytes::Bytes;
use face_web::body;
use futures::{StreamExt, stream};
use kernel::cx::Cx;
use serde_json::{Value, json};

use crate::{
    Shared,
    ask::Ask,
    fault::{Fault, Result},
    nothing,
    objects::{self, RUNS},
    tree::{self, File, Found, Path},
    uploads, written,
};

/// How many bytes of a blob are read at once.
const PIECE: u64 = 1 << 20;
/// How many such pieces are read ahead.
const AHEAD: usize = 2;

/// Answers what is asked of artifacts.
pub async fn answer(State(shared): State<Shared>, request: Request) -> Response<Body> {
    match answered(&shared, request).await {
        Ok(response) => response,
        Err(fault) => written(Err(fault)),
    }
}

async fn answered(shared: &Shared, request: Request) -> Result<Response<Body>> {
    let (parts, http_body) = request.into_parts();
    let rest = parts.uri.path().split_once("/mlflow-artifacts/").map_or("", |(_, rest)| rest);
    if rest.starts_with("parts/") || rest.starts_with("signed/") {
        let found = uploads::by_address(shared, &parts, http_body).await?;
        return found.ok_or_else(|| Fault::no_route(parts.method.as_str(), parts.uri.path()));
    }
    let cx = crate::cx(&shared.web, &parts).await?;
    let rest = parts.uri.path().split_once("/mlflow-artifacts/").map_or("", |(_, rest)| rest);
    let method = parts.method.as_str();
    match (method, rest.strip_prefix("artifacts")) {
        ("GET", Some("" | "/")) => {
            objects::may(&cx, RUNS, "get", "").await?;
            let ask = Ask::of_query(parts.uri.query().unwrap_or_default())?;
            let path = Path::parse(ask.text("path")?.unwrap_or_default())?;
            Ok(written(listed(&cx, &path).await))
        }
        ("GET" | "HEAD", Some(path)) if path.starts_with('/') => {
            objects::may(&cx, RUNS, "get", "").await?;
            download(&cx, &Path::parse(&path[1..])?, &parts.headers).await
        }
        ("PUT", Some(path)) if path.starts_with('/') => {
            objects::may(&cx, RUNS, "update", "").await?;
            upload(shared, &cx, &Path::parse(&path[1..])?, http_body).await.map(|()| written(Ok(nothing())))
        }
        ("DELETE", Some(path)) if path.starts_with('/') => {
            objects::may(&cx, RUNS, "update", "").await?;
            tree::delete(&cx, &Path::parse(&path[1..])?).await.map(|()| written(Ok(nothing())))
        }
        _ => match uploads::answer(&shared.web, &cx, &parts, http_body).await? {
            Some(value) => Ok(written(Ok(value))),
            None => Err(Fault::no_route(method, parts.uri.path())),
        },
    }
}

async fn listed(cx: &Cx, path: &Path) -> Result<Value> {
    let files: Vec<Value> = match tree::find(cx, path).await? {
        Found::File(_) => Vec::new(),
        Found::Directory(names) => names.iter().map(|(name, file)| shown(name, *file)).collect(),
    };
    Ok(if files.is_empty() { nothing() } else { json!({"files": files}) })
}

/// A file or directory as MLflow shows it.
pub fn shown(path: &str, file: Option<File>) -> Value {
    match file {
        // MLflow does not tell the length of what is empty.
        Some(File { bytes: 0, .. }) => json!({"path": path, "is_dir": false}),
        Some(file) => json!({"path": path, "is_dir": false, "file_size": file.bytes}),
        None => json!({"path": path, "is_dir": true}),
    }
}

/// Streams a body into a blob, then notes it in the tree; what was cut is never noted.
async fn upload(shared: &Shared, cx: &Cx, path: &Path, http_body: Body) -> Result<()> {
    let stored = kept(shared, cx, http_body).await?;
    tree::put(cx, path, stored).await
}

/// Streams a body into a blob.
pub async fn kept(shared: &Shared, cx: &Cx, http_body: Body) -> Result<File> {
    let mut bytes = body::stream(http_body, shared.web.settings.upload_max);
    let mut upload = cx.platform().blobs.create().await?;
    while let Some(chunk) = bytes.next().await {
        upload.write(chunk?.to_vec()).await?;
    }
    let stored = upload.finish().await?;
    Ok(File { digest: stored.digest, bytes: stored.bytes })
}

/// Answers a file, or the part of it that was asked for (RFC 9110 section 14).
pub async fn download(cx: &Cx, path: &Path, headers: &HeaderMap) -> Result<Response<Body>> {
    let file = match tree::find(cx, path).await? {
        Found::File(file) => file,
        Found::Directory(names) if names.is_empty() => {
            return Err(Fault::missing(format!("No such artifact: '{}'", path.name())));
        }
        Found::Directory(_) => {
            let name = path.name();
            return Err(Fault::invalid(format!("Artifact path refers to a directory, not a file: '{name}'")));
        }
    };
    sent(cx, file, path.name(), headers)
}

/// The bytes of a file, or the part of them that was asked for.
pub fn sent(cx: &Cx, file: File, name: &str, headers: &HeaderMap) -> Result<Response<Body>> {
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let part = range.map_or(Part::Whole, |range| part(range, file.bytes));
    let (status, from, until) = match part {
        Part::Whole => (StatusCode::OK, 0, file.bytes),
        Part::Some(from, until) => (StatusCode::PARTIAL_CONTENT, from, until),
        Part::Nowhere => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    let mut response = Response::new(body::streamed(pieces(cx, file, from, until)));
    *response.status_mut() = status;
    let told = response.headers_mut();
    if matches!(part, Part::Some(..)) {
        let range = format!("bytes {from}-{}/{}", until - 1, file.bytes);
        told.extend(HeaderValue::from_str(&range).ok().map(|value| (header::CONTENT_RANGE, value)));
    } else if matches!(part, Part::Nowhere) {
        let range = format!("bytes */{}", file.bytes);
        told.extend(HeaderValue::from_str(&range).ok().map(|value| (header::CONTENT_RANGE, value)));
    }
    told.insert(header::CONTENT_LENGTH, HeaderValue::from(until - from));
    told.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    told.insert(header::CONTENT_TYPE, HeaderValue::from_static(media(name)));
    // A file of a stranger is never shown on our own pages.
    told.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    let disposition = format!("attachment; filename*=UTF-8''{name}");
    told.extend(HeaderValue::from_str(&disposition).ok().map(|value| (header::CONTENT_DISPOSITION, value)));
    told.extend(
        HeaderValue::from_str(&format!("\"{}\"", file.digest)).ok().map(|value| (header::ETAG, value)),
    );
    Ok(response)
}

/// Which part of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// From a byte until before another.
    Some(u64, u64),
    /// None that there is.
    Nowhere,
}

fn part(range: &str, length: u64) -> Part {
    let Some(spec) = range.strip_prefix("bytes=") else { return Part::Whole };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Part::Whole;
    };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first > last => Part::Whole,
        (Ok(first), _) if first >= length => Part::Nowhere,
        (Ok(first), Ok(last)) => Part::Some(first, last.saturating_add(1).min(length)),
        (Ok(first), Err(_)) if last.trim().is_empty() => Part::Some(first, length),
        (Err(_), Ok(0)) if first.trim().is_empty() => Part::Nowhere,
        (Err(_), Ok(last)) if first.trim().is_empty() && length > 0 => {
            Part::Some(length.saturating_sub(last), length)
        }
        _ => Part::Whole,
    }
}

/// A part of a file, piece by piece; the next one is read while one is sent.
fn pieces(
    cx: &Cx,
    file: File,
    from: u64,
    until: u64,
) -> impl futures::Stream<Item = base::Result<Bytes>> + use<> {
    let blobs = std::sync::Arc::clone(&cx.platform().blobs);
    let starts = (0..until.saturating_sub(from).div_ceil(PIECE)).map(move |piece| from + piece * PIECE);
    stream::iter(starts)
        .map(move |start| {
            let (blobs, length) = (std::sync::Arc::clone(&blobs), PIECE.min(until - start));
            async move {
                let bytes = blobs.range(file.digest, start, length).await?;
                match bytes.len() as u64 == length {
                    true => Ok(Bytes::from(bytes)),
                    false => Err(Error::internal(format!("the blob {} is too short", file.digest))),
                }
            }
        })
        .buffered(AHEAD)
}

/// What a file is, from its name.
fn media(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or(name, |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "txt" | "log" | "yaml" | "yml" | "md" | "py" | "r" | "cfg" | "ini" | "toml" | "mlmodel"
        | "mlproject" | "jsonnet" => "text/plain",
        "json" => "application/json",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_file_are_what_the_standard_says() {
        for (range, expected) in [
            ("bytes=0-3", Part::Some(0, 4)),
            ("bytes=4-", Part::Some(4, 10)),
            ("bytes=-3", Part::Some(7, 10)),
            ("bytes=-30", Part::Some(0, 10)),
            ("bytes=2-99", Part::Some(2, 10)),
            ("bytes=10-", Part::Nowhere),
            ("bytes=-0", Part::Nowhere),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("items=0-1", Part::Whole),
            ("bytes=a-b", Part::Whole),
        ] {
            assert_eq!(part(range, 10), expected, "{range}");
        }
    }
}
