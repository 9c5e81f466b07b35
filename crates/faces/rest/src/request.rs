//! From an HTTP request to a call of the kernel.

use std::collections::BTreeMap;

use axum::{
    body::Body as HttpBody,
    http::{HeaderMap, Request},
};
use base::{Digest, Error, Result};
use face_web::{Web, body, caller, origin};
use kernel::{
    access::Principal,
    change::PatchForm,
    cx::Cx,
    declare::{Body, Manner, Of, OpenTo},
    dispatch::{self, Call, Verb},
    question::LIST_PARAMS,
};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{
    aliases,
    route::{Route, Routes},
};

/// A call and everything the answer needs to know of the request.
pub struct Asked {
    /// The context.
    pub cx: Cx,
    /// The call.
    pub call: Call,
}

/// Parameters that are understood everywhere.
const COMMON: [&str; 5] = ["project", "dryRun", "fieldManager", "force", "fieldValidation"];

/// Decoded path segments behind `/api/v1/`.
pub fn segments(path: &str) -> Result<Vec<String>> {
    let rest = path.strip_prefix("/api/v1/").unwrap_or_default();
    rest.trim_end_matches('/')
        .split('/')
        .map(|segment| {
            let text = percent_decode_str(segment).decode_utf8();
            let text = text.map_err(|_| Error::bad_request("bad-path", "the path is not UTF-8"))?;
            if text == "." || text == ".." || text.contains(['/', '\0', '\\']) || text.is_empty() {
                return Err(Error::bad_request("bad-path", "the path has a segment that names nothing")
                    .hint("a segment is neither empty nor `.` nor `..`, and has no slash"));
            }
            Ok(text.into_owned())
        })
        .collect()
}

/// The query's parameters; a parameter given twice is an error.
pub fn params(query: &str) -> Result<BTreeMap<String, String>> {
    let mut params = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8().map(std::borrow::Cow::into_owned)
        };
        let bad = || Error::bad_request("bad-query", "the query is not UTF-8");
        let (name, value) = (decode(name).map_err(|_| bad())?, decode(value).map_err(|_| bad())?);
        if params.insert(name.clone(), value).is_some() {
            return Err(Error::bad_request("bad-query", format!("`{name}` is given twice")).at(name));
        }
    }
    Ok(params)
}

