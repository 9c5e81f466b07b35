//! A project's quota: how many objects of a kind may live in it, counted in the transaction that adds one.

use std::collections::BTreeMap;

use kernel::{
    kind::Scope,
    predicate::Place,
    prelude::*,
    store::{Ceiling, Projects, Query, Sort},
};

use super::Project;

/// What quotas serve; they are set through their project.
pub fn serve(kind: KindBuilder<Quota>) -> KindBuilder<Quota> {
    kind.without(&["create", "update", "clone", "import"])
}

/// How many objects of a kind may live in a project. Its name is the project's.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "quota", prefix = "quo", scope = "organization")]
pub struct Quota {
    /// How many at most, by kind.
    pub limits: BTreeMap<String, u64>,
}

/// What is asked of a quota.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Limits {
    /// How many at most, by kind such as `catalog.models`; a kind that is not named has no limit.
    limits: BTreeMap<String, u64>,
}

/// How much of one limit is used.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Used {
    /// The kind.
    pub kind: String,
    /// How many there are.
    pub used: u64,
    /// How many there may be; any where there is no number.
    pub limit: Option<u64>,
}

/// A quota and how much of it is used.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Usage {
    /// One entry a kind that has a limit.
    items: Vec<Used>,
}

/// The most kinds one quota names.
const LIMITS_MAX: usize = 200;

async fn limits(cx: &Cx, project: &str) -> Result<BTreeMap<String, u64>> {
    Ok(cx.get_opt::<Quota>(project).await?.map(|it| it.spec.limits).unwrap_or_default())
}

/// How many objects of a kind live in a project.
pub async fn count(cx: &Cx, kind: &str, project: &str) -> Result<u64> {
    let query = Query {
        org: Some(cx.org.to_string()),
        kind: kind.to_owned(),
        projects: Projects::These(vec![project.to_owned()]),
        deleted: false,
        filter: None,
        sort: Sort { place: Place::Uid, descending: false },
        after: None,
        limit: 1,
    };
    cx.platform().store.count(&query).await
}

/// The quota, and how much of it is used.
pub async fn show(cx: Cx, it: Object<Project>, _: Nothing) -> Result<Usage> {
    let mut items = Vec::new();
    for (kind, limit) in limits(&cx, it.name()).await? {
        let used = count(&cx, &kind, it.name()).await?;
        items.push(Used { kind, used, limit: Some(limit) });
    }
    Ok(Usage { items })
}

/// Sets the quota. What is over it stays; nothing can be added until there is room.
pub async fn set(cx: Cx, it: Object<Project>, ask: Limits) -> Result<Usage> {
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
    match cx.get_opt::<Quota>(it.name()).await? {
        Some(mut found) => {
            found.spec.limits = ask.limits;
            cx.save(&found).await?;
        }
        None => {
            cx.create(Draft::new(it.name(), Quota { limits: ask.limits })).await?;
        }
    }
    show(cx, it, Nothing {}).await
}

/// What the kernel counts against in the project of a context.
pub async fn ceilings(cx: &Cx) -> Result<Vec<Ceiling>> {
    let project = cx.project.to_string();
    let ceiling = |(kind, max): (String, u64)| Ceiling {
        org: cx.org.to_string(),
        rule: format!("quota/{project}"),
        project: project.clone(),
        kind,
        max,
    };
    Ok(limits(cx, &project).await?.into_iter().map(ceiling).collect())
}
