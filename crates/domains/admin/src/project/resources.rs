//! A project's resources: what lives in it, and how much one piece of its work may take.

use kernel::{kind::Scope, prelude::*};

use super::{
    Project,
    quota::{self, Used},
};

/// How much one piece of a project's work may take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Allowed {
    /// Seconds one training may search; any where there is no number.
    #[field(min = 1, max = 86400)]
    pub training_seconds: Option<u32>,
}

/// What lives in a project.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Resources {
    /// How much one piece of its work may take.
    allowed: Allowed,
    /// One entry a kind that has objects in it, or a limit.
    items: Vec<Used>,
}

/// What lives in the project, as far as the caller may list it.
pub async fn show(cx: Cx, it: Object<Project>, _: Nothing) -> Result<Resources> {
    let limits = cx.get_opt::<quota::Quota>(it.name()).await?.map(|it| it.spec.limits).unwrap_or_default();
    let mut items = Vec::new();
    for kind in cx.platform().kinds_in(Scope::Project).filter(|kind| kind.has_objects()) {
        if !cx.decide(&kind.permission("list"), it.name()).await?.allowed {
            continue;
        }
        let used = quota::count(&cx, &kind.id(), it.name()).await?;
        let limit = limits.get(&kind.id()).copied();
        if used > 0 || limit.is_some() {
            items.push(Used { kind: kind.id(), used, limit });
        }
    }
    Ok(Resources { allowed: it.spec.allowed.unwrap_or_default(), items })
}

/// Sets how much one piece of the project's work may take.
pub async fn set(cx: Cx, mut it: Object<Project>, ask: Allowed) -> Result<Resources> {
    it.spec.allowed = Some(ask).filter(|allowed| *allowed != Allowed::default());
    let saved = cx.save(&it).await?;
    show(cx, saved, Nothing {}).await
}