/// Reads a request as a call, for a principal or for nobody.
pub async fn read(
    web: &Web,
    routes: &Routes,
    request: Request<HttpBody>,
    principal: Option<std::sync::Arc<Principal>>,
) -> Result<Asked> {
    let (parts, http_body) = request.into_parts();
    let segments = segments(parts.uri.path())?;
    let alias = aliases::target(parts.method.as_str(), &segments);
    // An alias may turn one method into another.
    let method = alias.method.unwrap_or(parts.method.as_str()).to_owned();
    let mut route = routes.resolve(&method, &alias.segments)?;
    let mut params = params(parts.uri.query().unwrap_or_default())?;
    params.extend(alias.params.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let is_public = dispatch::open_to(&route.kind, &route.verb) == OpenTo::Anyone;
    let principal = match principal {
        Some(principal) => principal,
        None if is_public => std::sync::Arc::new(Principal::system("anonymous", "")),
        None => return Err(caller::anonymous()),
    };
    shape(&mut route, &parts.headers, &params)?;
    let project = project(&params, &parts.headers);
    let body = body_of(web, &route, &parts.headers, http_body, &mut params).await?;
    check_params(&route, &params)?;
    if matches!(route.verb, Verb::List | Verb::Count | Verb::Export | Verb::Watch) {
        search_words(&mut params);
    }
    let mut cx = web.platform.cx(principal, &project);
    cx.trace = caller::trace(&parts.headers);
    cx.origin = origin::origin(&parts.extensions);
    cx.deadline = Some(cx.now().plus_s(web.settings.deadline_s));
    cx.dry_run = match params.get("dryRun").map(String::as_str) {
        None | Some("" | "false") => false,
        Some("All" | "true") => true,
        Some(_) => return Err(Error::bad_request("bad-query", "`dryRun` is `All` or left out").at("dryRun")),
    };
    if let (Some(key), "POST") = (header(&parts.headers, "idempotency-key"), method.as_str()) {
        if key.is_empty() || key.len() > 200 {
            return Err(Error::bad_request("bad-idempotency-key", "a key is 1 to 200 characters")
                .at("Idempotency-Key"));
        }
        let told = match &body {
            Body::Json(value) => value.to_string(),
            Body::Empty | Body::Bytes { .. } => String::new(),
        };
        cx = cx.once(key, Digest::of(format!("{} {told}", parts.uri).as_bytes()).to_string());
    }
    let if_match = if_match(&parts.headers)?;
    let call = Call {
        kind: route.kind,
        verb: route.verb,
        id: route.id,
        parent: route.parent,
        params,
        body,
        if_match,
    };
    Ok(Asked { cx, call })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn project(params: &BTreeMap<String, String>, headers: &HeaderMap) -> String {
    let given = params.get("project").map(String::as_str).or_else(|| header(headers, "x-aic-project"));
    given.filter(|project| !project.is_empty()).unwrap_or("default").to_owned()
}

fn if_match(headers: &HeaderMap) -> Result<Option<u64>> {
    match header(headers, "if-match").map(str::trim) {
        None | Some("*") => Ok(None),
        Some(text) => {
            let version = text.trim_start_matches("W/").trim_matches('"').parse();
            version.map(Some).map_err(|_| {
                Error::bad_request("bad-if-match", "`If-Match` carries the `ETag` of an earlier answer")
                    .at("If-Match")
            })
        }
    }
}

/// Headers and parameters that change what a path asks.
fn shape(route: &mut Route, headers: &HeaderMap, params: &BTreeMap<String, String>) -> Result<()> {
    let watches = params.get("watch").is_some_and(|watch| watch == "true" || watch == "1");
    if route.verb == Verb::List && watches {
        route.verb = Verb::Watch;
    }
    if matches!(route.verb, Verb::Patch(_)) {
        route.verb = Verb::Patch(match body::media(headers).as_str() {
            ""
            | "application/json"
            | "application/merge-patch+json"
            | "application/strategic-merge-patch+json" => PatchForm::Merge,
            "application/json-patch+json" => PatchForm::Json,
            "application/apply-patch+yaml" | "application/apply-patch+json" => PatchForm::Apply,
            other => {
                return Err(Error::new(
                    base::Status::UnsupportedMedia,
                    "unsupported-media",
                    format!("`{other}` is no form of patch"),
                )
                .hint("application/merge-patch+json, application/json-patch+json or application/apply-patch+yaml"));
            }
        });
    }
    Ok(())
}

async fn body_of(
    web: &Web,
    route: &Route,
    headers: &HeaderMap,
    http_body: HttpBody,
    params: &mut BTreeMap<String, String>,
) -> Result<Body> {
    let uploads = match &route.verb {
        Verb::Act(name) => {
            route.kind.action(name, Of::Object, false).is_some_and(|action| action.manner == Manner::Upload)
        }
        Verb::Import => body::media(headers) != "application/json",
        _ => false,
    };
    if uploads {
        let bytes = body::stream(http_body, web.settings.upload_max);
        return Ok(Body::Bytes { media: body::media(headers), bytes });
    }
    let media = body::media(headers);
    let json = match media.as_str() {
        "application/yaml" | "application/x-yaml" | "text/yaml" => {
            return Err(Error::new(base::Status::UnsupportedMedia, "unsupported-media", "send JSON here"));
        }
        _ => body::json(http_body, web.settings.body_max).await?,
    };
    let Some(json) = json else { return Ok(Body::Empty) };
    if route.verb == Verb::List {
        // A search by POST says in the body what a list says in the query.
        merge_params(params, &json)?;
        return Ok(Body::Empty);
    }
    Ok(Body::Json(json))
}

fn merge_params(params: &mut BTreeMap<String, String>, json: &Value) -> Result<()> {
    let Value::Object(fields) = json else {
        return Err(Error::bad_request("body-not-object", "the body must be a JSON object"));
    };
    for (name, value) in fields {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        params.insert(name.clone(), text);
    }
    Ok(())
}

/// The words of a search, as a filter on the name.
fn search_words(params: &mut BTreeMap<String, String>) {
    let Some(words) = params.remove("q").filter(|words| !words.trim().is_empty()) else { return };
    let quoted = kernel::literal(words.trim());
    let filter = params.entry("filter".to_owned()).or_default();
    *filter = if filter.is_empty() { quoted } else { format!("({filter}) AND {quoted}") };
}

/// A parameter nobody reads is a mistake worth telling.
fn check_params(route: &Route, params: &BTreeMap<String, String>) -> Result<()> {
    let lists = matches!(route.verb, Verb::List | Verb::Count | Verb::Export | Verb::Watch);
    let known = |name: &str| {
        COMMON.contains(&name)
            || (lists && (LIST_PARAMS.iter().any(|it| it.0 == name) || name == "q"))
            || match &route.verb {
                Verb::Watch => {
                    ["watch", "resourceVersion", "timeoutSeconds", "allowWatchBookmarks"].contains(&name)
                }
                Verb::Get => name == "fields",
                Verb::History => ["limit", "pageToken"].contains(&name),
                Verb::Diff => ["from", "to"].contains(&name),
                Verb::Lineage => name == "direction",
                Verb::Delete => name == "propagationPolicy",
                Verb::Act(action) | Verb::View(action) => {
                    let view = matches!(route.verb, Verb::View(_));
                    takes(route, action, Of::Object, view, name)
                }
                Verb::ActOnAll(action) | Verb::ViewOfAll(action) => {
                    let view = matches!(route.verb, Verb::ViewOfAll(_));
                    takes(route, action, Of::Collection, view, name)
                }
                _ => false,
            }
    };
    let listing = matches!(route.verb, Verb::List | Verb::Count | Verb::Export | Verb::Watch);
    let choice = |name: &str| listing && matches!(name, "deleted" | "total");
    let odd = |value: &str| !matches!(value, "" | "true" | "false");
    if let Some((name, _)) = params.iter().find(|(name, value)| choice(name) && odd(value)) {
        let message = format!("`{name}` is `true`, `false` or left out");
        return Err(Error::bad_request("bad-query", message).at(name));
    }
    match params.keys().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => {
            let shown: String = name.chars().take(60).collect();
            Err(Error::bad_request(
                "unknown-parameter",
                format!("nothing here reads the parameter `{shown}`"),
            )
            .at(shown)
            .hint("`/docs` lists the parameters of every operation"))
        }
    }
}

fn takes(route: &Route, action: &str, of: Of, view: bool, name: &str) -> bool {
    let action = route.kind.action(action, of, view);
    action.is_some_and(|action| action.asks.iter().any(|field| field.name == name))
}
