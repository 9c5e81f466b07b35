//! The OpenAPI document, made from the kinds: 3.1 for new tools, 3.0 for older ones.

mod document;
mod lists;

pub use document::Document;

use face_web::schema::{self, Direction, NAME};
use kernel::{
    declare::{Action, KindDef, Manner, Of, OpenTo},
    kind::{Field, Scope, Shape},
    question::LIST_PARAMS,
};
use serde_json::{Map, Value, json};

use crate::{kinds::word, route::below_name};

/// The version of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// OpenAPI 3.1.
    V31,
    /// OpenAPI 3.0.
    V30,
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The name a kind's schemas begin with; two services may have kinds of one name.
fn schema_name(kind: &KindDef) -> String {
    format!("{}.{}", kind.service, kind.pascal_name())
}

fn kind_schemas(kind: &KindDef, schemas: &mut Map<String, Value>) {
    if !kind.has_objects() {
        return;
    }
    let name = schema_name(kind);
    let api = json!({"type": "string", "enum": [kind.api_version()]});
    let word = json!({"type": "string", "enum": [kind.pascal_name()]});
    schemas.insert(
        name.clone(),
        json!({
            "type": "object",
            "description": kind.doc,
            "required": ["apiVersion", "kind", "metadata", "spec", "status"],
            "properties": {
                "apiVersion": api, "kind": word, "metadata": reference("Metadata"),
                "spec": schema::of_fields(kind.fields, Direction::Out),
                "status": schema::of_fields(kind.status, Direction::Out),
            },
        }),
    );
    let mut new = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "apiVersion": api, "kind": word, "metadata": reference("NewMetadata"),
            "spec": schema::of_fields(kind.fields, Direction::In),
        },
    });
    if kind.fields.iter().any(Field::is_required) {
        new["required"] = json!(["metadata", "spec"]);
    }
    schemas.insert(format!("{name}.New"), new);
    schemas.insert(
        format!("{name}.List"),
        json!({
            "type": "object",
            "required": ["metadata", "items"],
            "properties": {
                "apiVersion": api,
                "kind": {"type": "string"},
                "metadata": reference("ListMetadata"),
                "items": {"type": "array", "items": {"type": "object"}},
            },
        }),
    );
}

fn all_paths(kind: &KindDef, paths: &mut Map<String, Value>) {
    if kind.has_objects() {
        kind_paths(kind, paths);
    }
    action_paths(kind, paths);
}

fn kind_paths(kind: &KindDef, paths: &mut Map<String, Value>) {
    let base = format!("/api/v1/{}/{}", kind.service, kind.plural);
    paths.insert(base.clone(), collection(kind));
    for (method, name, summary) in [
        ("get", "count", "How many a list would find"),
        ("get", "export", "All a list would find, as JSON lines"),
        ("post", "validate", "Whether a new one would be accepted"),
        ("post", "bulk", "Several creations, changes and deletions at once"),
    ] {
        let mut operation = operation(kind, name, summary);
        operation["parameters"] =
            json!(if method == "get" { list_params(kind) } else { project_param(kind) });
        operation["responses"]["200"] = match name {
            "export" => bytes("application/jsonl"),
            _ => json_answer(&json!({"type": "object"})),
        };
        match name {
            "validate" => operation["requestBody"] = body(&reference(&format!("{}.New", schema_name(kind)))),
            "bulk" => operation["requestBody"] = body(&bulk_schema()),
            _ => {}
        }
        paths.insert(format!("{base}/{name}"), json!({method: operation}));
    }
    lists::paths(kind, &base, paths);
    let one = format!("{base}/{{id}}");
    paths.insert(one.clone(), object(kind));
    for (method, name, summary) in [
        ("get", "history", "Its changes, newest first"),
        ("get", "diff", "What changed between two versions"),
        ("get", "lineage", "What it came from and what came of it"),
        ("post", "rollback", "Its spec as it was at a version"),
        ("post", "restore", "Out of the trash"),
        ("post", "clone", "A copy under another name"),
    ] {
        if name == "clone" && !kind.serves("clone") {
            continue;
        }
        paths.insert(format!("{one}/{name}"), json!({method: of_one(kind, name, summary)}));
    }
    if let Some((parent, _)) = kind.parent {
        let below = format!("/api/v1/{}/{parent}/{{parent}}/{}", kind.service, below_name(kind));
        let mut shared = collection(kind);
        for method in ["get", "post"] {
            if let Some(operation) = shared.get_mut(method) {
                operation["operationId"] =
                    format!("{}.of-{parent}", operation["operationId"].as_str().unwrap_or_default()).into();
                if let Some(parameters) = operation["parameters"].as_array_mut() {
                    parameters.push(path_param("parent", "The parent, by name or uid."));
                }
            }
        }
        paths.insert(below, shared);
    }
}

