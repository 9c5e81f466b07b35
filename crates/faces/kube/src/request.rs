//! One request on a kind: what `kubectl` asks, as a call of the kernel, and the answer in its shapes.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    body::Body as HttpBody,
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header, request::Parts},
};
use base::{Error, Result};
use face_web::{Web, body, caller, origin};
use kernel::{
    change::PatchForm,
    cx::Cx,
    declare::Body,
    dispatch::{self, Answer, Call, Verb},
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::{
    lenient,
    path::{self, Target},
    status::{self, About},
    stream, table,
};

/// The longest a watch lasts when its caller does not say, in seconds.
const WATCH_S: u64 = 3600;

/// The context of a request.
pub async fn cx(web: &Web, parts: &Parts, project: &str) -> Result<Cx> {
    let principal = caller::principal(web, &parts.headers).await?.ok_or_else(caller::anonymous)?;
    web.rates.take(&format!("{}/{}", principal.org, principal.actor()), true)?;
    let mut cx = web.platform.cx(principal, project);
    cx.trace = caller::trace(&parts.headers);
    cx.origin = origin::origin(&parts.extensions);
    cx.deadline = Some(cx.now().plus_s(web.settings.deadline_s));
    Ok(cx)
}

/// Query parameters; of one given twice the last counts, as in Kubernetes.
pub fn params(query: Option<&str>) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Answers a request under `/apis/{group}/v1/`, and says what it was about in case it fails.
pub async fn answer(
    web: &Web,
    path: &str,
    request: Request<HttpBody>,
    about: &mut About,
) -> Result<Response<HttpBody>> {
    let target = path::target(&web.platform, path)?;
    *about = about_of(&target);
    let (parts, http_body) = request.into_parts();
    let asked = params(parts.uri.query());
    let mut cx = cx(web, &parts, &target.project).await?;
    if target.subresource.is_some() {
        return Err(Error::not_found(
            "no-such-operation",
            "the server could not find the requested resource",
        ));
    }
    let manner = Manner::of(&parts.headers, &asked);
    let verb = verb(&parts, &target, &asked)?;
    let bytes = body::bytes(http_body, web.settings.body_max).await?;
    let mut sent = read_body(&bytes)?;
    if about.name.is_empty() {
        about.name = sent.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    }
    cx.dry_run = dry_run(&verb, &asked, &sent)?;
    let dropped = lenient::drop_unknown(&target.kind, &asked, &mut sent);
    if target.kind.scope != kernel::kind::Scope::Project
        && let Some(metadata) = sent.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("namespace");
    }
    let params = kernel_params(&verb, &asked, &sent);
    let if_match = if verb == Verb::Delete { preconditions(&cx, &target, &sent).await? } else { None };
    let body = if sent.is_null() || verb == Verb::Delete { Body::Empty } else { Body::Json(sent) };
    let kind = std::sync::Arc::clone(&target.kind);
    let call = Call { kind: target.kind, verb, id: target.name, parent: None, params, body, if_match };
    let answer = dispatch::call(cx, call).await?;
    let mut response = manner.tell(web, &kind, answer);
    for field in dropped {
        let warning = format!("299 - \"unknown field \\\"{}\\\"\"", field.escape_default());
        if let Ok(warning) = HeaderValue::from_str(&warning) {
            response.headers_mut().append(header::WARNING, warning);
        }
    }
    Ok(response)
}

fn about_of(target: &Target) -> About {
    About {
        group: format!("{}{}", target.kind.service, path::DOMAIN),
        resource: target.kind.plural.to_owned(),
        kind: target.kind.pascal_name(),
        name: target.name.clone().unwrap_or_default(),
    }
}

/// Whether nothing shall be kept. A deletion says it in its body, everything else in the query.
fn dry_run(verb: &Verb, asked: &BTreeMap<String, String>, sent: &Value) -> Result<bool> {
    let in_body = sent["dryRun"].as_array().filter(|_| *verb == Verb::Delete);
    let mut said = asked
        .get("dryRun")
        .map(String::as_str)
        .into_iter()
        .chain(in_body.into_iter().flatten().map(|value| value.as_str().unwrap_or_default()));
    // A misunderstood rehearsal would be a deed, so what is not understood is refused.
    match said.find(|value| !matches!(*value, "" | "All")) {
        Some(_) => Err(Error::invalid("unknown-value", "`dryRun` is `All` or absent").at("dryRun")),
        None => Ok(asked.get("dryRun").is_some_and(|value| value == "All")
            || in_body.is_some_and(|values| !values.is_empty())),
    }
}

/// Holds a deletion's `preconditions` against the object: its uid here, its version in the kernel.
async fn preconditions(cx: &Cx, target: &Target, sent: &Value) -> Result<Option<u64>> {
    let said = |name: &str| sent["preconditions"][name].as_str();
    if let (Some(uid), Some(name)) = (said("uid"), &target.name) {
        cx.authorize(&target.kind.permission("delete"), &cx.project).await?;
        let found = cx.read(&target.kind.id(), name).await?;
        if found.metadata.uid.to_string() != uid {
            return Err(Error::conflict("wrong-uid", "another object has this name by now"));
        }
    }
    match said("resourceVersion").map(str::parse) {
        None => Ok(None),
        Some(Ok(version)) => Ok(Some(version)),
        Some(Err(_)) => Err(Error::bad_request("bad-version", "`resourceVersion` is a number")
            .at("preconditions.resourceVersion")),
    }
}

