//! Holds a JSON value against a field table: types, limits, unknown fields, defaults.

use base::{Error, Name, Result, Time};
use serde_json::{Map, Value};

use crate::kind::{Field, Shape};

type Fields = Map<String, Value>;

/// The longest text where the field says nothing, in characters.
pub const TEXT_MAX: usize = 10_000;
/// The most entries of a list or map where the field says nothing.
pub const ENTRIES_MAX: usize = 1_000;
/// How deep a free JSON value may nest.
pub const DEPTH_MAX: usize = 32;

/// Checks an object's fields against the table and fills in defaults; the path names it in errors.
pub fn accept(table: &[Field], fields: &mut Fields, path: &str) -> Result<()> {
    for name in fields.keys() {
        if !table.iter().any(|field| field.name == name) {
            let shown: String = name.chars().take(60).collect();
            let known: Vec<&str> = table.iter().map(|field| field.name).collect();
            return Err(Error::invalid("unknown-field", format!("there is no field `{shown}` here"))
                .at(join(path, &shown))
                .hint(format!("the fields are: {}", known.join(", "))));
        }
    }
    fill_defaults(table, fields);
    for field in table {
        let at = join(path, field.name);
        match fields.get_mut(field.name) {
            None | Some(Value::Null) if field.is_required() => {
                return Err(Error::invalid("missing-field", format!("`{}` must be given", field.name))
                    .at(at)
                    .hint(field.doc));
            }
            None => {}
            Some(Value::Null) => {
                fields.remove(field.name);
            }
            Some(value) => fits(field, &field.shape, value, &at)?,
        }
    }
    Ok(())
}

/// Sets what was left out and has a default.
pub fn fill_defaults(table: &[Field], fields: &mut Fields) {
    for field in table {
        let absent = fields.get(field.name).is_none_or(Value::is_null);
        if absent
            && let Some(default) = field.default
            && let Ok(value) = serde_json::from_str(default)
        {
            fields.insert(field.name.to_owned(), value);
        }
        if let (Shape::Struct(inner), Some(Value::Object(map))) = (&field.shape, fields.get_mut(field.name)) {
            fill_defaults(inner, map);
        }
    }
}

/// Takes out what is taken in and never given out, however deep it lies.
pub fn hide_secrets(table: &[Field], fields: &mut Fields) {
    for field in table {
        if field.write_only {
            fields.remove(field.name);
        } else if let Some(value) = fields.get_mut(field.name) {
            each_struct(&field.shape, value, &mut |inner, map| hide_secrets(inner, map));
        }
    }
}

/// Takes out what is null because it is absent, however deep it lies: an absent option is nothing, not null. What may
/// be any JSON keeps its nulls.
pub fn leave_out_absent(table: &[Field], fields: &mut Fields) {
    for field in table {
        if fields.get(field.name).is_some_and(Value::is_null) {
            fields.remove(field.name);
        } else if let Some(value) = fields.get_mut(field.name) {
            each_struct(&field.shape, value, &mut |inner, map| leave_out_absent(inner, map));
        }
    }
}

/// Does something with the structs that a value of a shape is made of, the outermost ones.
fn each_struct(shape: &Shape, value: &mut Value, with: &mut dyn FnMut(&[Field], &mut Fields)) {
    match (shape, value) {
        (Shape::Struct(inner), Value::Object(map)) => with(inner, map),
        (Shape::List(inner), Value::Array(items)) => {
            items.iter_mut().for_each(|item| each_struct(inner, item, with))
        }
        (Shape::Map(inner), Value::Object(map)) => {
            map.values_mut().for_each(|item| each_struct(inner, item, with))
        }
        _ => {}
    }
}

