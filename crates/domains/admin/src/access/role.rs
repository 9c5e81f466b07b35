//! A role: permission patterns under a name; a child has what its parent has, and more.

use kernel::{access::Question, prelude::*};

use super::{lockout, world::World};

/// What roles serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Role>) -> KindBuilder<Role> {
    kind.admit(within_reach)
        .leave(lockout::leave_role)
        .view("permissions", "The role's patterns, with those of its parents.", permissions)
        .action("permissions", "Adds patterns to the role.", add_permissions)
        .needs("update")
        .action("set-permissions", "Gives the role these patterns and no others.", set_permissions)
        .needs("update")
        .action("remove-permission", "Takes a pattern from the role.", remove_permission)
        .needs("update")
        .action("parent", "Gives the role another parent, or none.", set_parent)
        .needs("update")
        .view_of_all("hierarchy", "Every role and its parent.", hierarchy)
        .needs("list")
}

/// How many parents a role may have above it.
pub const HEIGHT_MAX: usize = 10;

/// Permission patterns under a name.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "role", prefix = "rol", scope = "organization")]
pub struct Role {
    /// What the role is for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Permission patterns: `service.kinds.verb`, with `*` for any text.
    #[field(example = "catalog.*.get", max = 500)]
    pub permissions: Vec<String>,
    /// Permission groups whose patterns it has too.
    #[field(reference = "admin.permission-groups", max = 50)]
    #[serde(default)]
    pub groups: Vec<Ref>,
    /// The role whose patterns it has too.
    #[field(reference = "admin.roles")]
    pub parent: Option<Ref>,
    /// Whether it also holds for what belongs to the platform itself.
    #[field(default = false)]
    pub platform: bool,
}

/// A role with its parents' patterns.
pub struct Resolved {
    /// All patterns.
    pub permissions: Vec<String>,
    /// Whether it holds for the platform.
    pub platform: bool,
}

/// A role and its parents as one.
pub async fn resolve(cx: &Cx, name: &str) -> Result<Resolved> {
    World::role(cx, name).await
}

/// Refuses what is no permission pattern.
pub fn patterns(patterns: &[String]) -> Result<()> {
    for (i, pattern) in patterns.iter().enumerate() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-*".contains(c);
        if pattern.is_empty() || pattern.len() > 200 || !pattern.chars().all(plain) {
            return Err(Error::invalid(
                "bad-permission",
                "a pattern is like `catalog.models.get` or `catalog.*`",
            )
            .at(format!("spec.permissions[{i}]")));
        }
    }
    Ok(())
}

/// Patterns are well formed, parents form no circle, and only the platform's own people reach for the platform.
async fn within_reach(cx: Cx, it: Object<Role>, old: Option<Object<Role>>) -> Result<Object<Role>> {
    patterns(&it.spec.permissions)?;
    if old.is_some() {
        lockout::put(&cx, "roles", it.name(), &it.spec).await?;
    }
    let mut next = it.spec.parent.clone();
    for height in 0.. {
        let Some(parent) = next else { break };
        if height >= HEIGHT_MAX || *parent == *it.metadata.name {
            return Err(Error::invalid("role-circle", "the role's parents form a circle or are too many")
                .at("spec.parent"));
        }
        next = cx.get_opt::<Role>(&parent).await?.and_then(|role| role.spec.parent);
    }
    if it.spec.platform {
        let question = Question::new("admin.organizations.create", "", "");
        if !cx.platform().decide(&cx.principal, &question).await?.allowed {
            return Err(Error::forbidden(
                "forbidden",
                "only administrators of the platform make roles for it",
            )
            .at("spec.platform"));
        }
    }
    Ok(it)
}

/// Patterns.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Patterns {
    /// The patterns.
    #[field(max = 500)]
    permissions: Vec<String>,
}

/// The role's patterns, with those of its parents.
async fn permissions(cx: Cx, it: Object<Role>, _: Nothing) -> Result<Patterns> {
    Ok(Patterns { permissions: resolve(&cx, it.name()).await?.permissions })
}

/// Adds patterns to the role.
async fn add_permissions(cx: Cx, mut it: Object<Role>, ask: Patterns) -> Result<Patterns> {
    for pattern in ask.permissions {
        if !it.spec.permissions.contains(&pattern) {
            it.spec.permissions.push(pattern);
        }
    }
    let saved = cx.save(&it).await?;
    Ok(Patterns { permissions: saved.spec.permissions })
}

/// Gives the role these patterns and no others.
async fn set_permissions(cx: Cx, mut it: Object<Role>, ask: Patterns) -> Result<Patterns> {
    it.spec.permissions = ask.permissions;
    Ok(Patterns { permissions: cx.save(&it).await?.spec.permissions })
}

/// One pattern.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Pattern {
    /// The pattern.
    #[field(max = 200, example = "catalog.models.delete")]
    permission: String,
}

/// Takes a pattern from the role.
async fn remove_permission(cx: Cx, mut it: Object<Role>, ask: Pattern) -> Result<Patterns> {
    let before = it.spec.permissions.len();
    it.spec.permissions.retain(|pattern| *pattern != ask.permission);
    if it.spec.permissions.len() == before {
        return Err(Error::not_found("not-found", format!("the role has no pattern `{}`", ask.permission))
            .hint("`GET /roles/NAME` shows its own patterns; those of its parents are theirs"));
    }
    Ok(Patterns { permissions: cx.save(&it).await?.spec.permissions })
}

/// A parent, or none.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Parent {
    /// The role whose patterns it shall have too.
    #[field(reference = "admin.roles")]
    parent: Option<Ref>,
}

/// Gives the role another parent, or none.
async fn set_parent(cx: Cx, mut it: Object<Role>, ask: Parent) -> Result<Branch> {
    it.spec.parent = ask.parent;
    let saved = cx.save(&it).await?;
    Ok(Branch { role: saved.metadata.name, parent: saved.spec.parent.map(|parent| parent.to_string()) })
}

/// A role and its parent.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Branch {
    /// The role.
    role: String,
    /// Its parent.
    parent: Option<String>,
}

/// All roles.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Tree {
    /// One entry a role.
    items: Vec<Branch>,
}

/// Every role and its parent.
async fn hierarchy(cx: Cx, _: Nothing) -> Result<Tree> {
    let roles = cx.list::<Role>("", 1000).await?;
    let branch = |role: Object<Role>| Branch {
        role: role.metadata.name,
        parent: role.spec.parent.map(|parent| parent.to_string()),
    };
    Ok(Tree { items: roles.into_iter().map(branch).collect() })
}
