//! SCIM 2.0 (RFC 7643, RFC 7644): users and groups of the caller's organization, kept by the directory it has.
//!
//! Resources are objects of `admin.users` and `admin.groups`: whoever asks needs the permissions for those, and
//! what is done stands in the audit like everything else.

use std::collections::BTreeMap;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts},
    routing::{get, post},
};
use base::{Error, Result};
use face_web::{Web, body, caller, origin, problem};
use kernel::{
    cx::Cx,
    declare::Body as CallBody,
    dispatch::{self, Answer, Call, Verb},
};
use ports::site::Site;
use serde_json::{Value, json};

mod bulk;
mod filter;
mod group;
mod list;
mod patch;
mod path;
mod resource;
mod schema;
mod user;

use resource::Sort;

/// The most bytes of a request.
const BODY_MAX: usize = 1 << 20;

/// The face's routes.
pub fn router(web: Web) -> Router {
    Router::new()
        .route("/scim/v2/ServiceProviderConfig", get(config))
        .route("/scim/v2/ResourceTypes", get(resource_types))
        .route("/scim/v2/ResourceTypes/{name}", get(resource_type))
        .route("/scim/v2/Schemas", get(schemas))
        .route("/scim/v2/Schemas/{id}", get(one_schema))
        .route("/scim/v2/Bulk", post(bulk_request))
        .route("/scim/v2/.search", post(search_all))
        .route("/scim/v2/{sort}", get(all).post(create))
        .route("/scim/v2/{sort}/.search", post(search))
        .route("/scim/v2/{sort}/{id}", get(one).put(replace).patch(change).delete(remove))
        .with_state(web)
}

type Shared = State<Web>;

/// The context of a request.
async fn cx(web: &Web, parts: &Parts) -> Result<Cx> {
    let principal = caller::principal(web, &parts.headers).await?.ok_or_else(caller::anonymous)?;
    web.rates.take(&format!("{}/{}", principal.org, principal.actor()), true)?;
    let mut cx = web.platform.cx(principal, "");
    cx.trace = caller::trace(&parts.headers);
    cx.origin = origin::origin(&parts.extensions);
    cx.deadline = Some(cx.now().plus_s(web.settings.deadline_s));
    Ok(cx)
}

/// One operation of the kernel, as the caller.
async fn call(cx: &Cx, kind: &str, verb: Verb, (id, body): (Option<&str>, CallBody)) -> Result<Value> {
    let kind = cx.platform().kind(kind)?;
    let id = id.map(str::to_owned);
    let call = Call { kind, verb, id, parent: None, params: BTreeMap::new(), body, if_match: None };
    match dispatch::call(cx.clone(), call).await? {
        Answer::Object(value, _) | Answer::Created(value, _) | Answer::Value(value) => Ok(value),
        Answer::Bytes(_) | Answer::Watch(_) => Err(Error::internal("an answer is no JSON")),
    }
}

/// What an error of the platform is called in SCIM (RFC 7644 section 3.12).
fn scim_type(error: &Error) -> Option<&'static str> {
    Some(match error.code() {
        "already-exists" => "uniqueness",
        "bad-scim-filter" => "invalidFilter",
        "bad-scim-path" => "invalidPath",
        "no-scim-target" => "noTarget",
        "scim-immutable" => "mutability",
        "bad-json" => "invalidSyntax",
        _ if error.status().code() == 422 || error.status().code() == 400 => "invalidValue",
        _ => return None,
    })
}

/// An error in SCIM's shape: what is wrong with a value is a 400 here.
fn refused(error: &Error) -> (u16, Value) {
    problem::note(error, "");
    let status = match error.status().code() {
        422 => 400,
        status => status,
    };
    let detail = match error.advice() {
        Some(hint) => format!("{} [{}]: {hint}", error.message(), error.code()),
        None => format!("{} [{}]", error.message(), error.code()),
    };
    let mut told = json!({"schemas": [schema::ERROR], "status": status.to_string(), "detail": detail});
    if let Some(scim_type) = scim_type(error) {
        told["scimType"] = scim_type.into();
    }
    (status, told)
}

