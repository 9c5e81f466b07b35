//! What there is: groups, versions, resources.

use kernel::{declare::KindDef, kind::Scope, platform::Platform};
use serde_json::{Value, json};

use crate::path::DOMAIN;

/// The services that have kinds, in order.
pub fn services(platform: &Platform) -> Vec<&'static str> {
    let mut services: Vec<&'static str> = platform.kinds().iter().map(|kind| kind.service).collect();
    services.sort_unstable();
    services.dedup();
    services
}

/// `GET /apis`
pub fn groups(platform: &Platform) -> Value {
    let mut groups: Vec<Value> = services(platform).into_iter().map(group_of).collect();
    groups.push(versions("authorization.k8s.io"));
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

fn group_of(service: &str) -> Value {
    versions(&format!("{service}{DOMAIN}"))
}

fn versions(group: &str) -> Value {
    let version = json!({"groupVersion": format!("{group}/v1"), "version": "v1"});
    json!({"name": group, "versions": [version], "preferredVersion": version})
}

/// `GET /apis/{group}`
pub fn group(group: &str) -> Value {
    let mut told = versions(group);
    told["kind"] = "APIGroup".into();
    told["apiVersion"] = "v1".into();
    told
}

/// `GET /apis/{group}/v1`
pub fn resources(platform: &Platform, service: &str) -> Value {
    let resources: Vec<Value> = platform
        .kinds()
        .iter()
        .filter(|kind| kind.service == service && kind.has_objects())
        .map(|kind| resource(kind))
        .collect();
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": format!("{service}{DOMAIN}/v1"),
        "resources": resources,
    })
}

fn resource(kind: &KindDef) -> Value {
    let mut verbs = vec!["get", "list", "watch"];
    if kind.serves("create") {
        verbs.push("create");
    }
    if kind.serves("update") {
        verbs.extend(["update", "patch"]);
    }
    if kind.serves("delete") {
        verbs.push("delete");
    }
    let mut told = json!({
        "name": kind.plural,
        "singularName": kind.name,
        "namespaced": kind.scope == Scope::Project,
        "kind": kind.pascal_name(),
        "verbs": verbs,
        "categories": ["aic"],
    });
    if !kind.short.is_empty() {
        told["shortNames"] = json!([kind.short]);
    }
    told
}

/// `GET /api/v1`: namespaces are projects, events are the journal.
pub fn core() -> Value {
    json!({
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "namespaces", "singularName": "namespace", "namespaced": false, "kind": "Namespace",
             "verbs": ["get", "list"], "shortNames": ["ns"]},
            {"name": "events", "singularName": "event", "namespaced": true, "kind": "Event",
             "verbs": ["get", "list"], "shortNames": ["ev"]},
        ],
    })
}

/// `GET /apis/authorization.k8s.io/v1`: what `kubectl auth can-i` asks.
pub fn authorization() -> Value {
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "authorization.k8s.io/v1",
        "resources": [{
            "name": "selfsubjectaccessreviews", "singularName": "selfsubjectaccessreview", "namespaced": false,
            "kind": "SelfSubjectAccessReview", "verbs": ["create"],
        }],
    })
}
