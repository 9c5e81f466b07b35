//! The document as a whole, written as it is made.

use face_web::schema::{self, NAME};
use kernel::{declare::KindDef, platform::Platform};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, json};

use super::{Version, all_paths, kind_schemas};

/// The document. It is made piece by piece while it is written, because as a whole it is large.
pub struct Document<'a> {
    /// Whose kinds.
    pub platform: &'a Platform,
    /// In which version.
    pub version: Version,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let schemas = Pieces { of: self, first: common_schemas(), make: kind_schemas };
        let paths = Pieces { of: self, first: Map::new(), make: all_paths };
        let mut document = to.serialize_map(None)?;
        document.serialize_entry("openapi", if self.version == Version::V31 { "3.1.0" } else { "3.0.3" })?;
        document.serialize_entry(
            "info",
            &json!({
                "title": "AIC",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Every operation of every kind. Errors are problem+json (RFC 9457) with a stable code.",
                "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            }),
        )?;
        document.serialize_entry("servers", &json!([{"url": "/"}]))?;
        document.serialize_entry("security", &json!([{"bearer": []}, {"basic": []}]))?;
        document.serialize_entry("paths", &paths)?;
        document.serialize_entry("components", &Components(schemas))?;
        document.end()
    }
}

struct Components<'a>(Pieces<'a>);

impl Serialize for Components<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut components = to.serialize_map(None)?;
        components.serialize_entry("schemas", &self.0)?;
        components.serialize_entry(
            "securitySchemes",
            &json!({
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            }),
        )?;
        components.serialize_entry(
            "responses",
            &json!({"Problem": {
                "description": "What went wrong, with a stable code and what to do.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }}),
        )?;
        components.end()
    }
}

/// A map of which each kind makes a part.
struct Pieces<'a> {
    of: &'a Document<'a>,
    first: Map<String, Value>,
    make: fn(&KindDef, &mut Map<String, Value>),
}

impl Serialize for Pieces<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut all = to.serialize_map(None)?;
        let mut piece = self.first.clone();
        for kind in self.of.platform.kinds() {
            (self.make)(kind, &mut piece);
            for (name, mut value) in std::mem::take(&mut piece) {
                if self.of.version == Version::V30 {
                    schema::for_older(&mut value);
                }
                all.serialize_entry(&name, &value)?;
            }
        }
        all.end()
    }
}

fn common_schemas() -> Map<String, Value> {
    let text = json!({"type": "string"});
    let texts = json!({"type": "object", "additionalProperties": {"type": "string", "maxLength": 262_144}});
    let labels = json!({"type": "object", "maxProperties": 64, "additionalProperties": {
        "type": "string", "maxLength": 63, "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
    }});
    let schemas = json!({
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "code", "detail", "requestId"],
            "properties": {
                "type": text, "title": text, "status": {"type": "integer"}, "code": text,
                "detail": text, "field": text, "hint": text, "requestId": text,
            },
        },
        "Metadata": {
            "type": "object",
            "required": ["name", "uid", "resourceVersion", "generation", "creationTimestamp"],
            "properties": schema::metadata(&texts),
        },
        "NewMetadata": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "name": {"type": "string", "pattern": NAME, "minLength": 1, "maxLength": 253},
                "generateName": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*)$", "maxLength": 200},
                "labels": labels, "annotations": texts,
            },
        },
        "ListMetadata": {
            "type": "object",
            "properties": {"resourceVersion": text, "nextPageToken": text, "total": {"type": "integer"}},
        },
        "Change": {"type": "object", "properties": {
            "position": {"type": "integer"}, "time": {"type": "string", "format": "date-time"},
            "actor": text, "verb": text, "kind": text, "uid": text, "name": text, "hash": text,
        }},
    });
    match schemas {
        Value::Object(schemas) => schemas,
        _ => Map::new(),
    }
}