fn fits(field: &Field, shape: &Shape, value: &mut Value, at: &str) -> Result<()> {
    match (shape, value) {
        (Shape::Text | Shape::Secret, Value::String(text)) => {
            within(field, text.chars().count(), TEXT_MAX, "characters", at)
        }
        (Shape::Integer(low, high), Value::Number(number)) => {
            let Some(whole) = whole(number) else {
                return Err(wrong(at, "a whole number", &Value::Number(number.clone())));
            };
            if whole < *low || whole > *high {
                return Err(out_of_range(at, &format!("between {low} and {high}")));
            }
            // `3.0` becomes `3`, so that what is stored has one form.
            *number = whole.into();
            between(field, whole as f64, at)
        }
        (Shape::Number, Value::Number(number)) => between(field, number.as_f64().unwrap_or_default(), at),
        (Shape::Boolean, Value::Bool(_)) => Ok(()),
        (Shape::Time, Value::String(text)) => {
            // One form in UTC, so that stored times compare as texts.
            *text = text.parse::<Time>().map_err(|error| error.at(at))?.to_string();
            Ok(())
        }
        (Shape::Name, Value::String(text)) => {
            Name::new(text.as_str()).map(|_| ()).map_err(|error| error.at(at))
        }
        (Shape::Digest, Value::String(text)) => {
            text.parse::<base::Digest>().map(|_| ()).map_err(|error| error.at(at))
        }
        (Shape::Url, Value::String(text)) => url(text, at),
        (Shape::Enum(known), Value::String(text)) => {
            if known.contains(&text.as_str()) {
                return Ok(());
            }
            let shown: String = text.chars().take(60).collect();
            Err(Error::invalid("unknown-value", format!("`{shown}` is none of the known values"))
                .at(at)
                .hint(format!("write one of: {}", known.join(", "))))
        }
        (Shape::List(inner), Value::Array(items)) => {
            within(field, items.len(), ENTRIES_MAX, "entries", at)?;
            let plain = Field { min: None, max: None, ..*field };
            for (i, item) in items.iter_mut().enumerate() {
                fits(&plain, inner, item, &format!("{at}[{i}]"))?;
            }
            Ok(())
        }
        (Shape::Map(inner), Value::Object(map)) => {
            within(field, map.len(), ENTRIES_MAX, "entries", at)?;
            let plain = Field { min: None, max: None, ..*field };
            for (key, item) in map.iter_mut() {
                fits(&plain, inner, item, &join(at, key))?;
            }
            Ok(())
        }
        (Shape::Struct(table), Value::Object(map)) => accept(table, map, at),
        (Shape::Any, value) => {
            if depth(value) > DEPTH_MAX {
                return Err(too_deep().at(at));
            }
            Ok(())
        }
        (shape, value) => Err(wrong(at, expected(shape), value)),
    }
}

/// The whole number a JSON number is, if it is one.
fn whole(number: &serde_json::Number) -> Option<i64> {
    if let Some(whole) = number.as_i64() {
        return Some(whole);
    }
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
}

fn between(field: &Field, number: f64, at: &str) -> Result<()> {
    match (field.min, field.max) {
        (Some(min), Some(max)) if number < min || number > max => {
            Err(out_of_range(at, &format!("between {min} and {max}")))
        }
        (Some(min), None) if number < min => Err(out_of_range(at, &format!("at least {min}"))),
        (None, Some(max)) if number > max => Err(out_of_range(at, &format!("at most {max}"))),
        _ => Ok(()),
    }
}

fn within(field: &Field, size: usize, limit: usize, unit: &str, at: &str) -> Result<()> {
    let max = field.max.map_or(limit, |max| max as usize);
    if size > max {
        return Err(Error::invalid("too-long", format!("{size} {unit} are too many"))
            .at(at)
            .hint(format!("at most {max} {unit} are kept")));
    }
    let min = field.min.map_or(0, |min| min as usize);
    if size < min {
        return Err(Error::invalid("too-short", format!("{size} {unit} are too few"))
            .at(at)
            .hint(format!("at least {min} {unit} are needed")));
    }
    Ok(())
}

fn url(text: &str, at: &str) -> Result<()> {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let starts = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if starts && plain && text.len() <= 2_048 && !text.contains(char::is_whitespace) {
        return Ok(());
    }
    Err(Error::invalid("invalid-url", "this is not an absolute address")
        .at(at)
        .hint("write it with its scheme, for example https://example.org/path (RFC 3986)"))
}

/// The error for a value that nests too deep.
pub fn too_deep() -> Error {
    Error::invalid("too-deep", format!("values nest at most {DEPTH_MAX} deep"))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn expected(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Secret => "a text",
        Shape::Integer(..) => "a whole number",
        Shape::Number => "a number",
        Shape::Boolean => "`true` or `false`",
        Shape::Time => "a time (RFC 3339)",
        Shape::Name => "a name",
        Shape::Digest => "a digest (64 hexadecimal digits)",
        Shape::Url => "an address",
        Shape::Enum(_) => "one of the known texts",
        Shape::List(_) => "a list",
        Shape::Map(_) | Shape::Struct(_) => "an object",
        Shape::Any => "any value",
    }
}

fn wrong(at: &str, expected: &str, found: &Value) -> Error {
    let found = match found {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Error::invalid("wrong-type", format!("expected {expected}, found {found}")).at(at)
}

fn out_of_range(at: &str, range: &str) -> Error {
    Error::invalid("out-of-range", format!("the number must be {range}")).at(at)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests;
