//! The little of Kubernetes' own groups that clients ask for: namespaces and events.

use base::Result;
use face_web::Web;
use kernel::{
    cx::Cx,
    store::{ChangeQuery, Projects, Query, Sort},
};
use kernel::{object::Raw, predicate::Place};
use serde_json::{Value, json};

const PROJECTS: &str = kernel::platform::PROJECTS;

fn namespace(raw: &Raw) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": raw.metadata.name,
            "uid": raw.metadata.uid,
            "resourceVersion": raw.metadata.version.to_string(),
            "creationTimestamp": raw.metadata.creation_timestamp,
            "labels": raw.metadata.labels,
        },
        "spec": {},
        "status": {"phase": "Active"},
    })
}

/// Projects as namespaces.
pub async fn namespaces(web: &Web, cx: &Cx) -> Result<Value> {
    let kind = web.platform.kind(PROJECTS)?;
    cx.authorize(&kind.permission("list"), "").await?;
    let query = Query {
        org: Some(cx.org.to_string()),
        kind: kind.id(),
        projects: Projects::These(vec![String::new()]),
        deleted: false,
        filter: None,
        sort: Sort { place: Place::Name, descending: false },
        after: None,
        limit: base::PAGE_MAX,
    };
    let records = web.platform.store.list(&query).await?;
    let items: Result<Vec<Value>> =
        records.iter().map(|record| Raw::from_record(&kind, record).map(|raw| namespace(&raw))).collect();
    let head = web.platform.store.head().borrow().to_string();
    Ok(
        json!({"kind": "NamespaceList", "apiVersion": "v1", "metadata": {"resourceVersion": head}, "items": items?}),
    )
}

/// One project as a namespace.
pub async fn one_namespace(web: &Web, cx: &Cx, name: &str) -> Result<Value> {
    let kind = web.platform.kind(PROJECTS)?;
    cx.authorize(&kind.permission("get"), "").await?;
    cx.read(PROJECTS, name).await.map(|raw| namespace(&raw))
}

/// The journal of one object, or of a project, as events.
pub async fn events(web: &Web, cx: &Cx, selector: &str) -> Result<Value> {
    let wanted = |key: &str| {
        selector.split(',').find_map(|part| part.strip_prefix(key).and_then(|rest| rest.strip_prefix('=')))
    };
    let query = ChangeQuery {
        org: Some(cx.org.to_string()),
        project: Some(cx.project.to_string()).filter(|project| project != "-"),
        uid: wanted("involvedObject.uid").map(base::Uid::known),
        limit: 100,
        ..ChangeQuery::default()
    };
    cx.authorize("admin.audit.list", &cx.project).await?;
    let name = wanted("involvedObject.name");
    let changes = web.platform.store.history(&query).await?;
    let items: Vec<Value> = changes
        .iter()
        .filter(|change| name.is_none_or(|name| change.name == name))
        .map(|change| {
            json!({
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {
                    "name": format!("{}.{}", change.name, change.position),
                    "namespace": change.project,
                    "uid": format!("event-{}", change.position),
                    "resourceVersion": change.position.to_string(),
                    "creationTimestamp": change.time,
                },
                "involvedObject": {"kind": change.kind, "name": change.name, "namespace": change.project, "uid": change.uid},
                "reason": change.verb,
                "message": format!("{} by {}", change.verb, change.actor),
                "source": {"component": change.actor},
                "firstTimestamp": change.time,
                "lastTimestamp": change.time,
                "count": 1,
                "type": "Normal",
            })
        })
        .collect();
    let head = web.platform.store.head().borrow().to_string();
    Ok(
        json!({"kind": "EventList", "apiVersion": "v1", "metadata": {"resourceVersion": head}, "items": items}),
    )
}
