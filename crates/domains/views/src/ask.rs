//! Asking other kinds what they hold, by their own operations and with the caller's rights.

use std::collections::BTreeMap;

use kernel::{
    declare::Body,
    dispatch::{Answer, Call, Verb, call},
    prelude::*,
};

/// Parameters of an operation.
pub type Params = BTreeMap<String, String>;

/// Names and texts as parameters; empty texts are left out.
pub fn params(pairs: &[(&str, &str)]) -> Params {
    let given = pairs.iter().filter(|(_, text)| !text.is_empty());
    given.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

async fn answer(cx: &Cx, kind: &str, verb: Verb, params: Params) -> Result<Value> {
    let kind = known(cx, kind)?;
    let asked = Call { kind, verb, id: None, parent: None, params, body: Body::Empty, if_match: None };
    match call(cx.clone(), asked).await? {
        Answer::Value(value) | Answer::Object(value, _) | Answer::Created(value, _) => Ok(value),
        Answer::Bytes(_) | Answer::Watch(_) => Err(Error::internal("a list answers JSON")),
    }
}

/// A page of objects.
pub async fn list(cx: &Cx, kind: &str, params: Params) -> Result<Value> {
    answer(cx, kind, Verb::List, params).await
}

/// How many objects a list would find.
pub async fn count(cx: &Cx, kind: &str, params: Params) -> Result<u64> {
    let told = answer(cx, kind, Verb::Count, params).await?;
    told["count"].as_u64().ok_or_else(|| Error::internal("a count is a number"))
}

/// A view of a collection.
pub async fn view_of_all(cx: &Cx, kind: &str, name: &str, params: Params) -> Result<Value> {
    answer(cx, kind, Verb::ViewOfAll(name.to_owned()), params).await
}

/// A kind by its name.
///
/// # Errors
/// `unknown-kind` (422).
pub fn known(cx: &Cx, kind: &str) -> Result<std::sync::Arc<kernel::declare::KindDef>> {
    let found = cx.platform().kind(kind);
    found.map_err(|error| Error::invalid("unknown-kind", error.message().to_owned()))
}

/// Refuses a filter or sorting that the kind does not have.
pub fn check(cx: &Cx, kind: &str, filter: Option<&str>) -> Result<()> {
    let kind = known(cx, kind)?;
    kernel::selection::parse(&*kind, filter.unwrap_or_default()).map(|_| ())
}
