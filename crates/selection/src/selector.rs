//! Kubernetes' label and field selectors, as predicates; and what a list is sorted by.

use base::{Error, Result};
use fields::kind::{Field, Shape};
use store::{
    Sort,
    index::Cell,
    predicate::{Op, Place, Predicate},
};

use crate::{Table, check, parse};

/// A label selector: `env=prod,tier in (web,api),!legacy`.
pub fn label_selector(text: &str) -> Result<Option<Predicate>> {
    let mut parts = Vec::new();
    for requirement in split(text) {
        parts.push(requirement_of(requirement.trim())?);
    }
    Ok(if parts.is_empty() { None } else { Some(Predicate::All(parts)) })
}

/// Cuts at commas that are not inside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn requirement_of(text: &str) -> Result<Predicate> {
    if let Some(key) = text.strip_prefix('!') {
        return is(key.trim(), Cell::Null);
    }
    for (word, negated) in [(" notin ", true), (" in ", false)] {
        if let Some((key, values)) = text.split_once(word) {
            let values = values.trim().strip_prefix('(').and_then(|values| values.strip_suffix(')'));
            let values = values.ok_or_else(|| bad("write the values in parentheses"))?;
            let any: Result<Vec<Predicate>> =
                values.split(',').map(|value| is(key.trim(), Cell::Text(value.trim().to_owned()))).collect();
            let any = Predicate::Any(any?);
            return Ok(if negated { Predicate::Not(Box::new(any)) } else { any });
        }
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Predicate::Not(Box::new(is(key.trim(), Cell::Text(value.trim().to_owned()))?)));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return is(key.trim(), Cell::Text(value.trim().to_owned()));
    }
    Ok(Predicate::Not(Box::new(is(text, Cell::Null)?)))
}

fn is(key: &str, cell: Cell) -> Result<Predicate> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if key.is_empty() || !key.chars().all(plain) {
        return Err(bad("a requirement is `key=value`, `key!=value`, `key in (a,b)`, `key` or `!key`"));
    }
    Ok(Predicate::Compare { place: Place::Term(format!("label:{key}")), op: Op::Equal, cell })
}

fn bad(message: &str) -> Error {
    Error::bad_request("bad-selector", message).at("labelSelector")
}

/// A field selector: `metadata.name=churn,status.phase!=Ready`.
pub fn field_selector(table: &dyn Table, text: &str) -> Result<Option<Predicate>> {
    let mut parts = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let (path, op, value) = if let Some((path, value)) = part.split_once("!=") {
            (path, "!=", value)
        } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (path, "=", value)
        } else {
            return Err(Error::bad_request("bad-selector", "a requirement is `path=value` or `path!=value`")
                .at("fieldSelector"));
        };
        let path = path.trim();
        if check::place(table, path).is_none() {
            return Err(Error::bad_request(
                "bad-selector",
                format!("there is no field `{path}` to select by"),
            )
            .at("fieldSelector"));
        }
        parts.extend(parse(table, &format!("{path} {op} {}", filter::literal(value.trim())))?);
    }
    Ok(if parts.is_empty() { None } else { Some(Predicate::All(parts)) })
}

/// Where a sort's path leads.
fn sortable(table: &dyn Table, path: &str) -> Option<Place> {
    let (place, shape) = check::place(table, path)?;
    match place {
        // A list has a term for each element, and so no one place in an order.
        Place::Term(_) if matches!(shape, Shape::List(_)) => None,
        Place::Name | Place::Uid | Place::Created | Place::Version | Place::Term(_) => Some(place),
        Place::Project | Place::Generation | Place::Body(_) => None,
    }
}

/// What a list is sorted by: a path, `-` in front for largest first; in the order of creation when it is empty.
///
/// # Errors
/// `not-sortable` (400), with the fields it can be sorted by.
pub fn sort(table: &dyn Table, spec: &[Field], text: &str) -> Result<Sort> {
    let (path, descending) = text.strip_prefix('-').map_or((text, false), |path| (path, true));
    if path.is_empty() {
        return Ok(Sort { place: Place::Uid, descending });
    }
    let place = sortable(table, path).ok_or_else(|| {
        let indexed = spec.iter().filter(|field| field.indexed).map(|field| format!(", spec.{}", field.name));
        Error::bad_request("not-sortable", format!("lists cannot be sorted by `{path}`")).at("sort").hint(
            format!(
                "sort by metadata.name, metadata.creationTimestamp, metadata.resourceVersion{}",
                indexed.collect::<String>()
            ),
        )
    })?;
    Ok(Sort { place, descending })
}
