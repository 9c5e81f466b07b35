//! The one way in: every operation on every kind is a call, and every call is answered here.

use std::{collections::BTreeMap, sync::Arc};

use base::{Error, Result, Uid};
use serde_json::{Value, json};

use crate::{
    change::{self, PatchForm},
    cx::{Cx, not_found},
    declare::{Body, Input, KindDef, Of, OpenTo, Output},
    lifecycle::{self, Propagation},
    lineage,
    object::Raw,
    platform::Platform,
    question::PARENT,
    read, watch, write,
};

pub use crate::verb::{Verb, open_to};

/// One operation: kind, verb, object, parameters, body.
pub struct Call {
    /// The kind.
    pub kind: Arc<KindDef>,
    /// What is asked.
    pub verb: Verb,
    /// The object, by name or uid.
    pub id: Option<String>,
    /// The parent, where the path names one.
    pub parent: Option<String>,
    /// Query parameters.
    pub params: BTreeMap<String, String>,
    /// The body.
    pub body: Body,
    /// The version the caller says it has read (RFC 9110's `If-Match`).
    pub if_match: Option<u64>,
}

/// What an operation answers.
pub enum Answer {
    /// An object: its version becomes the `ETag`.
    Object(Value, u64),
    /// A new object.
    Created(Value, u64),
    /// Any other JSON.
    Value(Value),
    /// Bytes.
    Bytes(Output),
    /// Changes as they happen.
    Watch(Box<watch::Subscription>),
}

/// Answers one call: who may, then what.
pub async fn call(cx: Cx, call: Call) -> Result<Answer> {
    let mut cx = cx.doing(call.verb.word());
    cx.check_deadline()?;
    served(&call)?;
    // An object named by its uid is decided where it lives, and by its name.
    let mut object = match (&call.id, &call.body) {
        (Some(id), _) => id.clone(),
        (None, Body::Json(body)) => change::name_in(body).to_owned(),
        (None, Body::Empty | Body::Bytes { .. }) => String::new(),
    };
    if let Some((project, name)) = named_by_uid(&cx, &call.kind, call.id.as_deref()).await? {
        object = name;
        if !project.is_empty() {
            cx = cx.in_project(&project);
        }
    }
    if open_to(&call.kind, &call.verb) == OpenTo::Granted {
        cx.authorize_kind(&call.kind, &call.verb.permission(&call.kind), &object).await?;
    }
    if call.kind.scope == crate::kind::Scope::Project && &*cx.project != "-" {
        cx.platform.check_project(&cx.org, &cx.project).await?;
    }
    if let Some(answer) = cx.platform.replayed(&cx).await? {
        return Ok(answer);
    }
    match answer(&cx, call).await {
        // The same request came twice at once, and the other was faster.
        Err(error) if error.code() == "already-kept" => {
            cx.platform.replayed(&cx).await?.ok_or_else(|| Error::internal("a kept answer was not there"))
        }
        other => other,
    }
}

fn served(call: &Call) -> Result<()> {
    let verb = match &call.verb {
        Verb::Create => "create",
        Verb::Replace | Verb::Patch(_) => "update",
        Verb::Delete => "delete",
        Verb::Clone => "clone",
        Verb::Import => "import",
        _ => return Ok(()),
    };
    if call.kind.serves(verb) {
        return Ok(());
    }
    Err(Error::new(
        base::Status::MethodNotAllowed,
        "verb-not-served",
        format!("a {} is not made or changed this way", call.kind.name.replace('-', " ")),
    )
    .hint(format!("`aic api explain {}` lists what is served", call.kind.plural)))
}

/// The project and name of an object named by its uid.
async fn named_by_uid(cx: &Cx, kind: &KindDef, id: Option<&str>) -> Result<Option<(String, String)>> {
    let Some(id) = id.filter(|id| Uid::looks_like(id)) else { return Ok(None) };
    let record = cx.platform.store.by_uid(&Uid::known(id)).await?;
    match record.filter(|it| it.org == cx.org_of(kind.scope) && it.kind == kind.id()) {
        Some(record) => Ok(Some((record.project, record.name))),
        None => Err(not_found(kind, id)),
    }
}

