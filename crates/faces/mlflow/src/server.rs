//! What the server can do, and the workspaces there are: MLflow's word for projects.

use kernel::{cx::Cx, dispatch::Verb};
use serde_json::{Value, json};

use crate::{
    Asked,
    fault::{Fault, Result},
    objects::{self, Trash},
};

const PROJECTS: &str = "admin.projects";

/// Answers what is asked of the server itself.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let cx = &asked.cx;
    let (method, path) = asked.way();
    Ok(Some(match (method, path.as_slice()) {
        ("GET", ["server-info"]) => json!({
            "store_type": "SqlStore",
            "workspaces_enabled": true,
            "trace_archival_enabled": false,
            "multipart_uploads_enabled": true,
            // `presigned` is served; but a client that reads `true` here asks for an address before every file, however
            // small, and gains nothing where the platform itself sends the bytes. One that is told to do so finds it.
            "multipart_downloads_enabled": false,
            "presigned_upload_run_id_supported": true,
            "presigned_upload_model_id_supported": true,
            "features_enabled": {"gateway": false},
        }),
        ("GET", ["workspaces"]) => {
            objects::may(cx, PROJECTS, "list", "").await?;
            let all = objects::list(cx, PROJECTS, "", Trash::Without).await?;
            json!({"workspaces": all.iter().map(shown).collect::<Vec<_>>()})
        }
        ("GET", ["workspaces", name]) => json!({"workspace": one(cx, name, "get").await?}),
        ("POST", ["workspaces"]) => {
            let name = asked.ask.required("name")?;
            let spec = json!({"description": asked.ask.text("description")?});
            objects::create(cx, PROJECTS, name, spec).await?;
            json!({"workspace": one(cx, name, "get").await?})
        }
        ("PATCH", ["workspaces", name]) => {
            let description = asked.ask.text("description")?;
            let description =
                description.ok_or_else(|| Fault::invalid("Workspace update must have at least one key"))?;
            one(cx, name, "update").await?;
            objects::patch(cx, PROJECTS, name, json!({"description": description})).await?;
            json!({"workspace": one(cx, name, "get").await?})
        }
        ("DELETE", ["workspaces", name]) => {
            objects::call(cx, PROJECTS, Verb::Delete, (Some(name), None)).await?;
            json!({})
        }
        _ => return Ok(None),
    }))
}

async fn one(cx: &Cx, name: &str, verb: &str) -> Result<Value> {
    objects::may(cx, PROJECTS, verb, name).await?;
    match cx.read(PROJECTS, name).await {
        Ok(it) => Ok(shown(&it)),
        Err(error) if error.code() == "not-found" => {
            Err(Fault::missing(format!("Workspace '{name}' not found")))
        }
        Err(error) => Err(error.into()),
    }
}

/// A project as MLflow shows a workspace.
fn shown(it: &kernel::object::Raw) -> Value {
    let mut shown = json!({"name": it.metadata.name});
    if let Some(description) = objects::text(it, "description") {
        shown["description"] = description.into();
    }
    shown
}
