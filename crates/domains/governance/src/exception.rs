//! An exception: an object that need not fit a policy until a day.

use kernel::prelude::*;

/// What exceptions serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Exception>) -> KindBuilder<Exception> {
    kind.child_of("governance-policies", "policy").also_at("catalog/governance/exceptions").admit(bounded)
}

/// An object that need not fit a policy until a day.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "policy-exception", prefix = "gex", scope = "organization")]
pub struct Exception {
    /// The policy.
    #[field(reference = "catalog.governance-policies", indexed, immutable)]
    pub policy: Ref,
    /// The project of the object.
    #[field(max = 253, immutable)]
    pub project: String,
    /// The object's name.
    #[field(max = 253, immutable)]
    pub object: String,
    /// Why.
    #[field(min = 3, max = 2000)]
    pub reason: String,
    /// Until when; at most a year ahead.
    pub expires: Time,
    /// Who made it, as `user:ada`; found when it is made.
    #[field(immutable)]
    pub who: Option<String>,
}

/// The longest an exception lasts, in seconds.
const LONGEST_S: f64 = 366.0 * 86_400.0;

async fn bounded(
    cx: Cx,
    mut it: Object<Exception>,
    old: Option<Object<Exception>>,
) -> Result<Object<Exception>> {
    let changed = old.as_ref().is_none_or(|old| old.spec.expires != it.spec.expires);
    let ahead = it.spec.expires.seconds_since(cx.now());
    if changed && (ahead <= 0.0 || ahead > LONGEST_S) {
        return Err(
            Error::invalid("out-of-range", "an exception ends within a year from now").at("spec.expires")
        );
    }
    if old.is_none() {
        it.spec.who = Some(cx.principal.actor());
    }
    Ok(it)
}

/// Whether an object need not fit a policy now.
pub async fn holds(cx: &Cx, policy: &str, (project, object): (&str, &str)) -> Result<bool> {
    let found = cx.list::<Exception>(&format!("spec.policy = \"{policy}\""), 1000).await?;
    let now = cx.now();
    Ok(found.iter().any(|it| it.spec.project == project && it.spec.object == object && it.spec.expires > now))
}
