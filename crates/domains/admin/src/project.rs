//! A project: where an organization's objects live, and the border most grants end at. Kubernetes' namespace.

use kernel::prelude::*;

use crate::access::{grant::Grant, role::Role};

/// What projects serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Project>) -> KindBuilder<Project> {
    kind.without(&["clone"])
        .view("members", "Who was granted a role in the project.", members)
        .action("members", "Grants a role in the project.", add_member)
        .action("remove-member", "Takes every role in the project away from somebody.", remove_member)
}

/// Where an organization's objects live.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "project", prefix = "prj", scope = "organization")]
pub struct Project {
    /// How people call it.
    #[field(max = 200)]
    pub display_name: Option<String>,
    /// What it is for.
    #[field(max = 2000)]
    pub description: Option<String>,
}

/// A role somebody has in the project.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Member {
    /// Who, as `user:ada`, `group:science` or `service:ci`.
    #[field(example = "user:ada", max = 300)]
    subject: String,
    /// The role.
    #[field(reference = "admin.roles")]
    role: Ref,
}

/// The members of a project.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Members {
    /// One entry a grant.
    items: Vec<Member>,
}

/// Who was granted a role in the project.
async fn members(cx: Cx, it: Object<Project>, _: Nothing) -> Result<Members> {
    let grants = cx.list::<Grant>(&format!("spec.project = \"{}\"", it.name()), 1000).await?;
    let member = |grant: Object<Grant>| Member { subject: grant.spec.subject, role: grant.spec.role };
    Ok(Members { items: grants.into_iter().map(member).collect() })
}

/// Grants a role in the project.
async fn add_member(cx: Cx, it: Object<Project>, ask: Member) -> Result<Member> {
    cx.authorize("admin.grants.create", it.name()).await?;
    let role = cx.get::<Role>(&ask.role).await?;
    let name =
        Name::from_title(&format!("{} {} {}", ask.subject, role.name(), it.name())).ok_or_else(|| {
            Error::invalid("bad-subject", "a subject is `user:NAME`, `group:NAME` or `service:NAME`")
        })?;
    let spec = Grant {
        role: ask.role.clone(),
        subject: ask.subject.clone(),
        project: Some(Ref::to(it.name())),
        objects: Vec::new(),
    };
    cx.doing("create").create(Draft::new(name.to_string(), spec)).await?;
    Ok(ask)
}

/// Somebody.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Subject {
    /// Who, as `user:ada`, `group:science` or `service:ci`.
    #[field(example = "user:ada", max = 300)]
    subject: String,
}

/// Takes every role in the project away from somebody.
async fn remove_member(cx: Cx, it: Object<Project>, ask: Subject) -> Result<Members> {
    cx.authorize("admin.grants.delete", it.name()).await?;
    let filter = format!("spec.project = \"{}\"", it.name());
    let grants = cx.list::<Grant>(&filter, 1000).await?;
    let held: Vec<_> = grants.iter().filter(|grant| grant.spec.subject == ask.subject).collect();
    if held.is_empty() {
        let shown: String = ask.subject.chars().take(100).collect();
        return Err(Error::not_found("not-found", format!("`{shown}` was granted nothing in the project"))
            .at("subject"));
    }
    for grant in held {
        cx.doing("delete").delete::<Grant>(grant.metadata.uid.as_str()).await?;
    }
    members(cx, it, Nothing {}).await
}
