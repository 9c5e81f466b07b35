//! From a method and a path to what is asked of which kind. Pure: no request, no state.

use std::{collections::HashMap, sync::Arc};

use base::{Error, Result, Status};
use kernel::{
    change::PatchForm,
    declare::{KindDef, Of},
    dispatch::Verb,
    platform::Platform,
};

/// What a path asks.
pub struct Route {
    /// Of which kind.
    pub kind: Arc<KindDef>,
    /// What.
    pub verb: Verb,
    /// Of which object.
    pub id: Option<String>,
    /// Under which parent.
    pub parent: Option<String>,
}

/// All base paths, `service/plural`, and their kinds.
pub struct Routes {
    bases: HashMap<String, Arc<KindDef>>,
}

/// Collection operations every kind has: method, name.
pub const COLLECTION: [(&str, &str); 9] = [
    ("GET", "count"),
    ("GET", "export"),
    ("GET", "search"),
    ("GET", "watch"),
    ("POST", "search"),
    ("POST", "filter"),
    ("POST", "bulk"),
    ("POST", "import"),
    ("POST", "validate"),
];

impl Routes {
    /// The routes of a platform's kinds.
    pub fn new(platform: &Platform) -> Self {
        let mut bases = HashMap::new();
        for kind in platform.kinds() {
            bases.insert(format!("{}/{}", kind.service, kind.plural), Arc::clone(kind));
            for alias in &kind.aliases {
                bases.insert((*alias).to_owned(), Arc::clone(kind));
            }
        }
        Self { bases }
    }

    /// What a method and the path behind `/api/v1/` ask. Segments are already decoded, and no alias.
    pub fn resolve(&self, method: &str, segments: &[String]) -> Result<Route> {
        let [service, rest @ ..] = segments else { return Err(nothing()) };
        let found = self.base(service, rest).or_else(|| match rest {
            // `/api/v1/catalog/catalog/models` is how the catalogue of operations writes it.
            [first, rest @ ..] if first == service => self.base(service, rest),
            _ => None,
        });
        let (kind, rest) = found.ok_or_else(nothing)?;
        match rest {
            [] => self.collection(method, kind),
            [name] => match operation_of_all(method, &kind, name) {
                Some(verb) => Ok(Route { kind, verb, id: None, parent: None }),
                None if !kind.has_objects() => Err(nothing()),
                None => self.object(method, kind, None, name),
            },
            [_, _, ..] if !kind.has_objects() => Err(nothing()),
            [id, name, rest @ ..] => self.below(method, kind, (id, name), rest),
        }
    }

