//! The verbs that write: create, replace, patch, apply, clone, import and bulk.

use std::{collections::BTreeMap, sync::Arc};

use ::patch::managed::Ask;
use base::{Error, Name, Result};
use serde_json::{Map, Value, json};

use crate::{
    apply,
    cx::Cx,
    declare::KindDef,
    kind::Field,
    object::{Fields, Metadata, Owner, Raw},
    question::PARENT,
    validate, write,
};

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchForm {
    /// JSON Merge Patch (RFC 7396).
    Merge,
    /// JSON Patch (RFC 6902).
    Json,
    /// Server-side apply (Kubernetes).
    Apply,
}

/// What a request says of an object: the parts of the body that a caller may set.
struct Wish {
    name: Option<String>,
    generate_name: Option<String>,
    uid: Option<String>,
    version: Option<u64>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    owners: Vec<Owner>,
    finalizers: Vec<String>,
    spec: Fields,
}

/// Metadata that callers may send back as they got it, but not set.
const READ_ONLY: [&str; 6] =
    ["namespace", "creationTimestamp", "deletionTimestamp", "generation", "managedFields", "selfLink"];

/// Reads a body as an object of a kind.
fn wish(cx: &Cx, kind: &KindDef, body: Value) -> Result<Wish> {
    let Value::Object(mut body) = body else {
        return Err(Error::bad_request("body-not-object", "the body must be a JSON object"));
    };
    for (name, expected) in [("apiVersion", kind.api_version()), ("kind", kind.pascal_name())] {
        match body.remove(name) {
            None => {}
            Some(Value::String(found)) if found == expected => {}
            Some(_) => {
                return Err(Error::invalid("wrong-kind", format!("`{name}` is `{expected}` here")).at(name));
            }
        }
    }
    let spec = match body.remove("spec") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(spec)) => spec,
        Some(_) => return Err(Error::invalid("wrong-type", "`spec` is an object").at("spec")),
    };
    body.remove("status");
    let metadata = match body.remove("metadata") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(metadata)) => metadata,
        Some(_) => {
            return Err(Error::invalid("wrong-type", "`metadata` is an object").at("metadata"));
        }
    };
    if let Some(name) = body.keys().next() {
        let shown: String = name.chars().take(60).collect();
        return Err(Error::invalid("unknown-field", format!("there is no field `{shown}` here"))
            .at(shown)
            .hint("an object has `apiVersion`, `kind`, `metadata` and `spec`"));
    }
    wish_of(cx, metadata, spec)
}

fn wish_of(cx: &Cx, mut metadata: Map<String, Value>, spec: Fields) -> Result<Wish> {
    if let Some(Value::String(namespace)) = metadata.get("namespace")
        && !namespace.is_empty()
        && **namespace != *cx.project
    {
        return Err(Error::invalid(
            "wrong-project",
            format!("the request is about project `{}`", cx.project),
        )
        .at("metadata.namespace")
        .hint("leave it out, or choose the project in the path or with `X-AIC-Project`"));
    }
    for name in READ_ONLY {
        metadata.remove(name);
    }
    let version = match metadata.remove("resourceVersion") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(value) => Some(
            value
                .as_str()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| crate::read::bad_position("metadata.resourceVersion"))?,
        ),
    };
    let wish = Wish {
        name: take(&mut metadata, "name")?,
        generate_name: take(&mut metadata, "generateName")?,
        uid: take(&mut metadata, "uid")?,
        version,
        labels: take(&mut metadata, "labels")?.unwrap_or_default(),
        annotations: take(&mut metadata, "annotations")?.unwrap_or_default(),
        owners: take(&mut metadata, "ownerReferences")?.unwrap_or_default(),
        finalizers: take(&mut metadata, "finalizers")?.unwrap_or_default(),
        spec,
    };
    match metadata.keys().next() {
        None => Ok(wish),
        Some(name) => {
            let shown: String = name.chars().take(60).collect();
            Err(Error::invalid("unknown-field", format!("there is no field `{shown}` in metadata"))
                .at(format!("metadata.{shown}")))
        }
    }
}

fn take<T: serde::de::DeserializeOwned>(metadata: &mut Map<String, Value>, name: &str) -> Result<Option<T>> {
    match metadata.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value).map(Some).map_err(|error| {
            Error::invalid("wrong-type", format!("`{name}`: {error}")).at(format!("metadata.{name}"))
        }),
    }
}

/// The name a new object gets.
fn name_of(cx: &Cx, wish: &Wish, parent: Option<&str>) -> Result<String> {
    let name = match (&wish.name, &wish.generate_name) {
        (Some(name), _) => name.clone(),
        (None, Some(start)) => {
            let id = cx.uid("x").as_str().to_lowercase();
            let tail: String = id.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
            format!("{start}{}", tail.trim_start_matches("x_"))
        }
        // Its kind may know how to name it.
        (None, None) => return Ok(String::new()),
    };
    let name = match parent {
        Some(parent) if !name.starts_with(&format!("{parent}.")) => format!("{parent}.{name}"),
        _ => name,
    };
    Name::new(name).map(|name| name.to_string())
}