async fn answer(cx: &Cx, call: Call) -> Result<Answer> {
    let kind = Arc::clone(&call.kind);
    let mut params = call.params;
    let parent = match (&call.parent, kind.parent) {
        (Some(parent), Some((plural, _))) => {
            let id = format!("{}.{plural}", kind.service);
            let parent = cx.find(&*cx.platform.kind(&id)?, parent).await?;
            params.insert(PARENT.to_owned(), parent.metadata.name.clone());
            Some(parent.metadata.name)
        }
        _ => None,
    };
    match call.verb {
        Verb::List => read::list(cx, &kind, &params).await.map(Answer::Value),
        Verb::Count => read::count(cx, &kind, &params).await.map(Answer::Value),
        Verb::Export => read::export(cx, &kind, &params).map(Answer::Bytes),
        Verb::Watch => watch::subscribe(cx, &kind, &params).await.map(|it| Answer::Watch(Box::new(it))),
        Verb::Create => {
            let made = change::create(cx, &kind, &params, json_body(call.body)?).await?;
            Ok(Answer::Created(made.shown(&kind), made.metadata.version))
        }
        Verb::Validate => {
            let dry = Cx { dry_run: true, ..cx.clone() };
            let made = change::create(&dry, &kind, &params, json_body(call.body)?).await?;
            Ok(Answer::Value(json!({"valid": true, "object": made.shown(&kind)})))
        }
        Verb::Import => change::bulk(cx, &kind, lines(call.body).await?).await.map(Answer::Value),
        Verb::Bulk => change::bulk(cx, &kind, json_body(call.body)?).await.map(Answer::Value),
        Verb::ActOnAll(name) => {
            act(cx, &kind, (&name, Of::Collection, false), None, (params, call.body)).await
        }
        Verb::ViewOfAll(name) => {
            act(cx, &kind, (&name, Of::Collection, true), None, (params, call.body)).await
        }
        Verb::Restore => {
            let id = child_name(&kind, parent.as_deref(), call.id.as_deref())?;
            object(&kind, lifecycle::restore(cx, &kind, &id).await?)
        }
        verb => {
            let id = child_name(&kind, parent.as_deref(), call.id.as_deref())?;
            let target = Target { id, if_match: call.if_match };
            on_object(cx, &kind, verb, target, (params, call.body)).await
        }
    }
}

struct Target {
    id: String,
    if_match: Option<u64>,
}

async fn on_object(
    cx: &Cx,
    kind: &Arc<KindDef>,
    verb: Verb,
    target: Target,
    (params, body): (BTreeMap<String, String>, Body),
) -> Result<Answer> {
    if verb == Verb::Patch(PatchForm::Apply) {
        return apply(cx, kind, &target, (&params, body)).await;
    }
    let it = cx.find(kind, &target.id).await?;
    if let Some(version) = target.if_match
        && version != it.metadata.version
    {
        return Err(Error::new(
            base::Status::PreconditionFailed,
            "precondition-failed",
            format!("it is at version {} now, not {version}", it.metadata.version),
        )
        .at("If-Match")
        .hint("read it again and apply your change to that"));
    }
    match verb {
        Verb::Get => {
            let fields = params.get("fields").map_or("", String::as_str);
            Ok(Answer::Object(read::masked(&it.shown(kind), fields), it.metadata.version))
        }
        Verb::History => read::history(cx, kind, &it, &params).await.map(Answer::Value),
        Verb::Diff => read::diff(cx, kind, &it, &params).await.map(Answer::Value),
        Verb::Lineage => {
            let direction = match params.get("direction").map(String::as_str) {
                None | Some("both") => lineage::Direction::Both,
                Some("upstream") => lineage::Direction::Upstream,
                Some("downstream") => lineage::Direction::Downstream,
                Some(_) => {
                    let message = "`direction` is upstream, downstream or both";
                    return Err(Error::bad_request("bad-query", message).at("direction"));
                }
            };
            lineage::of(cx, kind, it, direction).await.map(Answer::Value)
        }
        Verb::Replace => {
            let body = json_body(given(body)?)?;
            retried(cx, kind, &target, it, |it| change::replace(cx, kind, it, body.clone())).await
        }
        Verb::Patch(form) => {
            let body = json_body(given(body)?)?;
            retried(cx, kind, &target, it, |it| change::patch(cx, kind, it, (form, body.clone()), &params))
                .await
        }
        Verb::Delete => object(kind, lifecycle::delete(cx, kind, it, Propagation::of(&params)?).await?),
        Verb::Rollback => object(kind, lifecycle::rollback(cx, kind, it, &json_body(body)?).await?),
        Verb::Clone => {
            let made = change::clone_of(cx, kind, &it, &json_body(body)?).await?;
            Ok(Answer::Created(made.shown(kind), made.metadata.version))
        }
        Verb::Act(name) => act(cx, kind, (&name, Of::Object, false), Some(it), (params, body)).await,
        Verb::View(name) => act(cx, kind, (&name, Of::Object, true), Some(it), (params, body)).await,
        _ => Err(Error::internal("a verb of the collection was asked of an object")),
    }
}

