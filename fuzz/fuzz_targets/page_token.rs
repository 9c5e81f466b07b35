//! Any text is refused as a page token; one that is forged well names a place the list can have.

#![no_main]

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use kernel::{
    index::Cell,
    predicate::Place,
    selection::page::{self, token},
    store::{Projects, Query, Sort},
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: (u8, &str, &str)| {
    let (place, text, uid) = input;
    let place = match place % 5 {
        0 => Place::Uid,
        1 => Place::Name,
        2 => Place::Created,
        3 => Place::Version,
        _ => Place::Term("spec.size".to_owned()),
    };
    let query = Query {
        org: Some("acme".to_owned()),
        kind: "demo.things".to_owned(),
        projects: Projects::All,
        deleted: false,
        filter: None,
        sort: Sort { place, descending: false },
        after: None,
        limit: 50,
    };
    assert!(page::read(&query, text).is_err());
    let honest = token(&query, &Cell::Null, &base::Uid::known("thg_1"));
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(honest).expect("a token is base64");
    let mut forged: Value = serde_json::from_slice(&bytes).expect("a token is JSON");
    forged["cell"] = text.into();
    forged["uid"] = uid.into();
    let forged = BASE64_URL_SAFE_NO_PAD.encode(forged.to_string());
    if let Ok((cell, uid)) = page::read(&query, &forged) {
        let again = token(&query, &cell, &uid);
        assert_eq!(page::read(&query, &again).expect("a place has a token"), (cell, uid));
    }
});
