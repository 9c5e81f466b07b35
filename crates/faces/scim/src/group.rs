//! A group in SCIM's words (RFC 7643 section 4.2). Who is in it stands with each user.

use std::collections::BTreeSet;

use base::{Error, Name, Result};
use kernel::{cx::Cx, declare::Body, dispatch::Verb, literal, object::Raw};
use serde_json::{Map, Value, json};

use crate::{call, filter::Filter, path::get, schema};

/// The fields of the platform's groups that SCIM keeps.
pub const FIELDS: &[&str] = &["displayName", "externalId"];

/// The most members of a group that are listed or changed.
const MEMBERS_MAX: u32 = 10_000;

async fn users_in(cx: &Cx, group: &str) -> Result<Vec<Raw>> {
    cx.list_raw("admin.users", &format!("spec.groups:{}", literal(group)), MEMBERS_MAX).await
}

/// The resource of a group.
pub async fn body(cx: &Cx, raw: &Raw) -> Result<Value> {
    let mut body = Map::new();
    body.insert("schemas".to_owned(), json!([schema::GROUP]));
    body.insert("id".to_owned(), json!(raw.metadata.uid));
    let display = raw.spec.get("displayName").cloned();
    body.insert("displayName".to_owned(), display.unwrap_or_else(|| raw.metadata.name.clone().into()));
    if let Some(id) = raw.spec.get("externalId").filter(|id| !id.is_null()) {
        body.insert("externalId".to_owned(), id.clone());
    }
    let place = crate::place(cx)?;
    let member = |user: &Raw| {
        let id = &user.metadata.uid;
        json!({"value": id, "$ref": format!("{place}/Users/{id}")})
    };
    let members: Vec<Value> = users_in(cx, &raw.metadata.name).await?.iter().map(member).collect();
    if !members.is_empty() {
        body.insert("members".to_owned(), members.into());
    }
    Ok(Value::Object(body))
}

/// The name and spec of a group a resource describes.
pub fn object(body: &Value) -> Result<(String, Map<String, Value>)> {
    let display =
        get(body, "displayName").and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let display = display.ok_or_else(|| {
        Error::bad_request("missing-field", "a group needs a `displayName`").at("displayName")
    })?;
    let name = Name::from_title(display).ok_or_else(|| {
        Error::bad_request("invalid-name", "the `displayName` has no letter or digit").at("displayName")
    })?;
    let mut spec = Map::from_iter([("displayName".to_owned(), Value::from(display))]);
    if let Some(id) = get(body, "externalId").and_then(Value::as_str) {
        spec.insert("externalId".to_owned(), id.into());
    }
    Ok((name.to_string(), spec))
}

/// Puts into a group who shall be in it, and takes out who shall not.
pub async fn set_members(cx: &Cx, group: &str, body: &Value) -> Result<()> {
    let wrong =
        || Error::bad_request("wrong-type", "`members` is a list of objects with a `value`").at("members");
    let mut wanted = BTreeSet::new();
    let members = match get(body, "members") {
        None | Some(Value::Null) => &Vec::new(),
        Some(members) => members.as_array().ok_or_else(wrong)?,
    };
    for member in members {
        let id = get(member, "value").and_then(Value::as_str).ok_or_else(wrong)?;
        let user = cx.read("admin.users", id).await.map_err(|_| {
            Error::bad_request("bad-reference", format!("there is no user `{id}`")).at("members")
        })?;
        wanted.insert(user.metadata.name);
    }
    let there: BTreeSet<String> =
        users_in(cx, group).await?.into_iter().map(|user| user.metadata.name).collect();
    for (action, names) in [
        ("members", wanted.difference(&there).collect::<Vec<_>>()),
        ("remove-members", there.difference(&wanted).collect()),
    ] {
        for names in names.chunks(1_000) {
            let ask = Body::Json(json!({"items": names}));
            call(cx, "admin.groups", Verb::Act(action.to_owned()), (Some(group), ask)).await?;
        }
    }
    Ok(())
}

/// The platform's filter that finds what a SCIM filter is about, if there is one.
pub fn narrowed(filter: &Filter) -> Option<String> {
    filter.only_equals("externalId").map(|id| format!("spec.externalId = {}", literal(id)))
}
