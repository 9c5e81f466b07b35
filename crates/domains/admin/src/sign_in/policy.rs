//! A sign-in policy: what an organization asks of everybody who logs in, and how long a login lasts.
//!
//! There is one, `default`; without it the defaults of its fields hold.

use kernel::{prelude::*, slot};

use super::factor;
use crate::session::Session;

/// What sign-in policies serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<SignInPolicy>) -> KindBuilder<SignInPolicy> {
    kind.without(&["clone"]).check(is_the_one)
}

/// What an organization asks of everybody who logs in.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "sign-in-policy", plural = "sign-in-policies", prefix = "sip", scope = "organization")]
pub struct SignInPolicy {
    /// Whether a password is enough. Where a second factor is required, a login without one is only good for adding it.
    #[field(default = "optional")]
    pub second_factor: SecondFactor,
    /// Minutes without a request after which a session ends, early by an eighth at most.
    #[field(min = 5, max = 10080, default = 240)]
    pub idle_minutes: u32,
    /// Hours after which a session ends, used or not.
    #[field(min = 1, max = 720, default = 12)]
    pub session_hours: u32,
}

/// Whether a second factor is asked of everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactor {
    /// Of those who have one.
    #[default]
    Optional,
    /// Of everybody.
    Required,
}

const NAME: &str = "default";

fn is_the_one(it: &Object<SignInPolicy>) -> Result<()> {
    if it.name() == NAME {
        return Ok(());
    }
    Err(Error::invalid("invalid-name", "an organization has one sign-in policy, `default`")
        .at("metadata.name"))
}

/// The policy of the organization.
pub async fn of(inside: &Cx) -> Result<SignInPolicy> {
    let found = match inside.has_none::<SignInPolicy>().await? {
        true => None,
        false => inside.get_opt::<SignInPolicy>(NAME).await?,
    };
    let default =
        SignInPolicy { second_factor: SecondFactor::Optional, idle_minutes: 240, session_hours: 12 };
    Ok(found.map_or(default, |it| it.spec))
}

/// Whether a user must add a second factor before anything else.
pub async fn must_enroll(inside: &Cx, user: &str) -> Result<bool> {
    Ok(of(inside).await?.second_factor == SecondFactor::Required && !factor::has_one(inside, user).await?)
}

/// When sessions were used last.
const SEEN: &str = "sessions-seen";

/// Notes that a session is used, and answers until when that need not be asked again; none when it has idled too long.
pub async fn used(inside: &Cx, session: &Object<Session>) -> Result<Option<Time>> {
    let idle_s = i64::from(of(inside).await?.idle_minutes) * 60;
    let (now, key) = (inside.now(), format!("{}/{}", inside.org, session.name()));
    let seen: Option<Time> = slot::get(inside, SEEN, &key).await?;
    let last = seen.unwrap_or(session.metadata.creation_timestamp);
    if now >= last.plus_s(idle_s) {
        return Ok(None);
    }
    // Not each time that somebody's rules change; but before it could be missed.
    if now >= last.plus_s(idle_s / 8) {
        slot::put(inside, SEEN, &key, &now, idle_s).await?;
    }
    Ok(Some(now.plus_s(idle_s / 8)))
}