    /// The kind whose base path a path begins with: `plural`, or `group/plural` for an alias.
    fn base<'a>(&self, service: &str, rest: &'a [String]) -> Option<(Arc<KindDef>, &'a [String])> {
        for taken in (1..=rest.len().min(3)).rev() {
            let path = format!("{service}/{}", rest[..taken].join("/"));
            if let Some(kind) = self.bases.get(&path) {
                return Some((Arc::clone(kind), &rest[taken..]));
            }
        }
        None
    }

    fn collection(&self, method: &str, kind: Arc<KindDef>) -> Result<Route> {
        let verb = match method {
            // A kind without objects of its own answers its base path itself.
            "GET" | "HEAD" if !kind.has_objects() => Verb::ViewOfAll(String::new()),
            "GET" | "HEAD" => Verb::List,
            "POST" if kind.has_objects() => Verb::Create,
            _ => return Err(wrong_method(method, "GET, POST")),
        };
        Ok(Route { kind, verb, id: None, parent: None })
    }

    fn object(&self, method: &str, kind: Arc<KindDef>, parent: Option<String>, id: &str) -> Result<Route> {
        let verb = match method {
            "GET" | "HEAD" => Verb::Get,
            "PUT" => Verb::Replace,
            "PATCH" => Verb::Patch(PatchForm::Merge),
            "DELETE" => Verb::Delete,
            _ => return Err(wrong_method(method, "GET, PUT, PATCH, DELETE")),
        };
        Ok(Route { kind, verb, id: Some(id.to_owned()), parent })
    }

    /// What stands behind an object's id: an operation, or a kind of children.
    fn below(
        &self,
        method: &str,
        kind: Arc<KindDef>,
        (id, name): (&str, &str),
        rest: &[String],
    ) -> Result<Route> {
        let child = self.bases.values().find(|child| {
            child.service == kind.service
                && child.parent.is_some_and(|it| it.0 == kind.plural)
                && below_name(child) == name
        });
        if let Some(child) = child {
            let (child, parent) = (Arc::clone(child), Some(id.to_owned()));
            return match rest {
                [] => Ok(Route { parent, ..self.collection(method, child)? }),
                [id] => self.object(method, child, parent, id),
                [id, name] => self.operation(method, child, (id, name), parent),
                _ => Err(nothing()),
            };
        }
        if rest.is_empty() { self.operation(method, kind, (id, name), None) } else { Err(nothing()) }
    }

    fn operation(
        &self,
        method: &str,
        kind: Arc<KindDef>,
        (id, name): (&str, &str),
        parent: Option<String>,
    ) -> Result<Route> {
        let verb = operation_of_one(method, &kind, name).ok_or_else(|| {
            let other = if method == "GET" { "POST" } else { "GET" };
            match operation_of_one(other, &kind, name) {
                Some(_) => wrong_method(method, other),
                None => nothing(),
            }
        })?;
        Ok(Route { kind, verb, id: Some(id.to_owned()), parent })
    }
}

/// The name a kind of children has in its parent's paths: `versions` of `model-versions` under `models`.
pub fn below_name(child: &KindDef) -> &'static str {
    let Some((parent, _)) = child.parent else { return child.plural };
    let singular = parent.strip_suffix('s').unwrap_or(parent);
    let start = child.plural.strip_prefix(singular).and_then(|rest| rest.strip_prefix('-'));
    start.unwrap_or(child.plural)
}

fn operation_of_all(method: &str, kind: &KindDef, name: &str) -> Option<Verb> {
    let view = matches!(method, "GET" | "HEAD");
    if kind.action(name, Of::Collection, view).is_some() && (view || method == "POST") {
        let name = name.to_owned();
        return Some(if view { Verb::ViewOfAll(name) } else { Verb::ActOnAll(name) });
    }
    if !kind.has_objects() {
        return None;
    }
    Some(match (method, name) {
        ("GET", "count") => Verb::Count,
        ("GET", "export") => Verb::Export,
        ("GET", "watch") => Verb::Watch,
        ("GET" | "POST", "search") | ("POST", "filter") => Verb::List,
        ("POST", "bulk") => Verb::Bulk,
        ("POST", "import") => Verb::Import,
        ("POST", "validate") => Verb::Validate,
        _ => return None,
    })
}

fn operation_of_one(method: &str, kind: &KindDef, name: &str) -> Option<Verb> {
    let view = matches!(method, "GET" | "HEAD");
    if kind.action(name, Of::Object, view).is_some() && (view || method == "POST") {
        let name = name.to_owned();
        return Some(if view { Verb::View(name) } else { Verb::Act(name) });
    }
    Some(match (method, name) {
        ("GET", "history") => Verb::History,
        ("GET", "diff") => Verb::Diff,
        ("GET", "lineage") => Verb::Lineage,
        ("POST", "restore") => Verb::Restore,
        ("POST", "rollback") => Verb::Rollback,
        ("POST", "clone") => Verb::Clone,
        _ => return None,
    })
}

fn nothing() -> Error {
    Error::not_found("no-such-operation", "nothing is served at this path")
        .hint("`/openapi.json` lists every operation, `/docs` shows them")
}

fn wrong_method(method: &str, allowed: &str) -> Error {
    Error::new(
        Status::MethodNotAllowed,
        "method-not-allowed",
        format!("`{method}` is not served at this path"),
    )
    .hint(format!("this path takes {allowed}"))
}