/// An answer; a resource brings its version and place.
fn answer(done: Result<(u16, Option<Value>)>) -> Response<Body> {
    let (status, body) = match done {
        Ok((status, body)) => (status, body),
        Err(error) => {
            let (status, body) = refused(&error);
            let mut response = written(status, Some(&body));
            if status == 401 {
                let value = HeaderValue::from_static("Bearer realm=\"aic\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
            }
            return response;
        }
    };
    let mut response = written(status, body.as_ref());
    let meta = |name: &str| {
        body.as_ref().and_then(|body| body["meta"][name].as_str()).unwrap_or_default().to_owned()
    };
    for (name, value) in [(header::ETAG, meta("version")), (header::LOCATION, meta("location"))] {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn written(status: u16, body: Option<&Value>) -> Response<Body> {
    let mut response = Response::new(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media = HeaderValue::from_static("application/scim+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// Where the resources are.
pub(crate) fn place(cx: &Cx) -> Result<String> {
    Ok(format!("{}/scim/v2", cx.port::<Site>()?.url()?))
}

async fn config(State(web): Shared, parts: Parts) -> Response<Body> {
    answer(async { cx(&web, &parts).await.map(|_| (200, Some(schema::config()))) }.await)
}

async fn resource_types(State(web): Shared, parts: Parts) -> Response<Body> {
    answer(async { cx(&web, &parts).await.map(|_| (200, Some(list::whole(schema::resource_types())))) }.await)
}

async fn resource_type(State(web): Shared, Path(name): Path<String>, parts: Parts) -> Response<Body> {
    let found = async {
        cx(&web, &parts).await?;
        found(schema::resource_types(), &name)
    };
    answer(found.await)
}

async fn schemas(State(web): Shared, parts: Parts) -> Response<Body> {
    answer(async { cx(&web, &parts).await.map(|_| (200, Some(list::whole(schema::schemas())))) }.await)
}

async fn one_schema(State(web): Shared, Path(id): Path<String>, parts: Parts) -> Response<Body> {
    let found = async {
        cx(&web, &parts).await?;
        found(schema::schemas(), &id)
    };
    answer(found.await)
}

fn found(all: Vec<Value>, id: &str) -> Result<(u16, Option<Value>)> {
    let found = all.into_iter().find(|it| it["id"] == id);
    found
        .map(|it| (200, Some(it)))
        .ok_or_else(|| Error::not_found("not-found", format!("there is no `{id}`")))
}

async fn all(State(web): Shared, Path(sort): Path<String>, parts: Parts) -> Response<Body> {
    let done = async {
        let (cx, sort) = (cx(&web, &parts).await?, Sort::of(&sort)?);
        let asked = list::Asked::of_query(parts.uri.query().unwrap_or_default())?;
        list::page(&cx, &[sort], &asked, &place(&cx)?).await.map(|page| (200, Some(page)))
    };
    answer(done.await)
}

async fn search(State(web): Shared, Path(sort): Path<String>, request: Request) -> Response<Body> {
    let (parts, http_body) = request.into_parts();
    let done = async {
        let (cx, sort) = (cx(&web, &parts).await?, Sort::of(&sort)?);
        let asked = list::Asked::of_body(&json_of(http_body).await?)?;
        list::page(&cx, &[sort], &asked, &place(&cx)?).await.map(|page| (200, Some(page)))
    };
    answer(done.await)
}

async fn search_all(State(web): Shared, request: Request) -> Response<Body> {
    let (parts, http_body) = request.into_parts();
    let done = async {
        let cx = cx(&web, &parts).await?;
        let asked = list::Asked::of_body(&json_of(http_body).await?)?;
        list::page(&cx, &[Sort::User, Sort::Group], &asked, &place(&cx)?).await.map(|page| (200, Some(page)))
    };
    answer(done.await)
}

async fn json_of(http_body: Body) -> Result<Value> {
    let value = body::json(http_body, BODY_MAX).await?;
    value
        .filter(Value::is_object)
        .ok_or_else(|| Error::bad_request("body-not-object", "the body must be a JSON object"))
}

async fn create(State(web): Shared, Path(sort): Path<String>, request: Request) -> Response<Body> {
    let (parts, http_body) = request.into_parts();
    let done = async {
        let (cx, sort) = (cx(&web, &parts).await?, Sort::of(&sort)?);
        let made = resource::create(&cx, sort, json_of(http_body).await?).await?;
        Ok((201, Some(made.shown(&place(&cx)?))))
    };
    answer(done.await)
}

async fn one(State(web): Shared, Path((sort, id)): Path<(String, String)>, parts: Parts) -> Response<Body> {
    let done = async {
        let (cx, sort) = (cx(&web, &parts).await?, Sort::of(&sort)?);
        let asked = list::Asked::of_query(parts.uri.query().unwrap_or_default())?;
        let it = resource::get(&cx, sort, &id).await?;
        if let Some(known) = parts.headers.get(header::IF_NONE_MATCH)
            && known.to_str().ok() == Some(&it.version())
        {
            return Ok((304, None));
        }
        Ok((200, Some(asked.selected(it.shown(&place(&cx)?)))))
    };
    answer(done.await)
}

/// Refuses a change of what is not any more what the caller has read.
fn same_version(headers: &HeaderMap, it: &resource::Resource) -> Result<()> {
    match headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()) {
        None | Some("*") => Ok(()),
        Some(known) if known == it.version() => Ok(()),
        Some(_) => Err(Error::new(
            base::Status::PreconditionFailed,
            "precondition-failed",
            "it has changed since you read it",
        )),
    }
}

async fn replace(
    State(web): Shared,
    Path((sort, id)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    let (parts, http_body) = request.into_parts();
    let done = async {
        let (cx, sort) = (cx(&web, &parts).await?, Sort::of(&sort)?);
        let it = resource::get(&cx, sort, &id).await?;
        same_version(&parts.headers, &it)?;
        let changed = resource::replace(&cx, it, json_of(http_body).await?).await?;
        Ok((200, Some(changed.shown(&place(&cx)?))))
    };
    answer(done.await)
}

async fn change(
    State(web): Shared,
    Path((sort, id)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    let (parts, http_body) = request.into_parts();
    let done = async {
        let (cx, sort) = (cx(&web, &parts).await?, Sort::of(&sort)?);
        let it = resource::get(&cx, sort, &id).await?;
        same_version(&parts.headers, &it)?;
        let operations = json_of(http_body).await?;
        let wanted = patch::applied(it.body.clone(), &operations)?;
        let changed = resource::replace(&cx, it, wanted).await?;
        Ok((200, Some(changed.shown(&place(&cx)?))))
    };
    answer(done.await)
}

async fn remove(
    State(web): Shared,
    Path((sort, id)): Path<(String, String)>,
    parts: Parts,
) -> Response<Body> {
    let done = async {
        let (cx, sort) = (cx(&web, &parts).await?, Sort::of(&sort)?);
        let it = resource::get(&cx, sort, &id).await?;
        same_version(&parts.headers, &it)?;
        resource::remove(&cx, &it).await.map(|()| (204, None))
    };
    answer(done.await)
}

async fn bulk_request(State(web): Shared, request: Request) -> Response<Body> {
    let (parts, http_body) = request.into_parts();
    let done = async {
        let cx = cx(&web, &parts).await?;
        bulk::run(&cx, &json_of(http_body).await?, &place(&cx)?).await.map(|done| (200, Some(done)))
    };
    answer(done.await)
}
