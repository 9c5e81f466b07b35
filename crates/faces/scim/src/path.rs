//! Attribute names and paths: `emails.value`, `members[value eq "x"].display`, with or without the schema's URN.

use base::{Error, Result};
use serde_json::{Map, Value};

use crate::filter::{self, Filter};

/// The longest path or filter, in bytes.
pub const LENGTH_MAX: usize = 4_000;

/// Where an attribute is (RFC 7644 section 3.5.2).
#[derive(Debug)]
pub struct Path {
    /// The attribute.
    pub name: String,
    /// Which of its values, where it has several.
    pub which: Option<Filter>,
    /// The attribute within it.
    pub sub: Option<String>,
}

fn wrong(text: &str) -> Error {
    let shown: String = text.chars().take(60).collect();
    Error::bad_request("bad-scim-path", format!("`{shown}` is no path of an attribute"))
        .hint("for example `name.familyName` or `members[value eq \"usr_01j9\"]` (RFC 7644 section 3.5.2)")
}

/// A name without the URN of its schema.
pub fn bare(name: &str) -> &str {
    if name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
        // What follows the last colon is the name; versions have dots, so the schema's own end is no name.
        return name.rsplit_once(':').map_or(name, |(_, name)| name);
    }
    name
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '$')
        && chars.all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c))
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// `bad-scim-path`, `bad-scim-filter`.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > LENGTH_MAX {
            return Err(wrong(text));
        }
        let (head, which, rest) = match text.split_once('[') {
            Some((head, tail)) => {
                let (inside, rest) = tail.rsplit_once(']').ok_or_else(|| wrong(text))?;
                (head, Some(filter::parse(inside)?), rest)
            }
            None => (text, None, ""),
        };
        let head = bare(head.trim());
        let (name, sub) = match (head.split_once('.'), rest.strip_prefix('.')) {
            (Some((name, sub)), None) if which.is_none() => (name, Some(sub)),
            (None, sub) => (head, sub),
            _ => return Err(wrong(text)),
        };
        let whole = rest.is_empty() || rest.starts_with('.');
        if !whole || !is_name(name) || !sub.is_none_or(is_name) {
            return Err(wrong(text));
        }
        Ok(Self { name: name.to_owned(), which, sub: sub.map(str::to_owned) })
    }
}

/// The name an attribute has in a resource: names do not differ by case (RFC 7643 section 2.1).
pub fn key<'a>(fields: &'a Map<String, Value>, name: &'a str) -> &'a str {
    fields.keys().find(|key| key.eq_ignore_ascii_case(name)).map_or(name, String::as_str)
}

/// An attribute's value.
pub fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let fields = value.as_object()?;
    fields.get(key(fields, name))
}
