//! The operations that find objects by other words than a list, follow them, and take them in.

use kernel::declare::KindDef;
use serde_json::{Map, Value, json};

use super::{
    body, bytes, json_answer, list_params, operation, project_param, query_param, reference, schema_name,
};

/// Lists by other words, and followed.
pub fn paths(kind: &KindDef, base: &str, paths: &mut Map<String, Value>) {
    let list = reference(&format!("{}.List", schema_name(kind)));
    let mut search =
        operation(kind, "search", "A page of those whose name has some words, or that a filter finds");
    let words = query_param("q", "Words of the name.", &json!({"type": "string"}));
    let mut parameters = list_params(kind);
    parameters.push(words);
    search["parameters"] = json!(parameters);
    search["responses"]["200"] = json_answer(&list);
    let by_body = |name: &str| {
        let mut operation = operation(kind, name, "A page; the body says what a list says in the query");
        operation["parameters"] = json!(project_param(kind));
        operation["requestBody"] = body(&json!({"type": "object", "properties": {
            "filter": {"type": "string"}, "q": {"type": "string"}, "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
        }}));
        operation["responses"]["200"] = json_answer(&list);
        operation
    };
    paths.insert(format!("{base}/search"), json!({"get": search, "post": by_body("search-by-body")}));
    paths.insert(format!("{base}/filter"), json!({"post": by_body("filter")}));
    let mut watch = operation(kind, "watch", "Changes as they happen: Server-Sent Events, or a WebSocket");
    watch["parameters"] = json!(list_params(kind));
    watch["responses"]["200"] = bytes("text/event-stream");
    paths.insert(format!("{base}/watch"), json!({"get": watch}));
    if kind.serves("import") {
        let mut import = operation(kind, "import", "Objects from an export, one JSON object a line");
        import["parameters"] = json!(project_param(kind));
        let lines = json!({"schema": {"type": "string", "format": "binary"}});
        import["requestBody"] = json!({"required": true, "content": {"application/jsonl": lines}});
        import["responses"]["200"] = json_answer(&json!({"type": "object"}));
        paths.insert(format!("{base}/import"), json!({"post": import}));
    }
}
