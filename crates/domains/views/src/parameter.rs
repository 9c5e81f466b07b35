//! A parameter: a hole in a template or component, with its type, limits and default.
//!
//! `"${name}"` alone becomes the value with its type; inside a longer text it becomes the value's text, and inside a
//! text called `filter` a literal of the filter's grammar, so that no value can say more than a value.

use std::collections::{BTreeMap, BTreeSet};

use kernel::prelude::*;

use crate::short;

/// A hole in a template or component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Parameter {
    /// Its name, as `${name}` has it.
    #[field(min = 1, max = 60, example = "experiment")]
    pub name: String,
    /// What people read.
    #[field(max = 200)]
    pub title: Option<String>,
    /// What it takes.
    #[field(default = "text")]
    pub r#type: Type,
    /// Whether it must be given; one with a default need not be.
    #[field(default = true)]
    pub required: bool,
    /// What it is when it is not given.
    pub default: Option<Value>,
    /// The values it may have, where not all of its type.
    #[field(max = 100)]
    pub choices: Vec<Value>,
    /// The smallest number, or the shortest text.
    pub min: Option<f64>,
    /// The largest number, or the longest text.
    pub max: Option<f64>,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// A list of texts.
    List,
}

impl Type {
    fn word(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "array",
        }
    }

    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        }
    }
}

/// The longest text where a parameter says nothing.
const TEXT_MAX: f64 = 2_000.0;

fn refused(name: &str, why: impl std::fmt::Display) -> Error {
    let name = short(name);
    Error::invalid("bad-parameter", format!("parameter `{name}` {why}")).at(format!("values.{name}"))
}

