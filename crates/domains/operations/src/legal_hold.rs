//! A legal hold: what must be kept, whatever somebody asks and however old it is.

use kernel::prelude::*;

/// What legal holds serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<LegalHold>) -> KindBuilder<LegalHold> {
    kind.without(&["clone"]).check(|it| {
        if it.spec.users.is_empty() && it.spec.kinds.is_empty() {
            return Err(Error::invalid("missing-field", "a hold names users, kinds or both").at("spec.users"));
        }
        Ok(())
    })
}

/// What must be kept.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "legal-hold", prefix = "hld", scope = "organization")]
pub struct LegalHold {
    /// Why: a case, a request of an authority.
    #[field(min = 5, max = 2000)]
    pub reason: String,
    /// Users of whom nothing is erased, by name.
    #[field(max = 1000, example = "ada")]
    #[serde(default)]
    pub users: Vec<String>,
    /// Kinds of which no entry of the journal is emptied, such as `catalog.models`; `*` is all.
    #[field(max = 100, example = "catalog.models")]
    #[serde(default)]
    pub kinds: Vec<String>,
}

impl LegalHold {
    /// Whether it is about a user.
    pub fn concerns(&self, user: &Raw) -> bool {
        self.users.iter().any(|name| *name == user.metadata.name || name == user.metadata.uid.as_str())
    }
}
