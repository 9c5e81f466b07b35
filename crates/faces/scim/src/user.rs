//! A user in SCIM's words (RFC 7643 section 4.1).

use base::{Error, Name, Result};
use kernel::{cx::Cx, literal, object::Raw};
use serde_json::{Map, Value, json};

use crate::{filter::Filter, path::get, schema};

/// The fields of the platform's users that SCIM keeps.
pub const FIELDS: &[&str] = &[
    "login",
    "displayName",
    "givenName",
    "familyName",
    "title",
    "email",
    "moreEmails",
    "externalId",
    "disabled",
];

/// The resource of a user.
pub async fn body(cx: &Cx, raw: &Raw) -> Result<Value> {
    let text = |name: &str| raw.spec.get(name).and_then(Value::as_str);
    let mut body = Map::new();
    body.insert("schemas".to_owned(), json!([schema::USER]));
    body.insert("id".to_owned(), json!(raw.metadata.uid));
    body.insert("userName".to_owned(), text("login").unwrap_or(&raw.metadata.name).into());
    body.insert("active".to_owned(), (raw.spec.get("disabled") != Some(&Value::Bool(true))).into());
    for (ours, theirs) in [("displayName", "displayName"), ("title", "title"), ("externalId", "externalId")] {
        if let Some(value) = text(ours) {
            body.insert(theirs.to_owned(), value.into());
        }
    }
    let mut name = Map::new();
    let parts = [("givenName", text("givenName")), ("familyName", text("familyName"))];
    for (part, value) in parts {
        if let Some(value) = value {
            name.insert(part.to_owned(), value.into());
        }
    }
    if !name.is_empty() {
        body.insert("name".to_owned(), Value::Object(name));
    }
    let more = raw.spec.get("moreEmails").and_then(Value::as_array);
    let more: Vec<&str> = more.into_iter().flatten().filter_map(Value::as_str).collect();
    // Where the directory calls none primary, the first is written to, and stands among the others too.
    let primary = text("email").filter(|email| !more.contains(email));
    let mut emails = Vec::new();
    emails.extend(primary.map(|email| json!({"value": email, "primary": true})));
    emails.extend(more.iter().map(|email| json!({"value": email, "primary": false})));
    if !emails.is_empty() {
        body.insert("emails".to_owned(), emails.into());
    }
    let groups = groups(cx, raw).await?;
    if !groups.is_empty() {
        body.insert("groups".to_owned(), groups.into());
    }
    Ok(Value::Object(body))
}

async fn groups(cx: &Cx, raw: &Raw) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for name in
        raw.spec.get("groups").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        // A user may be in a group that is only a name, for grants.
        if let Ok(group) = cx.read("admin.groups", name).await {
            let display = group.spec.get("displayName").cloned().unwrap_or_else(|| name.into());
            found.push(json!({"value": group.metadata.uid, "display": display}));
        }
    }
    Ok(found)
}

/// The name and spec of a user a resource describes; `old` is the user it changes.
pub async fn object(cx: &Cx, body: &Value, old: Option<&Raw>) -> Result<(String, Map<String, Value>)> {
    let text =
        |name: &str| get(body, name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let login = text("userName")
        .ok_or_else(|| Error::bad_request("missing-field", "a user needs a `userName`").at("userName"))?;
    taken(cx, login, old).await?;
    let name =
        match old {
            Some(old) => old.metadata.name.clone(),
            None => Name::from_title(login).map_or_else(
                || {
                    Err(Error::bad_request("invalid-name", "the `userName` has no letter or digit")
                        .at("userName"))
                },
                |name| Ok(name.to_string()),
            )?,
        };
    let mut spec = Map::new();
    if login != name {
        spec.insert("login".to_owned(), login.into());
    }
    for (theirs, ours) in [("displayName", "displayName"), ("title", "title"), ("externalId", "externalId")] {
        if let Some(value) = text(theirs) {
            spec.insert(ours.to_owned(), value.into());
        }
    }
    if let Some(inner) = get(body, "name") {
        for part in ["givenName", "familyName"] {
            if let Some(value) = get(inner, part).and_then(Value::as_str) {
                spec.insert(part.to_owned(), value.into());
            }
        }
    }
    let active = match get(body, "active") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(active)) => *active,
        // Some directories write it as a text.
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => true,
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => false,
        Some(_) => return Err(Error::bad_request("wrong-type", "`active` is true or false").at("active")),
    };
    spec.insert("disabled".to_owned(), (!active).into());
    emails(body, &mut spec)?;
    if let Some(password) = text("password") {
        spec.insert("password".to_owned(), password.into());
    }
    Ok((name, spec))
}

fn emails(body: &Value, spec: &mut Map<String, Value>) -> Result<()> {
    let Some(emails) = get(body, "emails").filter(|emails| !emails.is_null()) else { return Ok(()) };
    let wrong =
        || Error::bad_request("wrong-type", "`emails` is a list of objects with a `value`").at("emails");
    let mut all = Vec::new();
    for email in emails.as_array().ok_or_else(wrong)? {
        let value = get(email, "value").and_then(Value::as_str).ok_or_else(wrong)?;
        all.push((get(email, "primary") != Some(&Value::Bool(true)), value));
    }
    // The primary one comes first, the others in their order.
    all.sort_by_key(|(is_other, _)| *is_other);
    let has_primary = all.first().is_some_and(|(is_other, _)| !is_other);
    if let Some((_, first)) = all.first() {
        spec.insert("email".to_owned(), (*first).into());
    }
    let more: Vec<&str> = all.into_iter().skip(usize::from(has_primary)).map(|(_, value)| value).collect();
    spec.insert("moreEmails".to_owned(), more.into());
    Ok(())
}

/// Nobody else may have the `userName`, whatever its case.
async fn taken(cx: &Cx, login: &str, old: Option<&Raw>) -> Result<()> {
    let is_other = |raw: &Raw| old.is_none_or(|old| old.metadata.uid != raw.metadata.uid);
    let by_login = cx.list_raw("admin.users", &format!("spec.login = {}", literal(login)), 2).await?;
    let by_name = match Name::from_title(login).filter(|name| name.as_str().eq_ignore_ascii_case(login)) {
        Some(name) => cx.read("admin.users", name.as_str()).await.ok(),
        None => None,
    };
    if by_login.iter().chain(by_name.iter()).any(is_other) {
        return Err(
            Error::conflict("already-exists", format!("there is a user `{login}` already")).at("userName")
        );
    }
    Ok(())
}

/// The platform's filter that finds what a SCIM filter is about, if there is one.
pub fn narrowed(filter: &Filter) -> Option<String> {
    if let Some(name) = filter.only_equals("userName") {
        let plain = Name::from_title(name).map(|name| name.to_string()).unwrap_or_default();
        return Some(format!("spec.login = {} OR metadata.name = {}", literal(name), literal(&plain)));
    }
    filter.only_equals("externalId").map(|id| format!("spec.externalId = {}", literal(id)))
}
