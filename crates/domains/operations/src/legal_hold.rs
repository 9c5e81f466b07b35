//! A legal hold: whose data must be kept, whoever asks to erase it.

use kernel::prelude::*;

/// What legal holds serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<LegalHold>) -> KindBuilder<LegalHold> {
    kind.without(&["clone"])
}

/// Whose data must be kept.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "legal-hold", prefix = "hld", scope = "organization")]
pub struct LegalHold {
    /// Why: a case, a request of an authority.
    #[field(min = 5, max = 2000)]
    pub reason: String,
    /// Users of whom nothing is erased, by name.
    #[field(min = 1, max = 1000, example = "ada")]
    pub users: Vec<String>,
}

impl LegalHold {
    /// Whether it is about a user.
    pub fn concerns(&self, user: &Raw) -> bool {
        self.users.iter().any(|name| *name == user.metadata.name || name == user.metadata.uid.as_str())
    }
}
