//! From the parameters of a list to a question for the store.

use std::collections::BTreeMap;

use base::{Error, PAGE_DEFAULT, PAGE_MAX, Result};

use crate::{
    cx::Cx,
    declare::KindDef,
    index::Cell,
    kind::Scope,
    object,
    predicate::{Op, Place, Predicate},
    selection::page,
    store::{Projects, Query},
};

/// The parameters every list understands.
pub const LIST_PARAMS: &[(&str, &str)] = &[
    ("limit", "How many at most, from 1 to 1000; 50 when not given."),
    ("pageToken", "Where to go on: `metadata.nextPageToken` of the page before."),
    ("sort", "A field to sort by, `-` in front for largest first. The default is the order of creation."),
    ("filter", "An AIP-160 filter such as `spec.phase = \"ready\" AND metadata.name = \"a*\"`."),
    ("labelSelector", "A Kubernetes label selector such as `env=prod,tier in (web,api)`."),
    ("fieldSelector", "A Kubernetes field selector such as `metadata.name=churn`."),
    ("fields", "Which fields to answer, as paths with commas between."),
    ("project", "The project; `-` for all you may see."),
    ("deleted", "`true` lists the trash."),
    ("total", "`true` adds the number of all that match, as `metadata.total` and `X-Total-Count`."),
];

/// The question a list's parameters ask.
pub fn of_list(cx: &Cx, kind: &KindDef, params: &BTreeMap<String, String>) -> Result<Query> {
    let mut filters = Vec::new();
    filters.extend(selection::parse(kind, param(params, "filter"))?);
    filters.extend(selection::label_selector(param(params, "labelSelector"))?);
    filters.extend(selection::field_selector(kind, param(params, "fieldSelector"))?);
    if let (Some((_, field)), Some(parent)) = (kind.parent, params.get(PARENT)) {
        filters.push(under(kind, field, parent));
    }
    let limit = match param(params, "limit") {
        "" => PAGE_DEFAULT,
        text => text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
            Error::bad_request("bad-limit", format!("`limit` is a number from 1 to {PAGE_MAX}")).at("limit")
        })?,
    };
    let all = kind.scope == Scope::Project && &*cx.project == "-";
    let mut query = Query {
        org: Some(cx.org_of(kind.scope)),
        kind: kind.id(),
        projects: if all {
            Projects::All
        } else {
            Projects::These(vec![object::home(kind.scope, &cx.project)])
        },
        deleted: param(params, "deleted") == "true",
        filter: one(filters),
        sort: selection::sort(kind, kind.fields, param(params, "sort"))?,
        after: None,
        limit,
    };
    let token = param(params, "pageToken");
    if !token.is_empty() {
        query.after = Some(page::read(&query, token)?);
    }
    Ok(query)
}

/// The parameter under which a parent's name travels from the path.
pub const PARENT: &str = "\u{0}parent";

/// A parameter's text, empty when it was not given.
pub fn param<'a>(params: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    params.get(name).map_or("", String::as_str)
}

/// Children name their parent in a field.
fn under(kind: &KindDef, field: &str, parent: &str) -> Predicate {
    let cell = Cell::Text(parent.to_owned());
    let indexed = kind.fields.iter().any(|it| it.name == field && it.indexed);
    let place = if indexed {
        Place::Term(format!("spec.{field}"))
    } else {
        Place::Body(vec!["spec".to_owned(), field.to_owned()])
    };
    Predicate::Compare { place, op: Op::Equal, cell }
}

fn one(mut filters: Vec<Predicate>) -> Option<Predicate> {
    match filters.len() {
        0 | 1 => filters.pop(),
        _ => Some(Predicate::All(filters)),
    }
}
