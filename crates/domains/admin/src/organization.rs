//! An organization: a tenant. Nothing in it can be seen from another.

use std::collections::BTreeMap;

use kernel::{access::Principal, journal::Change, prelude::*};

use crate::bootstrap::{self, Administrator};

/// What organizations serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Organization>) -> KindBuilder<Organization> {
    kind.without(&["clone"]).action(
        "administrators",
        "Makes a user of the organization who may do everything in it.",
        administrator,
    )
}

/// A tenant of the platform.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "organization", prefix = "org", scope = "platform", short = "org")]
pub struct Organization {
    /// How people call it.
    #[field(max = 200, example = "Acme Ltd")]
    pub display_name: Option<String>,
}

/// A user to make.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct NewAdministrator {
    /// The user's name.
    username: Name,
    /// The user's password.
    password: Secret,
}

/// Makes a user who may do everything in the organization.
async fn administrator(
    cx: Cx,
    it: Object<Organization>,
    ask: NewAdministrator,
) -> Result<BTreeMap<String, String>> {
    let inside = cx.platform().cx_of(Principal::system("organizations", it.name()), "");
    bootstrap::furnish(&inside).await?;
    let who = Administrator { username: ask.username.to_string(), password: ask.password, platform: false };
    bootstrap::administrator(&inside, &who).await?;
    Ok(BTreeMap::from([("user".to_owned(), who.username)]))
}

/// Gives every organization its roles and its first project.
pub async fn furnish(cx: Cx, change: Change) -> Result<()> {
    if change.deleted {
        return Ok(());
    }
    let inside = cx.platform().cx_of(Principal::system("organizations", &change.name), "");
    bootstrap::furnish(&inside).await
}