/// Actions and views; they are all there is of a kind without objects.
fn action_paths(kind: &KindDef, paths: &mut Map<String, Value>) {
    let base = format!("/api/v1/{}/{}", kind.service, kind.plural);
    for action in &kind.actions {
        let path = match action.of {
            Of::Object => format!("{base}/{{id}}/{}", action.name),
            Of::Collection if action.name.is_empty() => base.clone(),
            Of::Collection => format!("{base}/{}", action.name),
        };
        let method = if action.manner == Manner::View { "get" } else { "post" };
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = of_action(kind, action);
    }
}

fn bulk_schema() -> Value {
    json!({"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "maxItems": 1000, "items": {
        "type": "object",
        "properties": {
            "verb": {"type": "string", "enum": ["create", "apply", "patch", "delete"]},
            "id": {"type": "string"},
            "object": {"type": "object"},
        },
    }}}})
}

fn operation(kind: &KindDef, name: &str, summary: &str) -> Value {
    json!({
        "operationId": format!("{}.{}.{name}", kind.service, kind.plural),
        "summary": summary,
        "tags": [format!("{} {}", kind.service, kind.plural)],
        "parameters": [],
        "responses": {"default": {"$ref": "#/components/responses/Problem"}},
    })
}

fn json_answer(schema: &Value) -> Value {
    json!({"description": "Done.", "content": {"application/json": {"schema": schema}}})
}

fn bytes(media: &str) -> Value {
    json!({"description": "The bytes.", "content": {media: {"schema": {"type": "string"}}}})
}

fn body(schema: &Value) -> Value {
    json!({"required": true, "content": {"application/json": {"schema": schema}}})
}

fn path_param(name: &str, doc: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": doc, "schema": {"type": "string", "minLength": 1}})
}

fn query_param(name: &str, doc: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "query", "required": false, "description": doc, "schema": schema})
}

fn project_param(kind: &KindDef) -> Vec<Value> {
    if kind.scope == Scope::Project {
        vec![query_param("project", "The project; `default` when not given.", &json!({"type": "string"}))]
    } else {
        Vec::new()
    }
}

fn list_params(kind: &KindDef) -> Vec<Value> {
    let schema = |name: &str| match name {
        "limit" => json!({"type": "integer", "minimum": 1, "maximum": 1000}),
        "deleted" | "total" => json!({"type": "boolean"}),
        _ => json!({"type": "string"}),
    };
    LIST_PARAMS
        .iter()
        .filter(|(name, _)| kind.scope == Scope::Project || *name != "project")
        .map(|(name, doc)| query_param(name, doc, &schema(name)))
        .collect()
}

fn collection(kind: &KindDef) -> Value {
    let name = schema_name(kind);
    let mut list = operation(kind, "list", &format!("A page of {}", kind.plural));
    list["parameters"] = json!(list_params(kind));
    list["responses"]["200"] = json_answer(&reference(&format!("{name}.List")));
    let mut path = json!({"get": list});
    if kind.serves("create") {
        let mut create = operation(kind, "create", &format!("A new {}", kind.name));
        create["parameters"] = json!(project_param(kind));
        create["requestBody"] = body(&reference(&format!("{name}.New")));
        create["responses"]["201"] = json_answer(&reference(&name));
        path["post"] = create;
    }
    path
}

fn object(kind: &KindDef) -> Value {
    let name = schema_name(kind);
    let answer = json_answer(&reference(&name));
    let parameters = || {
        let mut all = project_param(kind);
        all.push(path_param("id", "Its name or uid."));
        all
    };
    let mut get = operation(kind, "get", &format!("One {}", kind.name));
    let mut path = json!({});
    get["parameters"] = json!(parameters());
    get["responses"]["200"] = answer.clone();
    get["responses"]["304"] = json!({"description": "It is still as `If-None-Match` says."});
    path["get"] = get;
    if kind.serves("update") {
        for (method, verb, summary) in [
            ("put", "replace", "Replaces what may be set"),
            ("patch", "patch", "Changes part of it (RFC 7396)"),
        ] {
            let mut change = operation(kind, verb, summary);
            change["parameters"] = json!(parameters());
            change["requestBody"] = if method == "put" {
                body(&reference(&format!("{name}.New")))
            } else {
                json!({"required": true, "content": {
                    "application/merge-patch+json": {"schema": {"type": "object"}},
                    "application/json-patch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
                }})
            };
            change["responses"]["200"] = answer.clone();
            path[method] = change;
        }
    }
    if kind.serves("delete") {
        let mut delete = operation(kind, "delete", "Puts it in the trash");
        let mut all = parameters();
        let policies = json!({"type": "string", "enum": ["Foreground", "Background", "Orphan"]});
        all.push(query_param("propagationPolicy", "What becomes of the objects it owns.", &policies));
        delete["parameters"] = json!(all);
        delete["responses"]["200"] = answer;
        path["delete"] = delete;
    }
    path
}

