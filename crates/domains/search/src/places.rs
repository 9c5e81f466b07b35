//! Where a caller may look: the kinds of the projects whose objects they may list.

use kernel::{access::Principal, kind::Scope, prelude::*};
use ports::search::Place;

use crate::document;

/// The most projects that are looked at.
const PROJECTS_MAX: u32 = 1_000;

/// The projects of the organization.
async fn projects(cx: &Cx) -> Result<Vec<String>> {
    let inside = cx.platform().cx_of(Principal::system("search", &cx.org), "");
    let found = match inside.list_raw("admin.projects", "", PROJECTS_MAX).await {
        Ok(found) => found.into_iter().map(|it| it.metadata.name).collect(),
        // A platform without projects as objects has the one of the caller.
        Err(error) if error.code() == "unknown-kind" => vec![cx.project.to_string()],
        Err(error) => return Err(error),
    };
    Ok(found)
}

/// Where the caller may look, of these kinds and projects; of all where none are named.
pub async fn of(cx: &Cx, kinds: &[String], wanted: &[String]) -> Result<Vec<Place>> {
    for kind in kinds {
        let known = cx.platform().kind(kind).is_ok_and(|kind| document::is_found(&kind));
        if !known {
            return Err(Error::invalid("unknown-kind", format!("there is nothing to find of kind `{kind}`"))
                .at("kinds"));
        }
    }
    let all = projects(cx).await?;
    let mut places = Vec::new();
    for kind in cx.platform().kinds().iter().filter(|kind| document::is_found(kind)) {
        let id = kind.id();
        if !kinds.is_empty() && !kinds.contains(&id) {
            continue;
        }
        let permission = kind.permission("list");
        let homes: Vec<&str> = match kind.scope {
            Scope::Project => all.iter().map(String::as_str).collect(),
            Scope::Organization | Scope::Platform => vec![""],
        };
        for project in homes {
            let asked_for = wanted.is_empty() || wanted.iter().any(|it| it == project);
            if asked_for && cx.decide(&permission, project).await?.allowed {
                places.push(Place { kind: id.clone(), project: project.to_owned() });
            }
        }
    }
    Ok(places)
}