/// Makes a new object from a body.
pub async fn create(
    cx: &Cx,
    kind: &Arc<KindDef>,
    params: &BTreeMap<String, String>,
    body: Value,
) -> Result<Raw> {
    let new = draft(cx, kind, params.get(PARENT).map(String::as_str), body)?;
    write::put(cx, kind, None, new).await
}

/// A new object as a body tells it, under a parent if the path names one.
fn draft(cx: &Cx, kind: &KindDef, parent: Option<&str>, body: Value) -> Result<Raw> {
    let mut wish = wish(cx, kind, body)?;
    if let (Some((_, field)), Some(parent)) = (kind.parent, parent) {
        wish.spec.insert(field.to_owned(), parent.into());
    }
    validate::accept(kind.fields, &mut wish.spec, "spec")?;
    let parent = match kind.parent {
        Some((_, field)) => wish.spec.get(field).and_then(Value::as_str).map(str::to_owned),
        None => None,
    };
    let mut new = cx.blank(kind, name_of(cx, &wish, parent.as_deref())?);
    new.metadata.labels = wish.labels;
    new.metadata.annotations = wish.annotations;
    new.metadata.owner_references = wish.owners;
    new.metadata.finalizers = wish.finalizers;
    new.spec = wish.spec;
    Ok(new)
}

/// Replaces what a caller may set of an object.
pub async fn replace(cx: &Cx, kind: &Arc<KindDef>, old: Raw, body: Value) -> Result<Raw> {
    let wish = wish(cx, kind, body)?;
    let new = wished(kind, &old, wish)?;
    write::put(cx, kind, Some(old), new).await
}

fn wished(kind: &KindDef, old: &Raw, mut wish: Wish) -> Result<Raw> {
    if wish.name.as_ref().is_some_and(|name| *name != old.metadata.name) {
        return Err(Error::invalid("immutable-field", "a name does not change")
            .at("metadata.name")
            .hint("clone the object under the new name and delete this one"));
    }
    if wish.uid.as_ref().is_some_and(|uid| uid != old.metadata.uid.as_str()) {
        return Err(Error::conflict("wrong-uid", "this is another object than the one you read")
            .at("metadata.uid")
            .hint("it was deleted and made anew; read it again"));
    }
    if wish.version.is_some_and(|version| version != old.metadata.version) {
        return Err(write::stale(old.metadata.version));
    }
    carry_secrets(kind.fields, &old.spec, &mut wish.spec);
    validate::accept(kind.fields, &mut wish.spec, "spec")?;
    let mut new = old.clone();
    new.metadata.labels = wish.labels;
    new.metadata.annotations = wish.annotations;
    new.metadata.owner_references = wish.owners;
    new.metadata.finalizers = wish.finalizers;
    new.spec = wish.spec;
    immutable(kind, old, &new)?;
    Ok(new)
}

/// A secret that was not sent again stays as it is.
fn carry_secrets(table: &[Field], old: &Fields, new: &mut Fields) {
    for field in table.iter().filter(|field| field.write_only) {
        if let (false, Some(kept)) = (new.contains_key(field.name), old.get(field.name)) {
            new.insert(field.name.to_owned(), kept.clone());
        }
    }
}

/// Refuses changes of fields that do not change.
pub(crate) fn immutable(kind: &KindDef, old: &Raw, new: &Raw) -> Result<()> {
    for field in kind.fields.iter().filter(|field| field.immutable) {
        let (before, after) = (old.spec.get(field.name), new.spec.get(field.name));
        if before.is_some() && before != after {
            return Err(Error::invalid("immutable-field", format!("`{}` does not change", field.name))
                .at(format!("spec.{}", field.name))
                .hint("clone the object with the new value"));
        }
    }
    Ok(())
}

/// Changes part of an object.
pub async fn patch(
    cx: &Cx,
    kind: &Arc<KindDef>,
    old: Raw,
    (form, body): (PatchForm, Value),
    params: &BTreeMap<String, String>,
) -> Result<Raw> {
    let mut document = old.shown(kind);
    match form {
        PatchForm::Merge => {
            let said = body.pointer("/metadata/resourceVersion").cloned();
            ::patch::merge(&mut document, &body);
            if said.is_none() {
                clear_version(&mut document);
            }
        }
        PatchForm::Json => {
            ::patch::apply(&mut document, body)?;
            clear_version(&mut document);
        }
        PatchForm::Apply => return applied(cx, kind, Some(old), body, params).await,
    }
    let wish = wish(cx, kind, document)?;
    let mut new = wished(kind, &old, wish)?;
    let (manager, api_version) = (&cx.principal.actor(), &kind.api_version());
    apply::note_update(&Ask { manager, force: false, now: cx.now(), api_version }, &old, &mut new);
    write::put(cx, kind, Some(old), new).await
}

fn clear_version(document: &mut Value) {
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
}

