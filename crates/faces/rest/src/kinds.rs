//! The list of all kinds as data: what the CLI, the console and SDKs are made from.

use base::Result;
use kernel::{
    access::Question,
    cx::Cx,
    declare::{Action, KindDef, Manner, Of, OpenTo},
    kind::{Field, Scope, Shape},
    platform::Platform,
};
use serde_json::{Value, json};

/// Every kind with its fields, actions and views.
pub fn all(platform: &Platform) -> Value {
    let kinds: Vec<Value> = platform.kinds().iter().map(|kind| one(kind)).collect();
    json!({"kind": "KindList", "items": kinds})
}

/// Of which object it is asked what the caller may do with it; all of a kind when empty.
pub type Name<'a> = &'a str;

/// The same, each with what the caller may do in the context's project.
pub async fn all_for(cx: &Cx) -> Result<Value> {
    let kinds: Vec<&KindDef> = cx.platform().kinds().iter().map(|kind| &**kind).collect();
    let mut items: Vec<Value> = kinds.iter().map(|kind| one(kind)).collect();
    for (item, may) in items.iter_mut().zip(may(cx, &kinds, "").await?) {
        item["may"] = json!(may);
    }
    Ok(json!({"kind": "KindList", "items": items}))
}

/// One kind, and what the caller may do with one object of it, or with any where none is named.
pub async fn one_for(cx: &Cx, id: &str, object: Name<'_>) -> Result<Value> {
    let kind = cx.platform().kind(id)?;
    let mut item = one(&kind);
    item["may"] = json!(may(cx, &[&kind], object).await?.concat());
    Ok(item)
}

/// What every kind has beside its actions.
const VERBS: [&str; 7] = ["list", "get", "watch", "create", "update", "delete", "restore"];

/// The last words of the permissions of a kind, and whether they must be granted.
fn words(kind: &KindDef) -> Vec<(&'static str, bool)> {
    let verbs = VERBS.into_iter().filter(|verb| kind.has_objects() && kind.serves(verb));
    let mut words: Vec<(&'static str, bool)> = verbs.map(|verb| (verb, true)).collect();
    for action in &kind.actions {
        let word = (action.permission, action.open_to == OpenTo::Granted);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// Of each kind, the words that hold for the caller.
async fn may(cx: &Cx, kinds: &[&KindDef], object: Name<'_>) -> Result<Vec<Vec<&'static str>>> {
    let mut questions = Vec::new();
    for kind in kinds {
        // What belongs to the platform is nobody's own.
        let org = if kind.scope == Scope::Platform { "" } else { &*cx.org };
        let granted = words(kind).into_iter().filter(|(_, granted)| *granted);
        questions.extend(granted.map(|(word, _)| Question {
            object: object.to_owned(),
            origin: cx.origin,
            ..Question::new(&kind.permission(word), org, &cx.project)
        }));
    }
    let mut answers = cx.platform().foresee(&cx.principal, questions).await?.into_iter();
    let mut holds = |granted: bool| !granted || answers.next().unwrap_or(false);
    let held = kinds.iter().map(|kind| {
        let held = words(kind).into_iter().filter(|(_, granted)| holds(*granted));
        held.map(|(word, _)| word).collect()
    });
    Ok(held.collect())
}

fn one(kind: &KindDef) -> Value {
    let actions: Vec<Value> = kind.actions.iter().map(action).collect();
    json!({
        "id": kind.id(),
        "service": kind.service,
        "kind": kind.pascal_name(),
        "name": kind.name,
        "plural": kind.plural,
        "shortNames": if kind.short.is_empty() { vec![] } else { vec![kind.short] },
        "scope": kind.scope,
        "apiVersion": kind.api_version(),
        "doc": kind.doc,
        "parent": kind.parent.map(|parent| parent.0),
        "without": kind.without,
        "hasObjects": kind.has_objects(),
        "fields": fields(kind.fields),
        "status": fields(kind.status),
        "actions": actions,
    })
}

fn action(action: &Action) -> Value {
    json!({
        "name": action.name,
        "doc": action.doc,
        "of": if action.of == Of::Object { "object" } else { "collection" },
        "method": if action.manner == Manner::View { "GET" } else { "POST" },
        "upload": action.manner == Manner::Upload,
        "permission": action.permission,
        "asks": fields(action.asks),
    })
}

fn fields(table: &[Field]) -> Vec<Value> {
    table
        .iter()
        .map(|field| {
            let mut row = json!({
                "name": field.name,
                "doc": field.doc,
                "type": word(&field.shape),
                "required": field.is_required(),
                "writeOnly": field.write_only,
                "immutable": field.immutable,
                "indexed": field.indexed,
            });
            let default = field.default.and_then(|text| serde_json::from_str::<Value>(text).ok());
            let known = [
                ("default", default),
                ("example", field.example.map(Value::from)),
                ("reference", field.reference.map(Value::from)),
                ("min", field.min.map(Value::from)),
                ("max", field.max.map(Value::from)),
                ("values", values(&field.shape)),
                ("fields", inner(&field.shape)),
            ];
            for (name, value) in known {
                if let Some(value) = value {
                    row[name] = value;
                }
            }
            row
        })
        .collect()
}

fn values(shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Enum(values) => Some(json!(values)),
        Shape::List(inner) | Shape::Map(inner) => values(inner),
        _ => None,
    }
}

fn inner(shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Struct(table) => Some(json!(fields(table))),
        Shape::List(shape) | Shape::Map(shape) => inner(shape),
        _ => None,
    }
}

/// The word for a shape.
pub fn word(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Integer(..) => "integer".to_owned(),
        Shape::Number => "number".to_owned(),
        Shape::Boolean => "boolean".to_owned(),
        Shape::Time => "time".to_owned(),
        Shape::Name => "name".to_owned(),
        Shape::Secret => "secret".to_owned(),
        Shape::Digest => "digest".to_owned(),
        Shape::Url => "url".to_owned(),
        Shape::Enum(_) => "enum".to_owned(),
        Shape::List(inner) => format!("list of {}", word(inner)),
        Shape::Map(inner) => format!("map of {}", word(inner)),
        Shape::Struct(_) => "struct".to_owned(),
        Shape::Any => "any".to_owned(),
    }
}
