//! From the parameters of a list to a question for the store, and page tokens between.

use std::collections::BTreeMap;

use base::{Digest, Error, PAGE_DEFAULT, PAGE_MAX, Result, Uid};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    cx::Cx,
    declare::KindDef,
    index::Cell,
    kind::Scope,
    object,
    predicate::{Op, Place, Predicate},
    store::{Projects, Query, Sort},
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

/// A page token before it is made opaque.
#[derive(Serialize, Deserialize)]
struct Token {
    /// Digest of the question the token belongs to.
    question: String,
    /// The value at the sort's place of the last object shown.
    cell: String,
    /// Its uid.
    uid: Uid,
}

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
        sort: sort(kind, param(params, "sort"))?,
        after: None,
        limit,
    };
    let token = param(params, "pageToken");
    if !token.is_empty() {
        query.after = Some(read_token(&query, token)?);
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

fn sort(kind: &KindDef, text: &str) -> Result<Sort> {
    let (path, descending) = text.strip_prefix('-').map_or((text, false), |path| (path, true));
    if path.is_empty() {
        return Ok(Sort { place: Place::Uid, descending });
    }
    let place = selection::sortable(kind, path).ok_or_else(|| {
        let indexed: Vec<String> = kind
            .fields
            .iter()
            .filter(|field| field.indexed)
            .map(|field| format!("spec.{}", field.name))
            .collect();
        Error::bad_request("not-sortable", format!("lists cannot be sorted by `{path}`")).at("sort").hint(
            format!(
                "sort by metadata.name, metadata.creationTimestamp, metadata.resourceVersion{}{}",
                if indexed.is_empty() { "" } else { ", " },
                indexed.join(", ")
            ),
        )
    })?;
    Ok(Sort { place, descending })
}

/// A digest of everything in a question but the page, so that a token cannot be used for another.
fn fingerprint(query: &Query) -> String {
    let told = format!(
        "{:?}{}{:?}{}{:?}{:?}",
        query.org, query.kind, query.projects, query.deleted, query.filter, query.sort
    );
    Digest::of(told.as_bytes()).to_string()[..16].to_owned()
}

/// The token for the page behind an object.
pub fn token(query: &Query, cell: &Cell, uid: &Uid) -> String {
    let cell = match cell {
        Cell::Null => String::new(),
        Cell::Bool(value) => format!("b{value}"),
        Cell::Number(value) => format!("n{value}"),
        Cell::Time(time) => format!("t{}", time.micros()),
        Cell::Text(text) => format!("s{text}"),
    };
    let token = Token { question: fingerprint(query), cell, uid: uid.clone() };
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

/// The value and the object a page goes on behind.
///
/// # Errors
/// `bad-page-token` when the token was not made for this question, or names no place of it.
pub fn read_token(query: &Query, text: &str) -> Result<(Cell, Uid)> {
    let bad = || {
        Error::bad_request("bad-page-token", "this page token does not belong to this list")
            .at("pageToken")
            .hint("use `metadata.nextPageToken` of the page before with the same filter, sort and project")
    };
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    if token.question != fingerprint(query) || token.uid.as_str().len() > 100 {
        return Err(bad());
    }
    let mut chars = token.cell.chars();
    let cell = match (chars.next(), chars.as_str()) {
        (None, _) => Cell::Null,
        (Some('b'), rest) => Cell::Bool(rest == "true"),
        (Some('n'), rest) => {
            let number: f64 = rest.parse().map_err(|_| bad())?;
            Cell::Number(Some(number).filter(|number| number.is_finite()).ok_or_else(bad)?)
        }
        (Some('t'), rest) => Cell::Time(base::Time::from_micros(rest.parse().map_err(|_| bad())?)),
        (Some('s'), rest) => Cell::Text(rest.to_owned()),
        _ => return Err(bad()),
    };
    let fits = matches!(
        (&query.sort.place, &cell),
        (Place::Uid, Cell::Null)
            | (Place::Name | Place::Term(_), Cell::Text(_))
            | (Place::Created, Cell::Time(_))
            | (Place::Version, Cell::Number(_))
    );
    if fits { Ok((cell, token.uid)) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection,
        prelude::{Just, Strategy, any},
        prop_assert, prop_assert_eq, prop_oneof, proptest,
    };

    use super::*;

    fn query(place: Place, kind: &str) -> Query {
        Query {
            org: Some("acme".to_owned()),
            kind: kind.to_owned(),
            projects: Projects::These(vec!["p".to_owned()]),
            deleted: false,
            filter: None,
            sort: Sort { place, descending: false },
            after: None,
            limit: 50,
        }
    }

    /// A place to sort by, and a value that may stand there.
    fn sorted() -> impl Strategy<Value = (Place, Cell)> {
        prop_oneof![
            Just((Place::Uid, Cell::Null)),
            any::<String>().prop_map(|text| (Place::Name, Cell::Text(text))),
            any::<String>().prop_map(|text| (Place::Term("spec.size".to_owned()), Cell::Text(text))),
            any::<i64>().prop_map(|micros| (Place::Created, Cell::Time(base::Time::from_micros(micros)))),
            any::<u64>().prop_map(|version| (Place::Version, Cell::Number(version as f64))),
        ]
    }

    proptest! {
        #[test]
        fn a_token_leads_back_to_where_it_was_made((place, cell) in sorted(), uid in "[a-z]{3}_[0-9A-Z]{26}") {
            let query = query(place, "demo.things");
            let text = token(&query, &cell, &Uid::known(&uid));
            prop_assert_eq!(read_token(&query, &text).unwrap(), (cell, Uid::known(uid)));
        }

        #[test]
        fn a_token_of_another_list_is_refused((place, cell) in sorted()) {
            let text = token(&query(place.clone(), "demo.things"), &cell, &Uid::known("thg_1"));
            let error = read_token(&query(place, "demo.others"), &text).unwrap_err();
            prop_assert_eq!(error.code(), "bad-page-token");
        }

        #[test]
        fn any_text_and_any_bytes_are_refused(text in any::<String>(), bytes in collection::vec(any::<u8>(), 0..80)) {
            let query = query(Place::Name, "demo.things");
            for text in [text, BASE64_URL_SAFE_NO_PAD.encode(bytes)] {
                prop_assert_eq!(read_token(&query, &text).unwrap_err().code(), "bad-page-token");
            }
        }

        #[test]
        fn a_forged_place_is_one_the_list_could_have_or_refused((place, _) in sorted(), cell in "[bnts]?.{0,12}|n(NaN|inf|-inf|1e999)") {
            let query = query(place, "demo.things");
            let forged = Token { question: fingerprint(&query), cell, uid: Uid::known("thg_1") };
            let text = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&forged).unwrap());
            if let Ok((Cell::Number(number), _)) = read_token(&query, &text) {
                prop_assert!(number.is_finite());
            }
        }
    }
}
