//! A group: people who are granted roles together. Who is in it stands with each user.

use kernel::prelude::*;

use kernel::literal;

use crate::user::User;

/// What groups serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Group>) -> KindBuilder<Group> {
    kind.without(&["clone"])
        .leave(empty)
        .view("members", "Who is in the group.", members)
        .needs("get")
        .action("members", "Puts users into the group.", add_members)
        .needs("update")
        .action("remove-members", "Takes users out of the group.", remove_members)
        .needs("update")
}

/// People who are granted roles together.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "group", prefix = "grp", scope = "organization")]
pub struct Group {
    /// How people call it.
    #[field(max = 200, indexed)]
    pub display_name: Option<String>,
    /// What it is for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// What the directory it comes from calls it (SCIM's `externalId`, RFC 7643 section 3.1).
    #[field(max = 400, indexed)]
    pub external_id: Option<String>,
}

/// The most members that are listed or changed at once.
const MEMBERS_MAX: u32 = 10_000;

/// The users in a group.
pub async fn users_in(cx: &Cx, group: &str) -> Result<Vec<Object<User>>> {
    cx.list::<User>(&format!("spec.groups:{}", literal(group)), MEMBERS_MAX).await
}

/// Puts a user into a group, or takes the user out; tells whether that changed anything.
pub async fn change_member(cx: &Cx, group: &str, user: &str, inside: bool) -> Result<bool> {
    let mut it = cx.get::<User>(user).await?;
    let was = it.spec.groups.iter().any(|name| name == group);
    if was == inside {
        return Ok(false);
    }
    if inside {
        it.spec.groups.push(group.to_owned());
    } else {
        it.spec.groups.retain(|name| name != group);
    }
    cx.save(&it).await.map(|_| true)
}

/// Names of users.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Members {
    /// The users, by name.
    #[field(max = 1000, example = "ada")]
    items: Vec<String>,
}

async fn members(cx: Cx, it: Object<Group>, _: Nothing) -> Result<Members> {
    let users = users_in(&cx, it.name()).await?;
    Ok(Members { items: users.into_iter().map(|user| user.metadata.name).collect() })
}

async fn add_members(cx: Cx, it: Object<Group>, ask: Members) -> Result<Members> {
    for user in &ask.items {
        change_member(&cx.doing("join"), it.name(), user, true).await?;
    }
    members(cx, it, Nothing {}).await
}

async fn remove_members(cx: Cx, it: Object<Group>, ask: Members) -> Result<Members> {
    for user in &ask.items {
        change_member(&cx.doing("part"), it.name(), user, false).await?;
    }
    members(cx, it, Nothing {}).await
}

/// Who is in a group that goes is in it no more: a new one of the name starts empty.
async fn empty(cx: Cx, it: Object<Group>) -> Result<()> {
    loop {
        let users = users_in(&cx, it.name()).await?;
        if users.is_empty() || cx.dry_run {
            return Ok(());
        }
        for user in users {
            change_member(&cx.doing("part"), it.name(), user.name(), false).await?;
        }
    }
}
