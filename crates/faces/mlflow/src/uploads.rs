//! Files in parts, and files at addresses that are good for a while: `mpu`, `presigned`, and what those addresses lead to.
//!
//! An address carries a secret that stands for one file and nothing else; the store knows its digest only, until it
//! ends by itself. Parts are blobs that nothing names; putting them together makes one blob that a tree names, and
//! what was never put together is collected with all blobs nobody names.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, header, request::Parts},
};
use base::{Digest, Error};
use face_web::{Web, body};
use kernel::{access::Principal, cx::Cx, slot};
use ports::site::Site;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Shared, artifacts,
    ask::Ask,
    fault::{Fault, Result},
    nothing, objects,
    objects::RUNS,
    proxy, source,
    tree::{self, File, Found, Path},
    written,
};

/// How long the parts of a file may take to come, in seconds.
const UPLOAD_S: i64 = 24 * 3600;
/// How long an address is good when nothing else is asked, and at most, in seconds.
const ADDRESS_S: i64 = 900;
const ADDRESS_MAX_S: i64 = 604_800;
/// The most parts of a file.
const PARTS_MAX: i64 = 10_000;
/// How many bytes of a part are read at once.
const PIECE: u64 = 1 << 20;

/// What a secret stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Leave {
    org: String,
    project: String,
    /// The file's path.
    path: String,
    what: What,
}

/// What may be done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum What {
    /// To put so many parts of a file.
    Parts(i64),
    /// To put a file.
    Put,
    /// To get these bytes.
    Get(Digest, u64),
}

/// A part that has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    blob: Digest,
    bytes: u64,
}

const LEAVES: &str = "mlflow.leaves";
const PARTS: &str = "mlflow.parts";

fn part_key(secret: &str, number: i64) -> String {
    slot::digest(&format!("{secret}/{number}"))
}

/// Answers what is asked by somebody who is known; nothing when it is something else.
pub async fn answer(web: &Web, cx: &Cx, parts: &Parts, http_body: Body) -> Result<Option<Value>> {
    let rest = parts.uri.path().split_once("/mlflow-artifacts/").map_or("", |(_, rest)| rest);
    let (what, path) = match (parts.method.as_str(), rest.split_once('/')) {
        ("POST", Some(("mpu", rest))) => rest.split_once('/').unwrap_or((rest, "")),
        ("GET", Some(("presigned", path))) => ("presigned", path),
        _ => return Ok(None),
    };
    if what == "presigned" {
        objects::may(cx, RUNS, "get", "").await?;
        return presigned(cx, &parts.headers, &Path::parse(path)?).await.map(Some);
    }
    let ask = Ask::of_body(&body::bytes(http_body, web.settings.body_max).await?)?;
    // The client tells where the file lies over there; only its name counts.
    let name = ask.required("path")?.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let path = Path::parse(path)?.join(&Path::parse(&percent_encoded(&name))?);
    objects::may(cx, RUNS, "update", "").await?;
    Ok(Some(match what {
        "create" => create(cx, &parts.headers, &path, &ask).await?,
        "complete" => complete(cx, &path, &ask).await?,
        "abort" => {
            let id = ask.required("upload_id")?;
            leave(cx, id, &path).await?;
            slot::put(cx, LEAVES, &slot::digest(id), &Value::Null, 0).await?;
            nothing()
        }
        _ => return Ok(None),
    }))
}

