//! A permission group: patterns that are granted together, under a name roles refer to.

use kernel::prelude::*;

use super::role;

/// What permission groups serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<PermissionGroup>) -> KindBuilder<PermissionGroup> {
    kind.check(|it| role::patterns(&it.spec.permissions))
}

/// Patterns that are granted together.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "permission-group", prefix = "pgr", scope = "organization")]
pub struct PermissionGroup {
    /// What they are for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Permission patterns: `service.kinds.verb`, with `*` for any text.
    #[field(min = 1, max = 500, example = "catalog.models.*")]
    pub permissions: Vec<String>,
}