fn of_one(kind: &KindDef, name: &str, summary: &str) -> Value {
    let mut operation = operation(kind, name, summary);
    let mut parameters = project_param(kind);
    parameters.push(path_param("id", "Its name or uid."));
    let version = json!({"type": "string", "pattern": "^[0-9]+$"});
    let answer = json_answer(&reference(&schema_name(kind)));
    match name {
        "history" => {
            parameters.push(query_param(
                "limit",
                "How many at most.",
                &json!({"type": "integer", "minimum": 1, "maximum": 1000}),
            ));
            parameters.push(query_param("pageToken", "Where to go on.", &json!({"type": "string"})));
            operation["responses"]["200"] = json_answer(&json!({"type": "object", "properties": {
                "items": {"type": "array", "items": reference("Change")},
            }}));
        }
        "diff" => {
            parameters.push(query_param("from", "The earlier version.", &version));
            parameters.push(query_param(
                "to",
                "The later version; the present one when not given.",
                &version,
            ));
            operation["responses"]["200"] = json_answer(&json!({"type": "object"}));
        }
        "lineage" => {
            let ways = json!({"type": "string", "enum": ["upstream", "downstream", "both"]});
            parameters.push(query_param("direction", "Which way; both when not given.", &ways));
            operation["responses"]["200"] = json_answer(&json!({"type": "object"}));
        }
        "rollback" => {
            operation["requestBody"] = body(&json!({
                "type": "object", "required": ["to"], "properties": {"to": {"type": "integer", "minimum": 1}},
            }));
            operation["responses"]["200"] = answer;
        }
        "clone" => {
            operation["requestBody"] = body(&json!({
                "type": "object", "required": ["name"],
                "properties": {"name": {"type": "string", "pattern": NAME, "minLength": 1, "maxLength": 253}},
            }));
            operation["responses"]["201"] = answer;
        }
        _ => operation["responses"]["200"] = answer,
    }
    operation["parameters"] = json!(parameters);
    operation
}

fn of_action(kind: &KindDef, action: &Action) -> Value {
    // What answers the base path of a kind without objects has no name.
    let name = if action.name.is_empty() { "read" } else { action.name };
    let mut operation = operation(kind, name, action.doc);
    let mut parameters = project_param(kind);
    if action.of == Of::Object {
        parameters.push(path_param("id", "Its name or uid."));
    }
    match action.manner {
        Manner::Act if !action.asks.is_empty() => {
            operation["requestBody"] = body(&schema::of_fields(action.asks, Direction::In));
        }
        Manner::Act => {}
        Manner::View | Manner::Upload => {
            for field in action.asks {
                let mut all = schema::of_fields(std::slice::from_ref(field), Direction::In);
                let schema = all["properties"][field.name].take();
                parameters.push(json!({
                    "name": field.name, "in": "query", "required": field.is_required(),
                    "description": field.doc, "schema": schema,
                }));
            }
        }
    }
    if action.manner == Manner::Upload {
        let octets = json!({"schema": {"type": "string", "format": "binary"}});
        operation["requestBody"] = json!({"required": true, "content": {"application/octet-stream": octets}});
    }
    if action.open_to == OpenTo::Anyone {
        operation["security"] = json!([]);
    }
    let needs = match action.open_to {
        OpenTo::Granted => format!("Needs the permission `{}`.", kind.permission(action.permission)),
        OpenTo::Caller => "Needs a login and no permission.".to_owned(),
        OpenTo::Anyone => "Needs no login.".to_owned(),
    };
    operation["description"] = format!(
        "{needs} Takes {}.",
        if action.asks.is_empty() {
            "nothing".to_owned()
        } else {
            action
                .asks
                .iter()
                .map(|field| format!("`{}` ({})", field.name, word(&field.shape)))
                .collect::<Vec<_>>()
                .join(", ")
        }
    )
    .into();
    operation["parameters"] = json!(parameters);
    operation["responses"]["200"] = match action.gives {
        Shape::Any => json!({"description": "Done.", "content": {"*/*": {"schema": {}}}}),
        shape => json_answer(&schema::of_answer(&shape)),
    };
    operation
}