impl Parameter {
    fn fits(&self, value: &Value) -> Result<()> {
        if !self.r#type.takes(value) {
            return Err(refused(&self.name, format!("is of type {}", self.r#type.word())));
        }
        let size = match value {
            Value::String(text) => Some(text.chars().count() as f64),
            Value::Array(items) => Some(items.len() as f64),
            value => value.as_f64(),
        };
        let max = self.max.or_else(|| (value.is_string() || value.is_array()).then_some(TEXT_MAX));
        if let Some(size) = size
            && (self.min.is_some_and(|min| size < min) || max.is_some_and(|max| size > max))
        {
            return Err(refused(&self.name, "is out of its range"));
        }
        if !self.choices.is_empty() && !self.choices.contains(value) {
            return Err(refused(&self.name, "is none of its choices"));
        }
        Ok(())
    }
}

/// Refuses parameters that contradict themselves.
pub fn check(parameters: &[Parameter]) -> Result<()> {
    let mut names = BTreeSet::new();
    for it in parameters {
        let word = it.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !word || !names.insert(&it.name) {
            return Err(refused(&it.name, "needs a name of its own, of letters, digits, `-` and `_`"));
        }
        for value in it.default.iter().chain(&it.choices) {
            let alone = Parameter { choices: Vec::new(), ..it.clone() };
            alone.fits(value)?;
        }
    }
    Ok(())
}

/// The values given, checked, and the defaults of the others.
pub fn values(parameters: &[Parameter], given: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>> {
    if let Some(name) = given.keys().find(|name| !parameters.iter().any(|it| it.name == **name)) {
        return Err(refused(name, "is not one of its parameters"));
    }
    let mut values = BTreeMap::new();
    for it in parameters {
        match given.get(&it.name).or(it.default.as_ref()) {
            Some(value) => {
                it.fits(value)?;
                values.insert(it.name.clone(), value.clone());
            }
            None if it.required => return Err(refused(&it.name, "must be given")),
            None => {}
        }
    }
    Ok(values)
}

/// The parameters as a JSON Schema (draft 2020-12).
pub fn schema(parameters: &[Parameter]) -> Value {
    let mut properties = serde_json::Map::new();
    for it in parameters {
        let mut told = json!({"type": it.r#type.word()});
        if it.r#type == Type::List {
            told["items"] = json!({"type": "string"});
        }
        let (low, high) = match it.r#type {
            Type::Text => ("minLength", "maxLength"),
            Type::List => ("minItems", "maxItems"),
            Type::Integer | Type::Number | Type::Boolean => ("minimum", "maximum"),
        };
        for (name, value) in [(low, it.min), (high, it.max)] {
            if let Some(value) = value {
                told[name] = if value.fract() == 0.0 { json!(value as i64) } else { json!(value) };
            }
        }
        if let Some(title) = &it.title {
            told["title"] = json!(title);
        }
        if let Some(default) = &it.default {
            told["default"] = default.clone();
        }
        if !it.choices.is_empty() {
            told["enum"] = json!(it.choices);
        }
        properties.insert(it.name.clone(), told);
    }
    let required: Vec<&String> =
        parameters.iter().filter(|it| it.required && it.default.is_none()).map(|it| &it.name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "properties": properties, "required": required, "additionalProperties": false,
    })
}

/// A template with its holes filled; what had only a hole without a value goes.
pub fn fill(template: &Value, values: &BTreeMap<String, Value>) -> Result<Value> {
    Ok(filled(template, values, "")?.unwrap_or_default())
}

fn filled(template: &Value, values: &BTreeMap<String, Value>, field: &str) -> Result<Option<Value>> {
    Ok(Some(match template {
        Value::String(text) => return text_filled(text, values, field),
        Value::Array(items) => {
            let mut all = Vec::new();
            for item in items {
                all.extend(filled(item, values, field)?);
            }
            Value::Array(all)
        }
        Value::Object(fields) => {
            let mut all = serde_json::Map::new();
            for (name, value) in fields {
                if let Some(value) = filled(value, values, name)? {
                    all.insert(name.clone(), value);
                }
            }
            Value::Object(all)
        }
        other => other.clone(),
    }))
}

fn text_filled(text: &str, values: &BTreeMap<String, Value>, field: &str) -> Result<Option<Value>> {
    let holes = holes(text);
    if let [(0, end, name)] = holes.as_slice()
        && *end == text.len()
        && field != "filter"
    {
        return Ok(values.get(*name).cloned());
    }
    let (mut told, mut at) = (String::new(), 0);
    for (start, end, name) in holes {
        told.push_str(&text[at..start]);
        let value = values.get(name).ok_or_else(|| refused(name, "has no value where a text needs it"))?;
        told.push_str(&match value {
            Value::String(text) if field == "filter" => kernel::literal(text),
            Value::String(text) => text.clone(),
            Value::Array(_) | Value::Object(_) => {
                return Err(refused(name, "is a list, which cannot stand inside a text"));
            }
            other => other.to_string(),
        });
        at = end;
    }
    told.push_str(&text[at..]);
    Ok(Some(Value::String(told)))
}

/// Where a text has holes: start, end and name of each.
fn holes(text: &str) -> Vec<(usize, usize, &str)> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(start) = text[from..].find("${").map(|at| from + at) {
        let Some(end) = text[start..].find('}').map(|at| start + at) else { break };
        found.push((start, end + 1, &text[start + 2..end]));
        from = end + 1;
    }
    found
}

/// Refuses a template with a hole no parameter fills.
pub fn covered(template: &Value, parameters: &[Parameter]) -> Result<()> {
    match template {
        Value::String(text) => {
            match holes(text).into_iter().find(|hole| !parameters.iter().any(|it| it.name == hole.2)) {
                Some((_, _, name)) => Err(refused(name, "is used and not declared")),
                None => Ok(()),
            }
        }
        Value::Array(items) => items.iter().try_for_each(|item| covered(item, parameters)),
        Value::Object(fields) => fields.values().try_for_each(|value| covered(value, parameters)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, r#type: Type) -> Parameter {
        Parameter {
            name: name.to_owned(),
            title: None,
            r#type,
            required: false,
            default: None,
            choices: Vec::new(),
            min: None,
            max: None,
        }
    }

    #[test]
    fn a_hole_alone_keeps_its_type_and_one_in_a_filter_is_a_literal() {
        let template = json!({"limit": "${n}", "title": "the ${n} best", "filter": "spec.owner = ${who}", "gone": "${none}"});
        let values = BTreeMap::from([("n".to_owned(), json!(5)), ("who".to_owned(), json!("a\" OR \"b"))]);
        let told = fill(&template, &values).unwrap();
        assert_eq!(told["limit"], 5);
        assert_eq!(told["title"], "the 5 best");
        assert_eq!(told["filter"], format!("spec.owner = {}", kernel::literal("a\" OR \"b")));
        assert!(told.get("gone").is_none());
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let n = Parameter { min: Some(1.0), max: Some(9.0), required: true, ..parameter("n", Type::Integer) };
        let given =
            |value: Value| values(std::slice::from_ref(&n), &BTreeMap::from([("n".to_owned(), value)]));
        assert_eq!(given(json!(3)).unwrap()["n"], 3);
        for bad in [json!(0), json!(10), json!("3"), json!(1.5)] {
            assert_eq!(given(bad).unwrap_err().code(), "bad-parameter");
        }
        assert!(values(std::slice::from_ref(&n), &BTreeMap::new()).is_err());
        assert!(covered(&json!(["${m}"]), &[n]).is_err());
    }
}
