//! An object as it is found: its words and what can be counted, without what is secret or personal.

use kernel::{
    declare::KindDef,
    kind::{Field, Scope, Shape},
    prelude::*,
};
use ports::search::Document;

/// Kinds nobody looks for: they are made by the platform, by the thousand, and named at random.
const PASSING: [&str; 8] = [
    "admin.sessions",
    "admin.factors",
    "admin.revocations",
    "admin.consents",
    "admin.linked-identities",
    "admin.signing-keys",
    "admin.audit-checkpoints",
    "system.runs",
];
/// The most characters of one object's text that are looked at.
const TEXT_MAX: usize = 64 << 10;
/// A longer value is a text, not something to count.
const FACET_MAX: usize = 64;
/// Fields that stand above an object, the first that is there.
const TITLES: [&str; 3] = ["title", "displayName", "description"];

/// Whether objects of a kind are found. What belongs to the platform itself is nobody's to find.
pub fn is_found(kind: &KindDef) -> bool {
    kind.scope != Scope::Platform
        && kind.has_objects()
        && kind.serves("list")
        && !PASSING.contains(&kind.id().as_str())
}

/// An object as it is found.
pub fn of(kind: &KindDef, it: &Raw, updated: Time) -> Document {
    let mut facets: Vec<(String, String)> = Vec::new();
    for (fields, values) in [(kind.fields, &it.spec), (kind.status, &it.status)] {
        for field in fields {
            let value = values.get(field.name).and_then(Value::as_str);
            let counts = field.indexed && !hidden(field) && field.reference.is_none();
            let counts = counts && matches!(field.shape, Shape::Text | Shape::Enum(_) | Shape::Name);
            if let Some(value) = value.filter(|value| counts && (1..=FACET_MAX).contains(&value.len())) {
                facets.push((field.name.to_owned(), value.to_owned()));
            }
        }
    }
    let mut text = String::new();
    for (key, value) in &it.metadata.labels {
        facets.push(("label".to_owned(), format!("{key}={value}")));
        push(&mut text, &format!("{key} {value}"));
    }
    let mut title = String::new();
    for name in TITLES {
        let field = kind.fields.iter().find(|field| field.name == name);
        let value = it.spec.get(name).and_then(Value::as_str);
        if let (Some(value), true) = (value, title.is_empty() && field.is_some_and(|field| !hidden(field))) {
            value.clone_into(&mut title);
        }
    }
    for field in kind.fields {
        if let Some(value) = it.spec.get(field.name) {
            read(&mut text, field, value);
        }
    }
    Document {
        uid: it.metadata.uid.to_string(),
        org: it.org.clone(),
        project: it.metadata.namespace.clone(),
        kind: kind.id(),
        name: it.metadata.name.clone(),
        title,
        text,
        facets,
        created: it.metadata.creation_timestamp,
        updated,
    }
}

/// Whether nobody may read a field here: an index is no place for what is sealed elsewhere.
fn hidden(field: &Field) -> bool {
    field.personal || field.write_only
}

fn push(text: &mut String, words: &str) {
    let left = TEXT_MAX.saturating_sub(text.len());
    if left > words.len() && !words.is_empty() {
        text.push_str(words);
        text.push('\n');
    }
}

/// Adds the words of a field, by its shape.
fn read(text: &mut String, field: &Field, value: &Value) {
    if !hidden(field) {
        shaped(text, &field.shape, value);
    }
}

fn shaped(text: &mut String, shape: &Shape, value: &Value) {
    match (shape, value) {
        (
            Shape::Secret | Shape::Digest | Shape::Boolean | Shape::Time | Shape::Integer(..) | Shape::Number,
            _,
        ) => {}
        (Shape::Text | Shape::Name | Shape::Url | Shape::Enum(_), Value::String(words)) => push(text, words),
        (Shape::List(inner), Value::Array(items)) => items.iter().for_each(|item| shaped(text, inner, item)),
        (Shape::Map(inner), Value::Object(entries)) => {
            for (key, item) in entries {
                push(text, key);
                shaped(text, inner, item);
            }
        }
        (Shape::Struct(fields), Value::Object(entries)) => {
            for field in *fields {
                if let Some(item) = entries.get(field.name) {
                    read(text, field, item);
                }
            }
        }
        (Shape::Any, Value::String(words)) => push(text, words),
        (Shape::Any, Value::Array(items)) => items.iter().for_each(|item| shaped(text, &Shape::Any, item)),
        (Shape::Any, Value::Object(entries)) => {
            for (key, item) in entries {
                push(text, key);
                shaped(text, &Shape::Any, item);
            }
        }
        // A value of another shape than it should have tells nothing.
        _ => {}
    }
}
