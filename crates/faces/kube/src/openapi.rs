//! OpenAPI 3 as Kubernetes serves it: one document a group version, with the extensions `kubectl` reads.

use face_web::schema::{self, Direction};
use kernel::{declare::KindDef, kind::Scope, platform::Platform};
use serde_json::{Map, Value, json};

use crate::{discovery, path::DOMAIN};

/// `GET /openapi/v3`
pub fn index(platform: &Platform) -> Value {
    let mut paths = Map::new();
    let mut list = |path: String, document: &Value| {
        let hash = base::Digest::of(document.to_string().as_bytes()).to_string();
        let url = format!("/openapi/v3/{path}?hash={}", &hash[..16]);
        paths.insert(path, json!({"serverRelativeURL": url}));
    };
    list("api/v1".to_owned(), &core());
    for service in discovery::services(platform) {
        list(format!("apis/{service}{DOMAIN}/v1"), &group(platform, service));
    }
    json!({"paths": paths})
}

/// `GET /openapi/v3/api/v1`
pub fn core() -> Value {
    let gvk = json!({"group": "", "version": "v1", "kind": "Namespace"});
    let read = json!({
        "x-kubernetes-action": "get",
        "x-kubernetes-group-version-kind": gvk,
        "responses": {"200": {"description": "OK"}},
    });
    json!({
        "openapi": "3.0.0",
        "info": {"title": "core", "version": "v1"},
        "paths": {"/api/v1/namespaces/{name}": {"get": read}},
        "components": {"schemas": {
            "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": object_meta(),
            "io.k8s.api.core.v1.Namespace": {
                "type": "object",
                "description": "A project of the organization.",
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"allOf": [{"$ref": META}], "description": "What every object carries."},
                },
                "x-kubernetes-group-version-kind": [gvk],
            },
        }},
    })
}

const META: &str = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// `GET /openapi/v3/apis/{group}/v1`
pub fn group(platform: &Platform, service: &str) -> Value {
    let mut schemas = Map::new();
    let mut paths = Map::new();
    schemas.insert("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta".to_owned(), object_meta());
    for kind in platform.kinds().iter().filter(|kind| kind.service == service && kind.has_objects()) {
        schemas.insert(name(kind), object_schema(kind));
        kind_paths(kind, &mut paths);
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": format!("{service}{DOMAIN}"), "version": "v1"},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

fn name(kind: &KindDef) -> String {
    format!("dev.aic.{}.v1.{}", kind.service, kind.pascal_name())
}

fn gvk(kind: &KindDef) -> Value {
    json!({"group": format!("{}{DOMAIN}", kind.service), "version": "v1", "kind": kind.pascal_name()})
}

fn object_meta() -> Value {
    let text = json!({"type": "string"});
    let mut properties = schema::metadata(&json!({"type": "object", "additionalProperties": text}));
    properties["generateName"] = text;
    json!({
        "type": "object",
        "description": "What every object carries, whatever its kind.",
        "properties": properties,
    })
}

fn object_schema(kind: &KindDef) -> Value {
    let meta = json!({"$ref": META});
    let mut spec = schema::of_fields(kind.fields, Direction::In);
    spec["description"] = "What is wanted.".into();
    let mut status = schema::of_fields(kind.status, Direction::Out);
    status["description"] = "What is.".into();
    json!({
        "type": "object",
        "description": kind.doc,
        "properties": {
            "apiVersion": {"type": "string", "description": "The group and version."},
            "kind": {"type": "string", "description": "The kind."},
            "metadata": {"allOf": [meta], "description": "What every object carries."},
            "spec": spec,
            "status": status,
        },
        "x-kubernetes-group-version-kind": [gvk(kind)],
    })
}

fn query(name: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}})
}

fn operation(kind: &KindDef, action: &str, parameters: Vec<Value>) -> Value {
    let content =
        json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{}", name(kind))}}});
    let mut operation = json!({
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": gvk(kind),
        "parameters": parameters,
        "responses": {"200": {"description": "OK", "content": content}},
    });
    if matches!(action, "post" | "put") {
        operation["requestBody"] = json!({"content": content});
    }
    if action == "patch" {
        let any = json!({"schema": {"type": "object"}});
        operation["requestBody"] = json!({"content": {
            "application/json-patch+json": any,
            "application/merge-patch+json": any,
            "application/apply-patch+yaml": any,
        }});
    }
    operation
}

fn kind_paths(kind: &KindDef, paths: &mut Map<String, Value>) {
    let group = format!("/apis/{}{DOMAIN}/v1", kind.service);
    let base = match kind.scope {
        Scope::Project => format!("{group}/namespaces/{{namespace}}/{}", kind.plural),
        Scope::Organization | Scope::Platform => format!("{group}/{}", kind.plural),
    };
    let writes = || vec![query("dryRun"), query("fieldManager"), query("fieldValidation")];
    let lists = || {
        vec![
            query("limit"),
            query("continue"),
            query("labelSelector"),
            query("fieldSelector"),
            query("watch"),
        ]
    };
    let mut collection = json!({"get": operation(kind, "list", lists())});
    if kind.serves("create") {
        collection["post"] = operation(kind, "post", writes());
    }
    paths.insert(base.clone(), collection);
    let mut one = json!({"get": operation(kind, "get", Vec::new())});
    if kind.serves("update") {
        one["put"] = operation(kind, "put", writes());
        let mut parameters = writes();
        parameters.push(query("force"));
        one["patch"] = operation(kind, "patch", parameters);
    }
    if kind.serves("delete") {
        one["delete"] = operation(kind, "delete", vec![query("dryRun"), query("propagationPolicy")]);
    }
    paths.insert(format!("{base}/{{name}}"), one);
}
