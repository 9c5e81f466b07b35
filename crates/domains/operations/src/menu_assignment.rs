//! A menu's assignment: who is shown it.

use kernel::{
    access::{Principal, Sort},
    prelude::*,
};

/// What assignments serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<Assignment>) -> KindBuilder<Assignment> {
    kind.also_at("admin/menus/assignments").check(subject_is_told)
}

/// Who is shown a menu.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "menu-assignment", prefix = "mna", scope = "organization")]
pub struct Assignment {
    /// The menu.
    #[field(reference = "admin.menus", indexed)]
    pub menu: Ref,
    /// Who, as `user:ada`, `group:science`, `service:ci` or `everyone`.
    #[field(indexed, max = 300, example = "group:science")]
    pub subject: String,
}

fn subject_is_told(it: &Object<Assignment>) -> Result<()> {
    check_subject(&it.spec.subject).map_err(|error| error.at("spec.subject"))
}

/// Refuses a text that names nobody.
pub fn check_subject(subject: &str) -> Result<()> {
    match subject.split_once(':') {
        Some(("user" | "group" | "service", name)) if !name.is_empty() => Ok(()),
        None if subject == "everyone" => Ok(()),
        _ => Err(Error::invalid(
            "bad-subject",
            "a subject is `user:NAME`, `group:NAME`, `service:NAME` or `everyone`",
        )),
    }
}

/// Whether a subject names a principal.
pub fn is_for(subject: &str, principal: &Principal) -> bool {
    match subject.split_once(':') {
        Some(("group", name)) => principal.groups.iter().any(|group| group == name),
        Some(("user", name)) => principal.sort == Sort::User && principal.name == name,
        Some(("service", name)) => principal.sort == Sort::Service && principal.name == name,
        _ => subject == "everyone",
    }
}
