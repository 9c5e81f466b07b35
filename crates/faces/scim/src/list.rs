//! Lists and searches (RFC 7644 section 3.4.2): filtered, sorted, by pages, with the attributes that were asked for.

use base::{Error, Result};
use kernel::cx::Cx;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::{
    filter::{self, Filter},
    path::{bare, get, key},
    resource::{self, Sort},
    schema,
};

/// The most resources one answer has.
pub const COUNT_MAX: usize = 1_000;
const COUNT: usize = 100;

/// What was asked of a list.
#[derive(Default)]
pub struct Asked {
    filter: Option<Filter>,
    sort_by: Option<String>,
    descending: bool,
    start: usize,
    count: usize,
    attributes: Vec<String>,
    excluded: Vec<String>,
}

impl Asked {
    /// What a query asks.
    pub fn of_query(query: &str) -> Result<Self> {
        let mut fields = Map::new();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = value.replace('+', " ");
            let value = percent_decode_str(&value)
                .decode_utf8()
                .map_err(|_| Error::bad_request("bad-query", "the query is not UTF-8"))?;
            fields.insert(name.to_owned(), Value::String(value.into_owned()));
        }
        Self::of_body(&Value::Object(fields))
    }

    /// What the body of a search asks.
    pub fn of_body(body: &Value) -> Result<Self> {
        let text = |name: &str| get(body, name).and_then(Value::as_str);
        let number = |name: &str, otherwise: usize| match get(body, name) {
            None => Ok(otherwise),
            Some(value) => {
                let told = value.as_i64().or_else(|| value.as_str()?.parse().ok());
                let wrong = || Error::bad_request("bad-query", format!("`{name}` is a number")).at(name);
                // What is smaller than the smallest is taken for it (RFC 7644 section 3.4.2.4).
                told.map(|told| usize::try_from(told).unwrap_or(0)).ok_or_else(wrong)
            }
        };
        let names = |name: &str| match get(body, name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(lower).collect(),
            Some(Value::String(text)) => text.split(',').map(lower).collect(),
            _ => Vec::new(),
        };
        Ok(Self {
            filter: text("filter").map(filter::parse).transpose()?,
            sort_by: text("sortBy").map(|name| bare(name).to_owned()),
            descending: text("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("descending")),
            start: number("startIndex", 1)?.max(1),
            count: number("count", COUNT)?.min(COUNT_MAX),
            attributes: names("attributes"),
            excluded: names("excludedAttributes"),
        })
    }

    /// A resource with the attributes that were asked for; `id` and `schemas` always.
    pub fn selected(&self, it: Value) -> Value {
        let Value::Object(fields) = it else { return it };
        let always = |name: &str| matches!(name, "id" | "schemas");
        let named = |names: &[String], name: &str| {
            let lower = name.to_ascii_lowercase();
            names.iter().any(|it| *it == lower || it.strip_prefix(&format!("{lower}.")).is_some())
        };
        let kept = fields.into_iter().filter(|(name, _)| {
            always(name)
                || if self.attributes.is_empty() {
                    let lower = name.to_ascii_lowercase();
                    !self.excluded.contains(&lower)
                } else {
                    named(&self.attributes, name)
                }
        });
        Value::Object(kept.map(|(name, value)| (name.clone(), self.parts(&name, value))).collect())
    }

    /// The parts of an attribute that were asked for.
    fn parts(&self, name: &str, value: Value) -> Value {
        let start = format!("{}.", name.to_ascii_lowercase());
        let wanted: Vec<&str> = self.attributes.iter().filter_map(|it| it.strip_prefix(&start)).collect();
        let whole = self.attributes.iter().any(|it| it.eq_ignore_ascii_case(name));
        let unwanted: Vec<&str> = self.excluded.iter().filter_map(|it| it.strip_prefix(&start)).collect();
        if (wanted.is_empty() || whole) && unwanted.is_empty() {
            return value;
        }
        let keeps = |part: &str| {
            let part = part.to_ascii_lowercase();
            let is_wanted = wanted.is_empty() || whole || wanted.contains(&part.as_str());
            is_wanted && !unwanted.contains(&part.as_str())
        };
        let cut = |value: Value| match value {
            Value::Object(fields) => {
                Value::Object(fields.into_iter().filter(|(part, _)| keeps(part)).collect())
            }
            value => value,
        };
        match value {
            Value::Array(items) => Value::Array(items.into_iter().map(cut).collect()),
            value => cut(value),
        }
    }
}

fn lower(name: &str) -> String {
    bare(name.trim()).to_ascii_lowercase()
}

/// A page of resources.
pub async fn page(cx: &Cx, sorts: &[Sort], asked: &Asked, place: &str) -> Result<Value> {
    let mut found: Vec<Value> = Vec::new();
    for sort in sorts {
        let all = resource::all(cx, *sort, asked.filter.as_ref()).await?;
        found.extend(all.iter().map(|it| it.shown(place)));
    }
    if let Some(filter) = &asked.filter {
        found.retain(|it| filter.fits(it));
    }
    if let Some(name) = &asked.sort_by {
        found.sort_by_cached_key(|it| sort_key(it, name));
        if asked.descending {
            found.reverse();
        }
    }
    let total = found.len();
    let page: Vec<Value> =
        found.into_iter().skip(asked.start - 1).take(asked.count).map(|it| asked.selected(it)).collect();
    Ok(json!({
        "schemas": [schema::LIST],
        "totalResults": total,
        "startIndex": asked.start,
        "itemsPerPage": page.len(),
        "Resources": page,
    }))
}

fn sort_key(it: &Value, path: &str) -> String {
    let mut value = it;
    for name in path.split('.') {
        let found = value.as_object().and_then(|fields| fields.get(key(fields, name)));
        value = match found {
            Some(Value::Array(items)) => items.first().unwrap_or(&Value::Null),
            Some(value) => value,
            None => return String::new(),
        };
    }
    let value = get(value, "value").unwrap_or(value);
    value.as_str().map_or_else(|| value.to_string(), str::to_lowercase)
}

/// A list of everything there is.
pub fn whole(items: Vec<Value>) -> Value {
    json!({
        "schemas": [schema::LIST],
        "totalResults": items.len(),
        "startIndex": 1,
        "itemsPerPage": items.len(),
        "Resources": items,
    })
}
