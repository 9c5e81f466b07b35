//! The last administrator stays: no change of rules may leave an organization without one.

use kernel::{
    access::{Principal, Question, Sort},
    prelude::*,
};

use super::{grant::Grant, policy::Policy, role::Role, world::World};
use crate::user::User;

/// What an administrator can do: whoever may do all of this can mend everything else.
const MEND: [&str; 3] = ["admin.grants.create", "admin.roles.update", "admin.policies.update"];

/// How many people are looked at in search of one who stays.
const LOOKED_AT_MAX: u32 = 1_000;

/// Refuses a rule that would leave nobody.
pub async fn put<S: Serialize>(cx: &Cx, kind: &str, name: &str, spec: &S) -> Result<()> {
    let spec = serde_json::to_value(spec).map_err(Error::internal)?;
    changed(cx, kind, name, Some(spec)).await
}

/// Refuses to delete a policy that the last administrator stands on.
pub async fn leave_policy(cx: Cx, it: Object<Policy>) -> Result<()> {
    changed(&cx, "policies", it.name(), None).await
}

/// Refuses to delete the grant the last administrator stands on.
pub async fn leave_grant(cx: Cx, it: Object<Grant>) -> Result<()> {
    changed(&cx, "grants", it.name(), None).await
}

/// Refuses to delete the role the last administrator stands on.
pub async fn leave_role(cx: Cx, it: Object<Role>) -> Result<()> {
    changed(&cx, "roles", it.name(), None).await
}

/// Refuses to let the last administrator go.
pub async fn leave_user(cx: Cx, it: Object<User>) -> Result<()> {
    without(&cx, it.name()).await
}

/// Refuses to disable the last administrator.
pub async fn without(cx: &Cx, user: &str) -> Result<()> {
    if is_ours(cx) {
        return Ok(());
    }
    let it = cx.get::<User>(user).await?;
    let around = World::around(cx, &of(cx, &it)).await?;
    // Whoever administers nothing may go at once.
    if it.spec.disabled || !can_mend(cx, &around, &it)? {
        return Ok(());
    }
    refuse_unless(somebody(cx, &World::whole(cx).await?, user).await?)
}

async fn changed(cx: &Cx, kind: &str, name: &str, spec: Option<Value>) -> Result<()> {
    // The first start makes rules before there is anybody.
    if is_ours(cx) || !somebody(cx, &World::whole(cx).await?, "").await? {
        return Ok(());
    }
    let then = World::whole(cx).await?.with(kind, name, spec)?;
    refuse_unless(somebody(cx, &then, "").await?)
}

fn is_ours(cx: &Cx) -> bool {
    cx.principal.sort == Sort::System
}

fn refuse_unless(somebody_stays: bool) -> Result<()> {
    if somebody_stays {
        return Ok(());
    }
    Err(Error::conflict("last-administrator", "nobody could administer the organization any more")
        .hint("grant somebody else the role `admin` first"))
}

/// Whether somebody who can log in, other than one, may mend everything, always and from everywhere.
async fn somebody(cx: &Cx, world: &World, other_than: &str) -> Result<bool> {
    let mut subjects: Vec<&str> = world.granted().collect();
    subjects.sort_unstable();
    subjects.dedup();
    for subject in subjects {
        let people = match subject.split_once(':') {
            Some(("user", name)) => cx.get_opt::<User>(name).await?.into_iter().collect(),
            Some(("group", group)) => {
                let filter = format!("spec.groups:{}", kernel::literal(group));
                cx.list::<User>(&filter, LOOKED_AT_MAX).await?
            }
            _ => Vec::new(),
        };
        for user in people.iter().filter(|user| !user.spec.disabled && user.name() != other_than) {
            if can_mend(cx, world, user)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn of(cx: &Cx, user: &Object<User>) -> Principal {
    Principal { groups: user.spec.groups.clone(), ..Principal::of(Sort::User, user.name(), &cx.org) }
}

fn can_mend(cx: &Cx, world: &World, user: &Object<User>) -> Result<bool> {
    let principal = of(cx, user);
    // What holds at some hours only neither makes an administrator nor takes one away.
    let mut rules = world.rules(&principal);
    rules.retain(|rule| rule.condition.is_none());
    let decider = cx.platform().policy().compile(&principal, &rules)?;
    Ok(MEND.iter().all(|permission| decider.decide(&Question::new(permission, &cx.org, "")).allowed))
}
