//! A grant: a role for somebody, in a project or in the whole organization.

use kernel::prelude::*;

use super::lockout;

/// What grants serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<Grant>) -> KindBuilder<Grant> {
    kind.admit(sound).leave(lockout::leave_grant)
}

/// A role for somebody.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "grant", prefix = "grt", scope = "organization")]
pub struct Grant {
    /// The role.
    #[field(reference = "admin.roles", indexed)]
    pub role: Ref,
    /// For whom, as `user:ada`, `group:science` or `service:ci`.
    #[field(indexed, max = 300, example = "user:ada")]
    pub subject: String,
    /// In which project; everywhere in the organization when absent.
    #[field(reference = "admin.projects", indexed)]
    pub project: Option<Ref>,
    /// Names of the objects it is for, with `*` for any text; all when empty. Lists need a grant without names.
    #[field(max = 100, example = "churn")]
    #[serde(default)]
    pub objects: Vec<String>,
}

async fn sound(cx: Cx, it: Object<Grant>, old: Option<Object<Grant>>) -> Result<Object<Grant>> {
    subject(&it.spec.subject, "spec.subject")?;
    if old.is_some() {
        lockout::put(&cx, "grants", it.name(), &it.spec).await?;
    }
    Ok(it)
}

/// Refuses what does not say for whom.
pub fn subject(text: &str, at: &str) -> Result<()> {
    match text.split_once(':') {
        Some(("user" | "group" | "service", name)) if !name.is_empty() => Ok(()),
        _ => {
            Err(Error::invalid("bad-subject", "a subject is `user:NAME`, `group:NAME` or `service:NAME`")
                .at(at))
        }
    }
}
