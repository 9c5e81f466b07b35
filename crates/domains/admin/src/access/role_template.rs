//! A role template: a role as it could be, to make roles from. Every organization starts with some.

use kernel::prelude::*;

use super::role::{self, Role};

/// What templates serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<RoleTemplate>) -> KindBuilder<RoleTemplate> {
    kind.check(|it| role::patterns(&it.spec.permissions)).action(
        "apply",
        "Makes a role from the template.",
        apply,
    )
}

/// A role as it could be.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "role-template", prefix = "rtp", scope = "organization")]
pub struct RoleTemplate {
    /// What such a role is for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Permission patterns: `service.kinds.verb`, with `*` for any text.
    #[field(min = 1, max = 500, example = "catalog.models.*")]
    pub permissions: Vec<String>,
}

/// The templates every organization starts with: name, words, patterns.
pub const FIRST: [(&str, &str, &[&str]); 5] = [
    (
        "data-scientist",
        "Uploads data, trains and registers models; puts none into service.",
        &[
            "catalog.datasets.*",
            "catalog.dataset-versions.*",
            "catalog.experiments.*",
            "catalog.runs.*",
            "catalog.models.*",
            "catalog.model-versions.*",
            "catalog.endpoints.get",
            "catalog.endpoints.list",
            "catalog.endpoints.predict",
            "catalog.endpoints.explain",
            "system.*",
        ],
    ),
    (
        "ml-engineer",
        "Puts models into service and keeps them there.",
        &["catalog.*", "system.*", "gateway.*.get", "gateway.*.list", "gateway.*.watch"],
    ),
    (
        "auditor",
        "Reads what was done and by which rules, and changes nothing.",
        &["*.list", "*.get", "*.watch", "admin.audit.*", "admin.permissions.*"],
    ),
    (
        "user-administrator",
        "Keeps people, groups and their keys; makes no rules.",
        &[
            "admin.users.*",
            "admin.groups.*",
            "admin.invitations.*",
            "admin.sessions.*",
            "admin.service-accounts.*",
            "admin.api-keys.*",
        ],
    ),
    (
        "policy-administrator",
        "Makes the rules: roles, grants and policies.",
        &[
            "admin.roles.*",
            "admin.role-templates.*",
            "admin.permission-groups.*",
            "admin.grants.*",
            "admin.policies.*",
            "admin.permissions.*",
            "admin.users.list",
            "admin.users.get",
            "admin.projects.list",
            "admin.projects.get",
        ],
    ),
];

/// What the role shall be called.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Wanted {
    /// The new role's name; the template's own when absent.
    name: Option<Name>,
    /// The role whose patterns it has too.
    #[field(reference = "admin.roles")]
    parent: Option<Ref>,
}

/// A role that was made.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Made {
    /// Its name.
    role: String,
    /// Its patterns.
    permissions: Vec<String>,
}

/// Makes a role from the template.
async fn apply(cx: Cx, it: Object<RoleTemplate>, ask: Wanted) -> Result<Made> {
    cx.authorize("admin.roles.create", "").await?;
    let name = ask.name.map_or_else(|| it.name().to_owned(), |name| name.to_string());
    let spec = Role {
        description: it.spec.description,
        permissions: it.spec.permissions,
        groups: Vec::new(),
        parent: ask.parent,
        platform: false,
    };
    let made = cx.doing("create").create(Draft::new(name, spec)).await?;
    Ok(Made { role: made.metadata.name, permissions: made.spec.permissions })
}