/// A write of somebody who named no version is tried again when another writer was faster.
async fn retried<F, T>(cx: &Cx, kind: &Arc<KindDef>, target: &Target, it: Raw, write: F) -> Result<Answer>
where
    F: Fn(Raw) -> T,
    T: Future<Output = Result<Raw>>,
{
    let read_at = it.metadata.version;
    let mut it = it;
    for _ in 0..10 {
        match write(it).await {
            Err(error) if error.code() == "stale-version" && target.if_match.is_none() => {
                it = cx.find_stored(kind, &target.id).await?;
                // The caller named a version in the body, and it is not the present one.
                if it.metadata.version == read_at {
                    return Err(error);
                }
            }
            other => return object(kind, other?),
        }
    }
    Err(Error::conflict("too-busy", "others keep changing it").hint("try again"))
}

async fn apply(
    cx: &Cx,
    kind: &Arc<KindDef>,
    target: &Target,
    (params, body): (&BTreeMap<String, String>, Body),
) -> Result<Answer> {
    let mut body = json_body(body)?;
    if body.pointer("/metadata/name").is_none() && !Uid::looks_like(&target.id) {
        body["metadata"]["name"] = target.id.clone().into();
    }
    for _ in 0..10 {
        let old = cx.find_stored_opt(kind, &target.id).await?;
        let is_new = old.is_none();
        if is_new {
            cx.authorize_kind(kind, "create", change::name_in(&body)).await?;
        }
        match change::applied(cx, kind, old, body.clone(), params).await {
            Err(error) if matches!(error.code(), "stale-version" | "already-exists") => {
                if body.pointer("/metadata/resourceVersion").is_some() {
                    return Err(error);
                }
            }
            Ok(made) if is_new => {
                return Ok(Answer::Created(made.shown(kind), made.metadata.version));
            }
            other => return object(kind, other?),
        }
    }
    Err(Error::conflict("too-busy", "others keep changing it").hint("try again"))
}

async fn act(
    cx: &Cx,
    kind: &KindDef,
    (name, of, view): (&str, Of, bool),
    it: Option<Raw>,
    (params, body): (BTreeMap<String, String>, Body),
) -> Result<Answer> {
    let Some(action) = kind.action(name, of, view) else {
        return Err(Error::not_found("no-such-operation", format!("a {} has no `{name}`", kind.name)));
    };
    match (action.run)(cx.clone(), it, Input { params, body }).await? {
        Output::Json(value) => Ok(Answer::Value(value)),
        bytes @ Output::Bytes { .. } => Ok(Answer::Bytes(bytes)),
    }
}

fn object(kind: &KindDef, it: Raw) -> Result<Answer> {
    Ok(Answer::Object(it.shown(kind), it.metadata.version))
}

/// `…/models/churn/versions/3` means the version `churn.3`.
fn child_name(kind: &KindDef, parent: Option<&str>, id: Option<&str>) -> Result<String> {
    let id = id.ok_or_else(|| Error::internal("an operation of an object was asked of none"))?;
    Ok(match parent {
        Some(parent) if kind.parent.is_some() && !Uid::looks_like(id) => {
            let start = format!("{parent}.");
            if id.starts_with(&start) { id.to_owned() } else { format!("{start}{id}") }
        }
        _ => id.to_owned(),
    })
}

/// Nothing must not be taken for an object without fields, which would empty what is there.
fn given(body: Body) -> Result<Body> {
    match body {
        Body::Empty => Err(Error::bad_request("body-missing", "send the change as the body")),
        body => Ok(body),
    }
}

