//! A project's quota: how many objects of a kind may live in it, counted in the transaction that adds one.

use std::collections::BTreeMap;

use kernel::{kind::Scope, prelude::*, store::Projects};

use crate::license::count;

/// What quotas serve; they are set for the project of the request.
pub fn serve(kind: KindBuilder<Quota>) -> KindBuilder<Quota> {
    kind.without(&["create", "update", "clone", "import"])
        .view_of_all("current", "How many objects of a kind may live in the project, and how many do.", show)
        .needs("get")
        .action_on_all("set", "Sets how many objects of a kind may live in the project.", set)
        .needs("update")
        .view_of_all(
            "resources",
            "What lives in the project, and how much one piece of its work may take.",
            resources,
        )
        .needs("get")
        .action_on_all("resources", "Sets how much one piece of the project's work may take.", set_resources)
        .needs("update")
}

/// How many objects of a kind may live in a project. Its name is the project's.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "quota", prefix = "quo", scope = "organization")]
pub struct Quota {
    /// How many at most, by kind.
    pub limits: BTreeMap<String, u64>,
    /// Seconds one training may search; any where there is no number.
    pub training_seconds: Option<u32>,
}

/// What is asked of a quota.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Limits {
    /// How many at most, by kind such as `catalog.models`; a kind that is not named has no limit.
    limits: BTreeMap<String, u64>,
}

/// How much of one limit is used.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Used {
    /// The kind.
    kind: String,
    /// How many there are.
    used: u64,
    /// How many there may be; any where there is no number.
    limit: Option<u64>,
}

/// A quota and how much of it is used.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Usage {
    /// One entry a kind that has a limit.
    items: Vec<Used>,
}

/// The most kinds one quota names.
const LIMITS_MAX: usize = 200;

async fn found(cx: &Cx) -> Result<Quota> {
    // A project nobody has made has no quota, and gets none.
    cx.read("admin.projects", &cx.project).await?;
    let none = Quota { limits: BTreeMap::new(), training_seconds: None };
    Ok(cx.get_opt::<Quota>(&cx.project).await?.map_or(none, |it| it.spec))
}

async fn keep(cx: &Cx, quota: Quota) -> Result<()> {
    match cx.get_opt::<Quota>(&cx.project).await? {
        Some(mut it) => {
            it.spec = quota;
            cx.save(&it).await?;
        }
        None => {
            cx.create(Draft::new(cx.project.to_string(), quota)).await?;
        }
    }
    Ok(())
}

/// How many objects of a kind live in the project.
async fn used(cx: &Cx, kind: &str) -> Result<u64> {
    count(cx, kind, Projects::These(vec![cx.project.to_string()]), "").await
}

/// The quota, and how much of it is used.
async fn show(cx: Cx, _: Nothing) -> Result<Usage> {
    let mut items = Vec::new();
    for (kind, limit) in found(&cx).await?.limits {
        let used = used(&cx, &kind).await?;
        items.push(Used { kind, used, limit: Some(limit) });
    }
    Ok(Usage { items })
}

/// Sets the quota. What is over it stays; nothing can be added until there is room.
async fn set(cx: Cx, ask: Limits) -> Result<Usage> {
    if ask.limits.len() > LIMITS_MAX {
        return Err(
            Error::invalid("too-long", format!("a quota names at most {LIMITS_MAX} kinds")).at("limits")
        );
    }
    for name in ask.limits.keys() {
        let kind = cx.platform().kind(name).ok();
        if kind.is_none_or(|kind| kind.scope != Scope::Project || !kind.has_objects()) {
            let shown: String = name.chars().take(60).collect();
            return Err(Error::invalid(
                "kind-not-counted",
                format!("`{shown}` is no kind that lives in a project"),
            )
            .at(format!("limits.{shown}"))
            .hint("write it as `service.kinds`, for example `catalog.models`"));
        }
    }
    let quota = found(&cx).await?;
    keep(&cx, Quota { limits: ask.limits, ..quota }).await?;
    show(cx, Nothing {}).await
}

/// How much one piece of a project's work may take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Allowed {
    /// Seconds one training may search; any where there is no number.
    #[field(min = 1, max = 86400)]
    training_seconds: Option<u32>,
}

/// What lives in a project.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Resources {
    /// How much one piece of its work may take.
    allowed: Allowed,
    /// One entry a kind that has objects in it, or a limit.
    items: Vec<Used>,
}

/// What lives in the project, as far as the caller may list it.
async fn resources(cx: Cx, _: Nothing) -> Result<Resources> {
    let quota = found(&cx).await?;
    let mut items = Vec::new();
    for kind in cx.platform().kinds_in(Scope::Project).filter(|kind| kind.has_objects()) {
        if !cx.decide(&kind.permission("list"), &cx.project).await?.allowed {
            continue;
        }
        let used = used(&cx, &kind.id()).await?;
        let limit = quota.limits.get(&kind.id()).copied();
        if used > 0 || limit.is_some() {
            items.push(Used { kind: kind.id(), used, limit });
        }
    }
    Ok(Resources { allowed: Allowed { training_seconds: quota.training_seconds }, items })
}

/// Sets how much one piece of the project's work may take.
async fn set_resources(cx: Cx, ask: Allowed) -> Result<Resources> {
    let quota = found(&cx).await?;
    keep(&cx, Quota { training_seconds: ask.training_seconds, ..quota }).await?;
    resources(cx, Nothing {}).await
}