/// Server-side apply: makes the object if it is not there.
pub async fn applied(
    cx: &Cx,
    kind: &Arc<KindDef>,
    old: Option<Raw>,
    body: Value,
    params: &BTreeMap<String, String>,
) -> Result<Raw> {
    let manager = params.get("fieldManager").filter(|manager| !manager.is_empty()).ok_or_else(|| {
        Error::bad_request("field-manager-missing", "server-side apply needs to know who manages the fields")
            .at("fieldManager")
            .hint("add `?fieldManager=NAME`")
    })?;
    let force = params.get("force").is_some_and(|force| force == "true");
    let cx = cx.doing("apply");
    let ask = Ask { manager, force, now: cx.now(), api_version: &kind.api_version() };
    let Some(old) = old else {
        let mut new = draft(&cx, kind, None, body.clone())?;
        new.metadata.managed_fields = ask.first(&body);
        return write::put(&cx, kind, None, new).await;
    };
    let document = apply::merge(&ask, kind, &old, &body)?;
    let managed = document.managed;
    let wish = wish(&cx, kind, document.object)?;
    let mut new = wished(kind, &old, wish)?;
    new.metadata.managed_fields = managed;
    write::put(&cx, kind, Some(old), new).await
}

/// Copies an object under another name.
pub async fn clone_of(cx: &Cx, kind: &Arc<KindDef>, it: &Raw, body: &Value) -> Result<Raw> {
    let name = body.get("name").and_then(Value::as_str).ok_or_else(|| {
        Error::invalid("missing-field", "`name` must be given").at("name").hint("the name of the copy")
    })?;
    let mut new = it.clone();
    new.metadata = Metadata {
        name: Name::new(name)?.to_string(),
        uid: cx.uid(kind.prefix),
        version: 0,
        generation: 1,
        creation_timestamp: cx.now(),
        deletion_timestamp: None,
        owner_references: Vec::new(),
        finalizers: Vec::new(),
        managed_fields: Vec::new(),
        ..it.metadata.clone()
    };
    new.status = Fields::new();
    write::put(cx, kind, None, new).await
}

/// The most objects one bulk or import request carries.
pub const BULK_MAX: usize = 1_000;

/// Does several things, each for itself, and answers what became of each.
pub async fn bulk(cx: &Cx, kind: &Arc<KindDef>, body: Value) -> Result<Value> {
    let Some(Value::Array(items)) = body.get("items").cloned() else {
        return Err(Error::invalid("missing-field", "`items` must be a list").at("items").hint(
            "each item is {\"verb\": \"create\" | \"apply\" | \"patch\" | \"delete\", \"id\"?, \"object\"?}",
        ));
    };
    if items.len() > BULK_MAX {
        return Err(
            Error::too_large("too-many-items", format!("at most {BULK_MAX} items a request")).at("items")
        );
    }
    let mut results = Vec::new();
    let mut failed = 0;
    for item in items {
        let result = match one(cx, kind, &item).await {
            Ok(raw) => json!({"status": 200, "object": raw.shown(kind)}),
            Err(error) => {
                failed += 1;
                json!({"status": error.status().code(), "code": error.code(), "detail": error.message(), "field": error.field()})
            }
        };
        results.push(result);
    }
    Ok(json!({"items": results, "failed": failed}))
}

/// The name a new object asks for.
pub(crate) fn name_in(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

/// An object somebody wants to do something with, decided by its name however it was called.
async fn found_for(cx: &Cx, kind: &Arc<KindDef>, verb: &str, id: &str) -> Result<Raw> {
    let found = cx.find_opt(kind, id).await?;
    let name = found.as_ref().map_or(id, |it| &it.metadata.name);
    cx.authorize_kind(kind, verb, name).await?;
    found.ok_or_else(|| crate::cx::not_found(kind, id))
}

async fn one(cx: &Cx, kind: &Arc<KindDef>, item: &Value) -> Result<Raw> {
    let object = item.get("object").cloned().unwrap_or_else(|| json!({}));
    let verb = item.get("verb").and_then(Value::as_str).unwrap_or("create");
    let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
    let params = BTreeMap::from([
        ("fieldManager".to_owned(), "bulk".to_owned()),
        ("force".to_owned(), "true".to_owned()),
    ]);
    let cx = cx.doing(verb);
    match verb {
        "create" => {
            cx.authorize_kind(kind, "create", name_in(&object)).await?;
            create(&cx, kind, &params, object).await
        }
        "apply" => {
            let name = name_in(&object);
            cx.authorize_kind(kind, "update", name).await?;
            cx.authorize_kind(kind, "create", name).await?;
            let old = cx.find_opt(kind, name).await?;
            applied(&cx, kind, old, object, &params).await
        }
        "patch" => {
            let old = found_for(&cx, kind, "update", id).await?;
            patch(&cx, kind, old, (PatchForm::Merge, object), &params).await
        }
        "delete" => {
            let old = found_for(&cx, kind, "delete", id).await?;
            crate::lifecycle::delete(&cx, kind, old, crate::lifecycle::Propagation::Background).await
        }
        _ => Err(Error::invalid("unknown-value", "`verb` is create, apply, patch or delete").at("verb")),
    }
}
