//! The first objects of an empty platform: an organization, its roles, a project, an administrator.

use futures::{future::try_join_all, try_join};
use kernel::{access::Principal, platform::Platform, prelude::*};
use std::sync::Arc;

use crate::{
    access::{
        grant::Grant,
        role::Role,
        role_template::{self, RoleTemplate},
    },
    organization::Organization,
    project::Project,
    user::User,
};

/// The organization and the project an empty platform starts with.
pub const FIRST: &str = "default";

/// Somebody who may do everything.
pub struct Administrator {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// Whether on the platform itself too.
    pub platform: bool,
}

/// The roles every organization starts with: name, words, patterns, platform.
const ROLES: [(&str, &str, &[&str]); 4] = [
    ("admin", "May do everything in the organization.", &["*"]),
    (
        "editor",
        "May make, change and run everything but users, roles and grants.",
        &["catalog.*", "system.*", "views.*", "admin.*.list", "admin.*.get", "admin.*.watch"],
    ),
    (
        "viewer",
        "May look at everything but users' sessions and keys.",
        &[
            "catalog.*.list",
            "catalog.*.get",
            "catalog.*.watch",
            "system.*.list",
            "system.*.get",
            "system.*.watch",
            "system.*.logs",
            "views.*.list",
            "views.*.get",
            "views.*.watch",
            "admin.projects.list",
            "admin.projects.get",
        ],
    ),
    (
        "caller",
        "May only call endpoints.",
        &["catalog.endpoints.predict", "catalog.endpoints.explain", "catalog.endpoints.get"],
    ),
];

/// Makes what an empty platform needs; answers whether it was empty.
pub async fn bootstrap(platform: &Arc<Platform>, who: &Administrator) -> Result<bool> {
    let above = platform.cx_of(Principal::system("bootstrap", ""), "").doing("bootstrap");
    if above.get_opt::<Organization>(FIRST).await?.is_some() {
        return Ok(false);
    }
    let cx = platform.cx_of(Principal::system("bootstrap", FIRST), "").doing("bootstrap");
    furnish(&cx).await?;
    let spec = Role {
        description: Some("May do everything, on the platform too.".to_owned()),
        permissions: vec!["*".to_owned()],
        groups: Vec::new(),
        parent: None,
        platform: true,
    };
    once(&cx, "platform-admin", spec).await?;
    administrator(&cx, who).await?;
    // Last, so that a crash in between makes the rest again.
    let spec = Organization { display_name: Some("Default".to_owned()) };
    once(&above, FIRST, spec).await?;
    Ok(true)
}

/// The roles and the project of a new organization, at once: the store writes together what comes together.
pub async fn furnish(cx: &Cx) -> Result<()> {
    let roles = ROLES.into_iter().map(|(name, words, patterns)| {
        let permissions = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let (description, groups) = (Some(words.to_owned()), Vec::new());
        once(cx, name, Role { description, permissions, groups, parent: None, platform: false })
    });
    let templates = role_template::FIRST.into_iter().map(|(name, words, patterns)| {
        let permissions = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        once(cx, name, RoleTemplate { description: Some(words.to_owned()), permissions })
    });
    let project = once(cx, FIRST, Project { display_name: Some("Default".to_owned()), description: None });
    try_join!(try_join_all(roles), try_join_all(templates), project)?;
    Ok(())
}

/// A user who may do everything.
pub async fn administrator(cx: &Cx, who: &Administrator) -> Result<()> {
    let spec = User::with_password(who.password.clone());
    once(cx, &who.username, spec).await?;
    let role = if who.platform { "platform-admin" } else { "admin" };
    let spec = Grant {
        role: Ref::to(role),
        subject: format!("user:{}", who.username),
        project: None,
        objects: Vec::new(),
    };
    once(cx, &format!("{}-{role}", who.username), spec).await
}

/// Makes an object unless there is one of the name.
async fn once<K: kernel::kind::Kind>(cx: &Cx, name: &str, spec: K) -> Result<()> {
    if cx.get_opt::<K>(name).await?.is_some() {
        return Ok(());
    }
    match cx.create(Draft::new(name, spec)).await {
        Err(error) if error.code() == "already-exists" => Ok(()),
        other => other.map(|_| ()),
    }
}