fn json_body(body: Body) -> Result<Value> {
    match body {
        Body::Json(value) => Ok(value),
        Body::Empty => Ok(json!({})),
        Body::Bytes { media, .. } => Err(Error::new(
            base::Status::UnsupportedMedia,
            "unsupported-media",
            format!("`{media}` is not read here"),
        )
        .hint("send JSON with `Content-Type: application/json`")),
    }
}

/// The body of an import, JSON lines or a list, as a bulk request of creations.
async fn lines(body: Body) -> Result<Value> {
    use futures::StreamExt;
    let objects: Vec<Value> = match body {
        Body::Json(Value::Array(objects)) => objects,
        Body::Bytes { mut bytes, .. } => {
            let mut text = Vec::new();
            while let Some(chunk) = bytes.next().await {
                text.extend_from_slice(&chunk?);
                if text.len() > 64 << 20 {
                    return Err(Error::too_large("body-too-large", "an import is at most 64 MiB"));
                }
            }
            let parsed: Result<Vec<Value>, _> =
                serde_json::Deserializer::from_slice(&text).into_iter().collect();
            parsed.map_err(|error| {
                Error::bad_request("bad-json", format!("a line is no JSON object: {error}"))
            })?
        }
        Body::Json(_) | Body::Empty => {
            return Err(Error::bad_request("bad-json", "send a list of objects, or JSON lines"));
        }
    };
    let items: Vec<Value> = objects
        .into_iter()
        .map(|mut object| {
            // What an export wrote: who and when belong to the place it came from.
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.retain(|name, _| matches!(name.as_str(), "name" | "labels" | "annotations"));
            }
            json!({"verb": "create", "object": object})
        })
        .collect();
    Ok(json!({"items": items}))
}

/// An action of any kind, asked from inside with the caller's own rights.
pub(crate) async fn call_action(
    cx: &Cx,
    kind: &str,
    id: Option<&str>,
    action: &str,
    ask: Value,
) -> Result<Value> {
    let kind = cx.platform.kind(kind)?;
    let verb = match id {
        Some(_) => Verb::Act(action.to_owned()),
        None => Verb::ActOnAll(action.to_owned()),
    };
    let asked = Call {
        kind,
        verb,
        id: id.map(str::to_owned),
        parent: None,
        params: BTreeMap::new(),
        body: Body::Json(ask),
        if_match: None,
    };
    match Box::pin(call(Cx { idempotency: None, ..cx.clone() }, asked)).await? {
        Answer::Value(value) | Answer::Object(value, _) | Answer::Created(value, _) => Ok(value),
        Answer::Bytes(_) | Answer::Watch(_) => {
            Err(Error::internal("an action asked from inside answers JSON"))
        }
    }
}

impl Platform {
    /// The answer to a request that was made before under the same `Idempotency-Key`.
    async fn replayed(self: &Arc<Self>, cx: &Cx) -> Result<Option<Answer>> {
        let Some(once) = &cx.idempotency else {
            return Ok(None);
        };
        let Some(kept) = self.store.kept("idempotency", &once.key, cx.now()).await? else {
            return Ok(None);
        };
        let kept: Value = serde_json::from_str(&kept).map_err(Error::internal)?;
        if kept["fingerprint"] != once.fingerprint.as_str() {
            return Err(Error::invalid("idempotency-key-reused", "this key was used for another request")
                .at("Idempotency-Key")
                .hint("use a fresh key for every new request"));
        }
        let kind = self.kind(kept["kind"].as_str().unwrap_or_default())?;
        let uid = Uid::known(kept["uid"].as_str().unwrap_or_default());
        match self.store.by_uid(&uid).await? {
            Some(record) => {
                let raw = Raw::from_record(&kind, &record)?;
                Ok(Some(Answer::Created(raw.shown(&kind), raw.metadata.version)))
            }
            None => Err(not_found(&kind, uid.as_str())),
        }
    }
}

impl Cx {
    /// The same context for a request that shall happen once under a key of the caller's.
    #[must_use]
    pub fn once(&self, key: &str, fingerprint: String) -> Self {
        let key = format!("{}/{}/{key}", self.org, self.principal.actor());
        let once = write::Once { key, fingerprint, carried: std::sync::Mutex::new(false) };
        Self { idempotency: Some(Arc::new(once)), ..self.clone() }
    }
}