fn verb(parts: &Parts, target: &Target, asked: &BTreeMap<String, String>) -> Result<Verb> {
    let watches = asked.get("watch").is_some_and(|watch| watch == "true" || watch == "1");
    let media = body::media(&parts.headers);
    Ok(match (parts.method.as_str(), target.name.is_some()) {
        ("GET", false) if watches => Verb::Watch,
        ("GET", false) => Verb::List,
        ("POST", false) => Verb::Create,
        ("GET", true) => Verb::Get,
        ("PUT", true) => Verb::Replace,
        ("DELETE", true) => Verb::Delete,
        ("PATCH", true) => Verb::Patch(match media.as_str() {
            "application/merge-patch+json" | "application/strategic-merge-patch+json" => PatchForm::Merge,
            "application/json-patch+json" => PatchForm::Json,
            "application/apply-patch+yaml" => PatchForm::Apply,
            other => {
                let message = format!("`{other}` is no form of patch");
                return Err(Error::new(base::Status::UnsupportedMedia, "unsupported-media", message));
            }
        }),
        (method, _) => {
            let message = format!("`{method}` is not served at this path");
            return Err(Error::new(base::Status::MethodNotAllowed, "method-not-allowed", message));
        }
    })
}

/// JSON, or YAML where JSON is not what came.
fn read_body(bytes: &[u8]) -> Result<Value> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    if matches!(bytes.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'[')) {
        return body::parse(bytes);
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| Error::bad_request("bad-yaml", "the body is not UTF-8"))?;
    serde_saphyr::from_str(text)
        .map_err(|error| Error::bad_request("bad-yaml", format!("this is no YAML: {error}")))
}

/// The kernel's words for Kubernetes' parameters.
fn kernel_params(verb: &Verb, asked: &BTreeMap<String, String>, sent: &Value) -> BTreeMap<String, String> {
    let mut params = BTreeMap::new();
    let mut take = |from: &str, to: &str| {
        if let Some(value) = asked.get(from).filter(|value| !value.is_empty()) {
            params.insert(to.to_owned(), value.clone());
        }
    };
    match verb {
        Verb::List | Verb::Watch => {
            take("limit", "limit");
            take("continue", "pageToken");
            take("labelSelector", "labelSelector");
            take("fieldSelector", "fieldSelector");
            take("resourceVersion", "resourceVersion");
        }
        _ => {
            take("fieldManager", "fieldManager");
            take("force", "force");
            take("propagationPolicy", "propagationPolicy");
        }
    }
    if *verb == Verb::List {
        params.remove("resourceVersion");
        params.insert("sort".to_owned(), "metadata.name".to_owned());
        // kubectl asks for 500 at a time and goes on by itself.
        params.entry("limit".to_owned()).or_insert_with(|| base::PAGE_MAX.to_string());
    }
    if let Some(policy) = sent.get("propagationPolicy").and_then(Value::as_str) {
        params.insert("propagationPolicy".to_owned(), policy.to_owned());
    }
    params
}

/// In which shapes the caller wants the answer.
struct Manner {
    table: bool,
    include: String,
    bookmarks: bool,
    lasts: Duration,
}

impl Manner {
    fn of(headers: &HeaderMap, asked: &BTreeMap<String, String>) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let seconds = asked.get("timeoutSeconds").and_then(|text| text.parse().ok()).unwrap_or(WATCH_S);
        Self {
            table: table::wanted(accept),
            include: asked.get("includeObject").cloned().unwrap_or_else(|| "Metadata".to_owned()),
            bookmarks: asked.get("allowWatchBookmarks").is_some_and(|value| value == "true"),
            lasts: Duration::from_secs(seconds.clamp(1, WATCH_S)),
        }
    }

    fn tell(self, web: &Web, kind: &kernel::declare::KindDef, answer: Answer) -> Response<HttpBody> {
        let now = web.platform.now();
        match answer {
            Answer::Created(value, _) => status::json_response(StatusCode::CREATED, &value),
            Answer::Object(value, _) if self.table => {
                let metadata = json!({"resourceVersion": value["metadata"]["resourceVersion"]});
                let told = table::of(kind, now, &[value], &metadata, &self.include);
                status::json_response(StatusCode::OK, &told)
            }
            Answer::Object(value, _) => status::json_response(StatusCode::OK, &value),
            Answer::Value(mut list) => {
                if let Some(token) =
                    list["metadata"].as_object_mut().and_then(|it| it.remove("nextPageToken"))
                {
                    list["metadata"]["continue"] = token;
                }
                if self.table {
                    let items = list["items"].as_array().cloned().unwrap_or_default();
                    list = table::of(kind, now, &items, &list["metadata"], &self.include);
                }
                status::json_response(StatusCode::OK, &list)
            }
            Answer::Watch(subscription) => {
                let manner = stream::Manner {
                    table: self.table,
                    include: self.include,
                    bookmarks: self.bookmarks,
                    lasts: self.lasts,
                };
                let platform = std::sync::Arc::clone(&web.platform);
                stream::response(*subscription, manner, move || platform.now())
            }
            Answer::Bytes(_) => {
                status::response(&Error::internal("a kind's verbs answer JSON"), &About::default())
            }
        }
    }
}
