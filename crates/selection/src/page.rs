//! Page tokens: where a list goes on, for this question and no other.

use base::{Digest, Error, Result, Uid};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use store::{Query, index::Cell, predicate::Place};

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
pub fn read(query: &Query, text: &str) -> Result<(Cell, Uid)> {
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

    use store::{Projects, Sort};

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
            prop_assert_eq!(read(&query, &text).unwrap(), (cell, Uid::known(uid)));
        }

        #[test]
        fn a_token_of_another_list_is_refused((place, cell) in sorted()) {
            let text = token(&query(place.clone(), "demo.things"), &cell, &Uid::known("thg_1"));
            let error = read(&query(place, "demo.others"), &text).unwrap_err();
            prop_assert_eq!(error.code(), "bad-page-token");
        }

        #[test]
        fn any_text_and_any_bytes_are_refused(text in any::<String>(), bytes in collection::vec(any::<u8>(), 0..80)) {
            let query = query(Place::Name, "demo.things");
            for text in [text, BASE64_URL_SAFE_NO_PAD.encode(bytes)] {
                prop_assert_eq!(read(&query, &text).unwrap_err().code(), "bad-page-token");
            }
        }

        #[test]
        fn a_forged_place_is_one_the_list_could_have_or_refused((place, _) in sorted(), cell in "[bnts]?.{0,12}|n(NaN|inf|-inf|1e999)") {
            let query = query(place, "demo.things");
            let forged = Token { question: fingerprint(&query), cell, uid: Uid::known("thg_1") };
            let text = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&forged).unwrap());
            if let Ok((Cell::Number(number), _)) = read(&query, &text) {
                prop_assert!(number.is_finite());
            }
        }
    }
}
