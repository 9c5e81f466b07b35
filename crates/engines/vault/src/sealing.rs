//! Which fields of which kinds are sealed, and how a record's text is sealed and opened.

use std::collections::HashMap;

use base::{Entropy, Error, Result};
use fields::kind::{Field, Shape};
use serde_json::{Map, Value};

use crate::cipher::{Key, is_sealed};

/// Which fields of which kinds are sealed.
#[derive(Default)]
pub struct Sealed {
    kinds: HashMap<String, Tables>,
}

/// The tables of a kind that has something to seal.
struct Tables {
    spec: &'static [Field],
    status: &'static [Field],
    has_secrets: bool,
    has_personal: bool,
}

/// What a record needs to be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The key of the organization.
    pub organization: bool,
    /// The key of the object.
    pub object: bool,
}

impl Sealed {
    /// Adds a kind, if it has something to seal.
    pub fn add(&mut self, kind: &str, spec: &'static [Field], status: &'static [Field]) {
        let any = |found: fn(&Field) -> bool| has(spec, found) || has(status, found);
        let tables =
            Tables { spec, status, has_secrets: any(is_secret), has_personal: any(|field| field.personal) };
        if tables.has_secrets || tables.has_personal {
            self.kinds.insert(kind.to_owned(), tables);
        }
    }

    /// What records of a kind need.
    pub fn needs(&self, kind: &str) -> Option<Needs> {
        let tables = self.kinds.get(kind)?;
        Some(Needs { organization: tables.has_secrets, object: tables.has_personal })
    }

    /// The text with everything sealed that must be.
    pub fn seal(&self, kind: &str, body: &str, keys: &Ring<'_>, entropy: &dyn Entropy) -> Result<String> {
        self.each(kind, body, &mut |sort, place, value| {
            let Value::String(text) = &*value else { return Ok(()) };
            let sealed = match keys.of(sort) {
                Some(key) => Value::String(key.seal(text, place, entropy)?),
                // The key was destroyed: nothing personal is written any more.
                None => Value::Null,
            };
            *value = sealed;
            Ok(())
        })
    }

    /// The text with everything opened; what cannot be opened any more is null.
    pub fn open(&self, kind: &str, body: &str, keys: &Ring<'_>) -> Result<String> {
        self.each(kind, body, &mut |sort, place, value| {
            let Value::String(text) = &*value else { return Ok(()) };
            // What was written before there was a vault is not sealed.
            if is_sealed(text) {
                *value =
                    keys.of(sort).and_then(|key| key.open(text, place)).map_or(Value::Null, Value::String);
            }
            Ok(())
        })
    }

    fn each(&self, kind: &str, body: &str, act: &mut Act<'_>) -> Result<String> {
        let Some(tables) = self.kinds.get(kind) else { return Ok(body.to_owned()) };
        let mut value: Value = serde_json::from_str(body).map_err(Error::internal)?;
        let place = value.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
        for (part, table) in [("spec", tables.spec), ("status", tables.status)] {
            if let Some(fields) = value.get_mut(part).and_then(Value::as_object_mut) {
                walk(table, &format!("{place} {part}"), fields, act)?;
            }
        }
        serde_json::to_string(&value).map_err(Error::internal)
    }
}

/// What sort of sealed value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Secret,
    Personal,
}

/// The keys at hand.
pub struct Ring<'a> {
    /// The organization's.
    pub organization: Option<&'a Key>,
    /// The object's.
    pub object: Option<&'a Key>,
}

impl Ring<'_> {
    fn of(&self, sort: Sort) -> Option<&Key> {
        match sort {
            Sort::Secret => self.organization,
            Sort::Personal => self.object,
        }
    }
}

type Act<'a> = dyn FnMut(Sort, &str, &mut Value) -> Result<()> + 'a;

fn is_secret(field: &Field) -> bool {
    fn holds(shape: &Shape) -> bool {
        match shape {
            Shape::Secret => true,
            Shape::List(inner) | Shape::Map(inner) => holds(inner),
            Shape::Struct(table) => has(table, is_secret),
            _ => false,
        }
    }
    holds(&field.shape)
}

fn has(table: &[Field], found: fn(&Field) -> bool) -> bool {
    table.iter().any(|field| found(field) || matches!(field.shape, Shape::Struct(inner) if has(inner, found)))
}

fn walk(table: &[Field], place: &str, fields: &mut Map<String, Value>, act: &mut Act<'_>) -> Result<()> {
    for field in table {
        if let Some(value) = fields.get_mut(field.name) {
            let sort = field.personal.then_some(Sort::Personal);
            visit(&field.shape, sort, &format!("{place}.{}", field.name), (value, act))?;
        }
    }
    Ok(())
}

fn visit(
    shape: &Shape,
    personal: Option<Sort>,
    place: &str,
    (value, act): (&mut Value, &mut Act<'_>),
) -> Result<()> {
    match (shape, &mut *value) {
        (Shape::Secret, value) => act(Sort::Secret, place, value),
        (Shape::List(inner), Value::Array(items)) => {
            items.iter_mut().try_for_each(|item| visit(inner, personal, place, (item, &mut *act)))
        }
        (Shape::Map(inner), Value::Object(fields)) => {
            fields.values_mut().try_for_each(|item| visit(inner, personal, place, (item, &mut *act)))
        }
        (Shape::Struct(table), Value::Object(fields)) => walk(table, place, fields, act),
        (_, value) => match personal {
            Some(sort) => act(sort, place, value),
            None => Ok(()),
        },
    }
}
