//! Many operations in one request (RFC 7644 section 3.7), in their order; what one makes, a later one may name.

use std::collections::HashMap;

use base::{Error, Result};
use kernel::cx::Cx;
use serde_json::{Value, json};

use crate::{
    patch,
    path::get,
    refused,
    resource::{self, Sort},
    schema,
};

/// The most operations of one request.
pub const OPERATIONS_MAX: usize = 1_000;

/// Does the operations.
pub async fn run(cx: &Cx, request: &Value, place: &str) -> Result<Value> {
    let operations = get(request, "Operations")
        .and_then(Value::as_array)
        .ok_or_else(|| Error::bad_request("missing-field", "there are no `Operations`").at("Operations"))?;
    if operations.len() > OPERATIONS_MAX {
        return Err(Error::too_large("too-many-items", format!("more than {OPERATIONS_MAX} operations"))
            .hint("send them in several requests"));
    }
    let fails = get(request, "failOnErrors").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let (mut made, mut failed, mut done) = (HashMap::new(), 0, Vec::new());
    for operation in operations {
        let text = |name: &str| get(operation, name).and_then(Value::as_str);
        let method = text("method").unwrap_or_default().to_ascii_uppercase();
        let mut told = json!({"method": method});
        if let Some(id) = text("bulkId") {
            told["bulkId"] = id.into();
        }
        match one(cx, operation, (&method, place), &made).await {
            Ok((status, it)) => {
                told["status"] = status.to_string().into();
                if let Some(it) = it {
                    told["location"] = it["meta"]["location"].clone();
                    told["version"] = it["meta"]["version"].clone();
                    if let (Some(bulk_id), Some(id)) = (text("bulkId"), it["id"].as_str()) {
                        made.insert(bulk_id.to_owned(), id.to_owned());
                    }
                }
            }
            Err(error) => {
                let (status, body) = refused(&error);
                told["status"] = status.to_string().into();
                told["response"] = body;
                failed += 1;
            }
        }
        done.push(told);
        if failed >= fails {
            break;
        }
    }
    Ok(json!({"schemas": [schema::BULK_RESPONSE], "Operations": done}))
}

async fn one(
    cx: &Cx,
    operation: &Value,
    (method, place): (&str, &str),
    made: &HashMap<String, String>,
) -> Result<(u16, Option<Value>)> {
    let path = get(operation, "path").and_then(Value::as_str).unwrap_or_default();
    let path = named(path, made)?;
    let mut parts = path.trim_start_matches('/').split('/');
    let sort = Sort::of(parts.next().unwrap_or_default())?;
    let id = parts.next();
    let mut data = get(operation, "data").cloned().unwrap_or_default();
    name_all(&mut data, made)?;
    let body = || match &data {
        Value::Object(_) => Ok(data.clone()),
        _ => Err(Error::bad_request("missing-field", "there is no `data`").at("data")),
    };
    match (method, id) {
        ("POST", None) => {
            if get(operation, "bulkId").is_none() {
                return Err(Error::bad_request("missing-field", "`POST` needs a `bulkId`").at("bulkId"));
            }
            Ok((201, Some(resource::create(cx, sort, body()?).await?.shown(place))))
        }
        ("PUT", Some(id)) => {
            let it = resource::get(cx, sort, id).await?;
            Ok((200, Some(resource::replace(cx, it, body()?).await?.shown(place))))
        }
        ("PATCH", Some(id)) => {
            let it = resource::get(cx, sort, id).await?;
            let wanted = patch::applied(it.body.clone(), &body()?)?;
            Ok((200, Some(resource::replace(cx, it, wanted).await?.shown(place))))
        }
        ("DELETE", Some(id)) => {
            let it = resource::get(cx, sort, id).await?;
            resource::remove(cx, &it).await.map(|()| (204, None))
        }
        _ => Err(Error::bad_request(
            "bad-scim-path",
            "an operation is POST of a sort, or PUT, PATCH or DELETE of an id",
        )
        .at("method")),
    }
}

/// A text with `bulkId:x` as the id that was made under it.
fn named(text: &str, made: &HashMap<String, String>) -> Result<String> {
    let Some((before, after)) = text.split_once("bulkId:") else { return Ok(text.to_owned()) };
    let id = made.get(after).ok_or_else(|| {
        Error::conflict("no-scim-target", format!("nothing was made under the `bulkId` `{after}`"))
    })?;
    Ok(format!("{before}{id}"))
}

fn name_all(value: &mut Value, made: &HashMap<String, String>) -> Result<()> {
    match value {
        Value::String(text) if text.starts_with("bulkId:") => {
            *text = named(text, made)?;
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| name_all(item, made)),
        Value::Object(fields) => fields.values_mut().try_for_each(|item| name_all(item, made)),
        _ => Ok(()),
    }
}
