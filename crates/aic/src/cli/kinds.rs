//! The kinds a server serves, as it lists them itself, and which of them a word means.

use serde::Deserialize;
use serde_json::Value;

use super::Cx;
use crate::client::{Ask, encoded};
use crate::failure::{Failure, Result};

/// One kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kind {
    pub service: String,
    pub kind: String,
    pub plural: String,
    pub short_names: Vec<String>,
    pub scope: String,
    pub doc: String,
    pub fields: Vec<Field>,
    pub actions: Vec<Call>,
}

/// One field of a kind's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub shape: Value,
    pub doc: String,
    pub required: bool,
    pub write_only: bool,
}

/// Something a kind does beside what every kind does; a view if it is asked for by GET.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Call {
    pub name: String,
    pub doc: String,
    pub of: String,
    pub method: String,
    pub asks: Vec<Field>,
}

impl Field {
    /// Its path in an object.
    pub fn path(&self) -> String {
        if self.name.starts_with("spec.") { self.name.clone() } else { format!("spec.{}", self.name) }
    }
}

impl Kind {
    /// Where its objects are listed.
    pub fn path(&self) -> String {
        format!("/api/v1/{}/{}", self.service, self.plural)
    }

    /// Where one of them is.
    pub fn item(&self, id: &str) -> String {
        format!("{}/{}", self.path(), encoded(id))
    }

    /// How permissions and the journal call it.
    pub fn id(&self) -> String {
        format!("{}.{}", self.service, self.plural)
    }

    /// How a person calls one of it.
    pub fn noun(&self) -> String {
        self.kind.to_lowercase()
    }

    fn is_called(&self, word: &str) -> bool {
        let is = |name: &str| name.eq_ignore_ascii_case(word);
        is(&self.plural)
            || is(&self.kind)
            || is(&self.id())
            || is(&format!("{}/{}", self.service, self.plural))
            || is(&format!("{}.{}", self.plural, self.service))
            || self.short_names.iter().any(|name| is(name))
            || self.plural.rsplit('/').next().is_some_and(is)
    }
}

/// All kinds the server serves.
pub fn all(cx: &Cx) -> Result<Vec<Kind>> {
    let mut answer = cx.client.json(Ask::get("/api/v1/kinds"))?;
    let items = answer.get_mut("items").map(Value::take).unwrap_or(answer);
    serde_json::from_value(items).map_err(|error| {
        Failure::failed(format!("the server's list of kinds cannot be read: {error}"))
            .hint("client and server may be of different versions; see `aic --version`")
    })
}

/// The kind that a word means.
pub fn find(cx: &Cx, word: &str) -> Result<Kind> {
    pick(all(cx)?, word)
}

/// The kind and the names that words mean: `model a b` or `model/a`.
pub fn targets(cx: &Cx, words: &[String]) -> Result<(Kind, Vec<String>)> {
    let kinds = all(cx)?;
    let Some((first, rest)) = words.split_first() else {
        return Err(Failure::usage("a kind is missing").hint("`aic api kinds` lists them"));
    };
    match first.rsplit_once('/') {
        Some((word, name)) if !kinds.iter().any(|kind| kind.is_called(first)) => {
            let mut names = vec![name.to_owned()];
            for other in rest {
                // `aic get … -o name` prints each name with its kind; all must be of one here.
                names.push(other.strip_prefix(&format!("{word}/")).unwrap_or(other).to_owned());
            }
            Ok((pick(kinds, word)?, names))
        }
        _ => Ok((pick(kinds, first)?, rest.to_vec())),
    }
}

/// As `targets`, where exactly one object is meant.
pub fn target(cx: &Cx, words: &[String]) -> Result<(Kind, String)> {
    let (kind, mut names) = targets(cx, words)?;
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok((kind, name)),
        _ => Err(Failure::usage(format!("one name is needed: `{} NAME`", kind.noun()))),
    }
}

/// The kind that a document says it is of.
pub fn of_document<'a>(kinds: &'a [Kind], document: &Value) -> Result<&'a Kind> {
    let name = document.get("kind").and_then(Value::as_str).unwrap_or_default();
    let version = document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let service = version.split(['.', '/']).next().unwrap_or_default();
    let fits = |kind: &&Kind| {
        kind.kind.eq_ignore_ascii_case(name) && (version.is_empty() || kind.service == service)
    };
    kinds.iter().find(fits).ok_or_else(|| {
        Failure::usage(format!("no kind is called `{name}` in `{version}`"))
            .hint("start the document with `apiVersion: SERVICE.aic.dev/v1` and `kind: KIND`; `aic api kinds` lists them")
    })
}

fn pick(kinds: Vec<Kind>, word: &str) -> Result<Kind> {
    let mut fitting: Vec<Kind> = kinds.into_iter().filter(|kind| kind.is_called(word)).collect();
    match (fitting.pop(), fitting.as_slice()) {
        (Some(kind), []) => Ok(kind),
        (None, _) => {
            Err(Failure::not_found(format!("no kind is called `{word}`")).hint("`aic api kinds` lists them"))
        }
        (Some(last), others) => {
            let ids: Vec<String> = others.iter().chain([&last]).map(Kind::id).collect();
            Err(Failure::usage(format!("`{word}` may mean {}", ids.join(" or "))).hint("write it in full"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinds() -> Vec<Kind> {
        let list = json!([
            {"service": "catalog", "kind": "Model", "plural": "models", "shortNames": ["mdl"]},
            {"service": "edge", "kind": "Model", "plural": "models"},
            {"service": "system", "kind": "TrainingJob", "plural": "training/jobs"},
        ]);
        serde_json::from_value(list).unwrap()
    }

    #[test]
    fn a_word_means_one_kind_or_is_refused() {
        assert_eq!(pick(kinds(), "MDL").unwrap().id(), "catalog.models");
        assert_eq!(pick(kinds(), "edge.models").unwrap().service, "edge");
        assert_eq!(pick(kinds(), "jobs").unwrap().path(), "/api/v1/system/training/jobs");
        let failure = pick(kinds(), "model").unwrap_err().to_string();
        assert!(failure.starts_with("`model` may mean catalog.models or edge.models"), "{failure}");
        assert!(pick(kinds(), "nothing").is_err());
    }

    #[test]
    fn a_document_names_its_kind_and_service() {
        let document = json!({"apiVersion": "edge.aic.dev/v1", "kind": "Model"});
        assert_eq!(of_document(&kinds(), &document).unwrap().service, "edge");
        assert!(of_document(&kinds(), &json!({"kind": "Other"})).is_err());
    }
}
