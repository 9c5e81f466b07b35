//! An audit policy: for how long an organization keeps in full what its objects once were.
//!
//! Entries of the journal are never deleted: who did what when stays, and the chain of hashes with it. What goes is the
//! object as it was then, of which the digest is left. The present state of an object, and what a legal hold concerns,
//! stays whole. There is one policy, `default`; without it everything is kept.

use kernel::{
    access::Principal,
    prelude::*,
    store::{Emptied, Outdated},
};

use crate::legal_hold::LegalHold;

/// What audit policies serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<AuditPolicy>) -> KindBuilder<AuditPolicy> {
    kind.without(&["clone"]).check(is_the_one).action(
        "apply",
        "Empties now what is old enough, as happens once an hour.",
        |cx, it, _: Nothing| async move { apply(&cx, &it).await },
    )
}

/// For how long an organization keeps in full what its objects once were.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(
    name = "audit-policy",
    plural = "audit-policies",
    prefix = "aup",
    scope = "organization",
    status = "Status"
)]
pub struct AuditPolicy {
    /// Days after which of an earlier version only its digest is left.
    #[field(min = 1, max = 36500, example = "365")]
    pub keep_days: u32,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// How many entries were emptied in all.
    #[field(default = 0)]
    pub emptied: u64,
    /// When entries were emptied last.
    pub last: Option<Time>,
}

const NAME: &str = "default";
/// How many holds are looked at; more than these and nothing is emptied.
const HOLDS_MAX: u32 = 1_000;

fn is_the_one(it: &Object<AuditPolicy>) -> Result<()> {
    if it.name() == NAME {
        return Ok(());
    }
    Err(Error::invalid("invalid-name", "an organization has one audit policy, `default`").at("metadata.name"))
}

/// What a run of a policy did.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Done {
    /// How many entries were emptied.
    emptied: u64,
}

async fn apply(cx: &Cx, it: &Object<AuditPolicy>) -> Result<Done> {
    let mut outdated = Outdated {
        org: it.org.clone(),
        before: cx.now().plus_s(-i64::from(it.spec.keep_days) * 24 * 3600),
        after: 0,
        spared: spared(cx).await?,
    };
    let mut emptied = 0;
    loop {
        let Emptied { entries, next } = cx.platform().store.empty(&outdated).await?;
        emptied += entries;
        match next {
            Some(next) => outdated.after = next,
            None => break,
        }
    }
    if emptied > 0 {
        let now = cx.now();
        cx.update_status::<AuditPolicy>(it.metadata.uid.as_str(), |status| {
            status.emptied += emptied;
            status.last = Some(now);
        })
        .await?;
    }
    Ok(Done { emptied })
}

/// The uids and actors whose entries a legal hold keeps.
async fn spared(cx: &Cx) -> Result<Vec<String>> {
    let holds = cx.list::<LegalHold>("", HOLDS_MAX).await?;
    if holds.len() == HOLDS_MAX as usize {
        return Err(Error::conflict("on-hold", "there are more legal holds than can be looked at"));
    }
    let mut spared = Vec::new();
    for user in holds.into_iter().flat_map(|hold| hold.spec.users) {
        // A hold may name a user by name or uid; one that has left is named by what stands in the journal.
        if let Ok(raw) = cx.read("admin.users", &user).await {
            spared.push(raw.metadata.uid.to_string());
            spared.push(format!("user:{}", raw.metadata.name));
        }
        spared.push(format!("user:{user}"));
        spared.push(user);
    }
    Ok(spared)
}

/// Applies every organization's policy: what is done again and again.
pub async fn apply_all(cx: Cx) -> Result<()> {
    for it in cx.platform().everywhere::<AuditPolicy>().await? {
        let inside = cx.platform().cx_of(Principal::system("audit-policies", &it.org), "").doing("apply");
        if let Err(error) = apply(&inside, &it).await {
            tracing::warn!(org = %it.org, ?error, "old entries were not emptied");
        }
    }
    Ok(())
}