/// A name is a name, whatever stands in it: it is decoded later, like every path.
fn percent_encoded(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Where this platform is for whoever asks: under the name it was asked by.
fn site(cx: &Cx, headers: &HeaderMap) -> Result<String> {
    let site = cx.port::<Site>()?;
    let url = site.url()?;
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(header::HOST) else { return Ok(url.to_owned()) };
    let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
    let told = text(header::HeaderName::from_static("x-forwarded-proto"));
    let scheme = told.filter(|told| matches!(*told, "http" | "https")).unwrap_or(scheme);
    Ok(format!("{scheme}://{host}"))
}

async fn grant(cx: &Cx, path: &Path, what: What, seconds: i64) -> Result<String> {
    let secret = slot::secret(cx);
    let leave = Leave { org: cx.org.to_string(), project: cx.project.to_string(), path: path.text(), what };
    slot::put(cx, LEAVES, &slot::digest(&secret), &leave, seconds).await?;
    Ok(secret)
}

/// What a secret stands for, if it is one of this path in this project.
async fn leave(cx: &Cx, secret: &str, path: &Path) -> Result<Leave> {
    let found = slot::get::<Option<Leave>>(cx, LEAVES, &slot::digest(secret)).await?.flatten();
    let own = found.filter(|it| it.org == *cx.org && it.project == *cx.project && it.path == path.text());
    own.ok_or_else(|| Fault::missing("there is no such upload; it may have ended"))
}

async fn create(cx: &Cx, headers: &HeaderMap, path: &Path, ask: &Ask) -> Result<Value> {
    let count = ask.whole("num_parts")?.unwrap_or(1);
    if !(1..=PARTS_MAX).contains(&count) {
        return Err(Fault::invalid(format!(
            "Invalid value {count} for parameter 'num_parts' supplied: 1 to {PARTS_MAX} parts make a file"
        )));
    }
    // What there is no place for is refused before its bytes are sent.
    tree::find(cx, path).await?;
    let secret = grant(cx, path, What::Parts(count), UPLOAD_S).await?;
    let site = site(cx, headers)?;
    let credential = |number: i64| {
        let url = format!("{site}/api/2.0/mlflow-artifacts/parts/{secret}/{number}");
        json!({"url": url, "part_number": number, "headers": {}})
    };
    let credentials: Vec<Value> = (1..=count).map(credential).collect();
    Ok(json!({"upload_id": secret, "credentials": credentials}))
}

/// Puts the parts together, in their order, and notes the file in its tree.
async fn complete(cx: &Cx, path: &Path, ask: &Ask) -> Result<Value> {
    let secret = ask.required("upload_id")?;
    let What::Parts(count) = leave(cx, secret, path).await?.what else {
        return Err(Fault::missing("there is no such upload; it may have ended"));
    };
    let mut told = Vec::new();
    for item in ask.items("parts")? {
        let number = item.whole("part_number")?.unwrap_or(0);
        told.push((number, item.text("etag")?.unwrap_or_default().trim_matches('"').to_owned()));
    }
    told.sort();
    if told.iter().map(|(number, _)| *number).ne(1..=count) {
        return Err(Fault::invalid(format!("Invalid parts: each of the parts 1 to {count} is told once")));
    }
    let blobs = &cx.platform().blobs;
    let mut whole = blobs.create().await?;
    for (number, etag) in told {
        let part = slot::get::<Part>(cx, PARTS, &part_key(secret, number)).await?;
        let part = part.filter(|part| etag.is_empty() || part.blob.to_string() == etag);
        let part =
            part.ok_or_else(|| Fault::invalid(format!("Invalid parts: part {number} did not come")))?;
        let mut from = 0;
        while from < part.bytes {
            let bytes = blobs.range(part.blob, from, PIECE.min(part.bytes - from)).await?;
            if bytes.is_empty() {
                return Err(Error::internal(format!("the blob {} is too short", part.blob)).into());
            }
            from += bytes.len() as u64;
            whole.write(bytes).await?;
        }
    }
    let stored = whole.finish().await?;
    tree::put(cx, path, File { digest: stored.digest, bytes: stored.bytes }).await?;
    slot::put(cx, LEAVES, &slot::digest(secret), &Value::Null, 0).await?;
    Ok(nothing())
}

async fn file(cx: &Cx, path: &Path) -> Result<File> {
    match tree::find(cx, path).await? {
        Found::File(file) => Ok(file),
        Found::Directory(_) => Err(Fault::missing(format!("No such artifact: '{}'", path.name()))),
    }
}

fn address(site: &str, secret: &str, path: &Path) -> String {
    format!("{site}/api/2.0/mlflow-artifacts/signed/{secret}/{}", percent_encoded(path.name()))
}

async fn presigned(cx: &Cx, headers: &HeaderMap, path: &Path) -> Result<Value> {
    let file = file(cx, path).await?;
    let secret = grant(cx, path, What::Get(file.digest, file.bytes), ADDRESS_S).await?;
    Ok(json!({"url": address(&site(cx, headers)?, &secret, path), "headers": {}, "file_size": file.bytes}))
}

/// An address for a file of a run or a logged model: to put it, or to get it.
pub async fn of_run(cx: &Cx, headers: &HeaderMap, ask: &Ask, puts: bool) -> Result<Value> {
    let seconds = ask.whole("expiration")?.unwrap_or(ADDRESS_S);
    if !(1..=ADDRESS_MAX_S).contains(&seconds) {
        return Err(Fault::invalid(format!(
            "expiration must be between 1 and {ADDRESS_MAX_S} seconds (got {seconds})."
        )));
    }
    let below = Path::parse(ask.required("path")?)?;
    let place = match (ask.given("run_id")?, ask.given("model_id")?) {
        (Some(run), None) => {
            let verb = if puts { "update" } else { "get" };
            source::of_run(cx, &crate::runs::find(cx, run, verb).await?).await?
        }
        (None, Some(model)) => {
            objects::may(cx, objects::LOGGED, if puts { "update" } else { "get" }, model).await?;
            let place = source::logged_place(cx, model).await?;
            place.ok_or_else(|| Fault::missing(format!("Logged model with ID '{model}' not found.")))?
        }
        _ => return Err(Fault::invalid("Exactly one of run_id and model_id must be provided.")),
    };
    let path = artifacts::here(&place)?.join(&below);
    let what = if puts {
        What::Put
    } else {
        let file = file(cx, &path).await?;
        What::Get(file.digest, file.bytes)
    };
    let secret = grant(cx, &path, what.clone(), seconds).await?;
    let mut answer = json!({"presigned_url": address(&site(cx, headers)?, &secret, &path), "headers": {}});
    if let What::Get(_, bytes) = what {
        answer["file_size"] = bytes.into();
    }
    Ok(answer)
}

/// Answers whoever shows nothing but an address; nothing when it is none of these.
pub async fn by_address(shared: &Shared, parts: &Parts, http_body: Body) -> Result<Option<Response<Body>>> {
    let web = &shared.web;
    let rest = parts.uri.path().split_once("/mlflow-artifacts/").map_or("", |(_, rest)| rest);
    let segments: Vec<&str> = rest.split('/').collect();
    let (sort, secret, last) = match segments.as_slice() {
        [sort @ ("parts" | "signed"), secret, last] => (*sort, *secret, *last),
        _ => return Ok(None),
    };
    let from = face_web::origin::origin(&parts.extensions).map_or_else(String::new, |it| it.to_string());
    let nobody = web.platform.cx_of(Principal::system("mlflow", "default"), "default");
    let found = slot::get::<Option<Leave>>(&nobody, LEAVES, &slot::digest(secret)).await?.flatten();
    let Some(leave) = found else {
        // Whoever guesses is counted with those who do not log in.
        web.rates.take(&from, false)?;
        return Err(Fault::missing("there is nothing at this address; it may have ended"));
    };
    web.rates.take(&format!("{}/{}", leave.org, slot::digest(secret)), true)?;
    let cx = web.platform.cx_of(Principal::system("mlflow", &leave.org), &leave.project);
    let path = Path::parse(&leave.path)?;
    match (parts.method.as_str(), sort, &leave.what) {
        ("PUT", "parts", What::Parts(count)) => {
            let number = last.parse::<i64>().ok().filter(|number| (1..=*count).contains(number));
            let number = number.ok_or_else(|| Fault::missing(format!("there are the parts 1 to {count}")))?;
            let stored = proxy::kept(shared, &cx, http_body).await?;
            let part = Part { blob: stored.digest, bytes: stored.bytes };
            slot::put(&cx, PARTS, &part_key(secret, number), &part, UPLOAD_S).await?;
            let mut response = written(Ok(nothing()));
            let etag = HeaderValue::from_str(&format!("\"{}\"", part.blob)).map_err(Error::internal)?;
            response.headers_mut().insert(header::ETAG, etag);
            Ok(Some(response))
        }
        ("PUT", "signed", What::Put) => {
            let stored = proxy::kept(shared, &cx, http_body).await?;
            tree::put(&cx, &path, stored).await?;
            Ok(Some(written(Ok(nothing()))))
        }
        ("GET" | "HEAD", "signed", What::Get(digest, bytes)) => {
            let file = File { digest: *digest, bytes: *bytes };
            proxy::sent(&cx, file, path.name(), &parts.headers).map(Some)
        }
        (method, ..) => Err(Fault::no_route(method, parts.uri.path())),
    }
}
