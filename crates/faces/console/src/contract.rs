//! What the console asks of the server, held against the document that the server has of itself.
//!
//! `console/src/lib/operations.ts` is written from `api/openapi.json` by `console/scripts/types.mjs`, which needs Node. Its
//! first line has a fingerprint of what shows in the types; this computes the same from the document as it is now.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::build::tests::fingerprint;

const KEPT: [&str; 8] =
    ["$ref", "additionalProperties", "enum", "format", "items", "properties", "required", "type"];

/// What of a schema shows in its type.
fn shape(schema: &Value) -> Value {
    let mut kept = Map::new();
    for key in KEPT {
        let Some(value) = schema.get(key) else { continue };
        let shown = match (key, value) {
            ("format", format) if format != "binary" => continue,
            ("properties", Value::Object(fields)) => {
                // In one order, whichever the document has.
                let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
                sorted.into_iter().map(|(name, it)| (name.clone(), shape(it))).collect()
            }
            ("items", _) | ("additionalProperties", Value::Object(_)) => shape(value),
            _ => value.clone(),
        };
        kept.insert(key.to_owned(), shown);
    }
    kept.into()
}

/// The schema of a body in the first of these media.
fn schema<'a>(content: &'a Value, media: &[&str]) -> Option<&'a Value> {
    media.iter().find_map(|media| content[media].get("schema"))
}

/// An operation, as its name says which.
fn operation(document: &Value, name: &str) -> Value {
    let (method, path) = name.split_once(' ').unwrap();
    let told = &document["paths"][path][method.to_lowercase()];
    assert!(told.is_object(), "the console asks for `{name}`, which is not there any more");
    let parameters = told["parameters"].as_array().into_iter().flatten().filter(|it| it["in"] != "header");
    let takes: Value =
        parameters.map(|it| json!([it["name"], it["required"] == true, shape(&it["schema"])])).collect();
    let bodies = ["application/json", "application/merge-patch+json", "application/octet-stream"];
    let body = schema(&told["requestBody"]["content"], &bodies).map(shape);
    let done = ["200", "201"].iter().find_map(|status| told["responses"].get(status));
    let answer = done.and_then(|it| schema(&it["content"], &bodies[..1])).map(shape);
    json!([name, takes, body, answer])
}

/// The names that the lines of an interface begin with.
fn names<'a>(text: &'a str, interface: &str) -> Vec<&'a str> {
    let body = text.split_once(&format!("interface {interface} {{\n")).unwrap().1;
    let lines = body.lines().take_while(|line| *line != "}");
    lines.map(|line| line.trim_start().trim_start_matches('"').split('"').next().unwrap()).collect()
}

#[test]
fn the_consoles_types_are_of_the_api_as_it_is() {
    let api = include_str!("../../../../api/openapi.json");
    let types = include_str!("../../../../console/src/lib/operations.ts");
    let document: Value = serde_json::from_str(api).unwrap();
    let mut shapes: Vec<Value> =
        names(types, "Operations").iter().map(|name| operation(&document, name)).collect();
    for name in names(types, "Schemas") {
        shapes.push(json!([name, shape(&document["components"]["schemas"][name])]));
    }
    let now = fingerprint(serde_json::to_string(&shapes).unwrap().as_bytes());
    let first = types.lines().next().unwrap_or_default();
    assert!(
        first.contains(&now),
        "what the console asks for has changed ({now}); run `cargo xtask console` and see what it says"
    );
}
