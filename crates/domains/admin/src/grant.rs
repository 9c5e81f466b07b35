//! A grant: a role for somebody, in a project or in the whole organization.

use kernel::prelude::*;

/// What grants serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<Grant>) -> KindBuilder<Grant> {
    kind.check(subject_is_told)
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
}

fn subject_is_told(it: &Object<Grant>) -> Result<()> {
    match it.spec.subject.split_once(':') {
        Some(("user" | "group" | "service", name)) if !name.is_empty() => Ok(()),
        _ => Err(Error::invalid("bad-subject", "a subject is `user:NAME`, `group:NAME` or `service:NAME`")
            .at("spec.subject")),
    }
}
