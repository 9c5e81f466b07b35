//! From a path under `/apis/` to a kind, a project, a name and a subresource.

use std::sync::Arc;

use base::{Error, Result};
use kernel::{declare::KindDef, kind::Scope, platform::Platform};
use percent_encoding::percent_decode_str;

/// What a path names.
pub struct Target {
    /// The kind.
    pub kind: Arc<KindDef>,
    /// The project; `-` for all, empty where kinds have none.
    pub project: String,
    /// The object.
    pub name: Option<String>,
    /// What of it, for example `status`.
    pub subresource: Option<String>,
}

/// The ending of every group.
pub const DOMAIN: &str = ".aic.dev";

/// Reads a path behind `/apis/`: `group/v1[/namespaces/ns]/plural[/name[/subresource]]`.
pub fn target(platform: &Platform, path: &str) -> Result<Target> {
    let segments: Result<Vec<String>> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let text = percent_decode_str(segment).decode_utf8();
            text.map(std::borrow::Cow::into_owned)
                .map_err(|_| Error::bad_request("bad-path", "the path is not UTF-8"))
        })
        .collect();
    let segments = segments?;
    let mut parts = segments.iter().map(String::as_str);
    let group = parts.next().unwrap_or_default();
    let service = group.strip_suffix(DOMAIN).ok_or_else(nothing)?;
    if parts.next() != Some("v1") {
        return Err(nothing());
    }
    let rest: Vec<&str> = parts.collect();
    let (project, rest) = match rest.as_slice() {
        ["namespaces", project, rest @ ..] if !rest.is_empty() => (Some(*project), rest),
        rest => (None, rest),
    };
    let [plural, rest @ ..] = rest else { return Err(nothing()) };
    let kind = platform.kind(&format!("{service}.{plural}")).map_err(|_| nothing())?;
    let project = match (kind.scope, project) {
        (Scope::Project, Some(project)) => project.to_owned(),
        (Scope::Project, None) if rest.is_empty() => "-".to_owned(),
        (Scope::Organization | Scope::Platform, None) => String::new(),
        _ => return Err(nothing()),
    };
    match rest {
        [] => Ok(Target { kind, project, name: None, subresource: None }),
        [name] => Ok(Target { kind, project, name: Some((*name).to_owned()), subresource: None }),
        [name, sub] => {
            Ok(Target { kind, project, name: Some((*name).to_owned()), subresource: Some((*sub).to_owned()) })
        }
        _ => Err(nothing()),
    }
}

fn nothing() -> Error {
    Error::not_found("no-such-operation", "the server could not find the requested resource")
}
