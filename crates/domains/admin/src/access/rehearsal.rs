//! What was asked of the platform, kept for a month, and what other rules would have answered.
//!
//! One entry an hour for each principal and question, however often it was asked: a stream a day and organization.

use std::collections::{BTreeMap, HashMap};

use kernel::{
    access::{Asked, Principal, Question, Sort},
    prelude::*,
};

use super::world::World;
use crate::daily;

/// The most entries one rehearsal reads.
const ENTRIES_MAX: usize = 200_000;
/// The most changes one rehearsal lists.
const LISTED_MAX: usize = 1_000;
const DAY_MIN: i64 = 24 * 60;

/// What was asked, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    sort: Sort,
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    question: Question,
    allowed: bool,
}

/// Keeps what was asked.
pub async fn keep(cx: &Cx, asked: Vec<Asked>) -> Result<()> {
    let mut days: BTreeMap<(String, i64), Vec<Kept>> = BTreeMap::new();
    for Asked { principal, question, allowed } in asked {
        let day = question.minute.div_euclid(DAY_MIN);
        let Principal { org, sort, name, groups, scopes, .. } = Principal::clone(&principal);
        days.entry((org, day)).or_default().push(Kept { sort, name, groups, scopes, question, allowed });
    }
    for ((org, day), entries) in days {
        daily::append(cx, daily::Sort::Asked, (&org, day), &entries).await?;
    }
    Ok(())
}

/// A rule to try.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Trial {
    /// What would be different.
    kind: Rules,
    /// The name of the object that would be made, replaced or deleted.
    #[field(max = 253)]
    name: String,
    /// Its spec as it would be; deleted when absent.
    spec: Option<Value>,
    /// How many days are looked back.
    #[field(min = 1, max = 30, default = 7)]
    days: u32,
}

/// The sorts of rules that can be tried.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
enum Rules {
    /// A policy.
    Policies,
    /// A grant.
    Grants,
    /// A role.
    Roles,
}

/// A request that would be answered otherwise.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Difference {
    /// Who asked.
    actor: String,
    /// For which permission.
    permission: String,
    /// In which project.
    project: String,
    /// About which object, where one was asked for.
    object: String,
    /// From where, where that was told.
    origin: Option<String>,
    /// In how many hours it was asked.
    hours: u64,
    /// When last, to the hour.
    last_asked: Time,
    /// The rules that would decide.
    reasons: Vec<String>,
}

/// What a rule would change.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Outcome {
    /// How many different requests were looked at.
    requests: u64,
    /// How many principals made them.
    principals: u64,
    /// Requests that are allowed and would be refused.
    lost: Vec<Difference>,
    /// Requests that are refused and would be allowed.
    gained: Vec<Difference>,
    /// Whether there was more than could be read or listed.
    truncated: bool,
}

struct Heard {
    kept: Kept,
    hours: u64,
}

/// Asks again what was asked, by the rules as they are and as they would be.
pub async fn dry_run(cx: Cx, ask: Trial) -> Result<Outcome> {
    let kind = match ask.kind {
        Rules::Policies => "policies",
        Rules::Grants => "grants",
        Rules::Roles => "roles",
    };
    cx.platform().tell_asked().await?;
    let (heard, mut truncated) = heard(&cx, ask.days).await?;
    let (now, then) = (World::whole(&cx).await?, World::whole(&cx).await?.with(kind, &ask.name, ask.spec)?);
    let mut outcome = Outcome { requests: heard.len() as u64, ..Outcome::default() };
    let mut by_principal: HashMap<Principal, Vec<Heard>> = HashMap::new();
    for heard in heard {
        let Kept { sort, name, groups, scopes, .. } = heard.kept.clone();
        let principal = Principal { groups, scopes, ..Principal::of(sort, &name, &cx.org) };
        by_principal.entry(principal).or_default().push(heard);
    }
    outcome.principals = by_principal.len() as u64;
    let policy = cx.platform().policy();
    for (principal, asked) in by_principal {
        let before = policy.compile(&principal, &now.rules(&principal))?;
        let after = policy.compile(&principal, &then.rules(&principal))?;
        for Heard { kept, hours } in asked {
            let (old, new) = (before.decide(&kept.question), after.decide(&kept.question));
            if old.allowed == new.allowed {
                continue;
            }
            let list = if new.allowed { &mut outcome.gained } else { &mut outcome.lost };
            if list.len() >= LISTED_MAX {
                truncated = true;
                continue;
            }
            list.push(Difference {
                actor: principal.actor(),
                permission: kept.question.permission,
                project: kept.question.project,
                object: kept.question.object,
                origin: kept.question.origin.map(|origin| origin.to_string()),
                hours,
                last_asked: Time::from_micros(kept.question.minute / 60 * 3_600_000_000),
                reasons: new.reasons,
            });
        }
    }
    for list in [&mut outcome.lost, &mut outcome.gained] {
        list.sort_by(|a, b| (&a.actor, &a.permission, &a.object).cmp(&(&b.actor, &b.permission, &b.object)));
    }
    Ok(Outcome { truncated, ..outcome })
}

/// Every different question of the last days, each as it was asked last.
async fn heard(cx: &Cx, days: u32) -> Result<(Vec<Heard>, bool)> {
    let today = daily::day_of(cx.now());
    let mut all: HashMap<(String, Question), Heard> = HashMap::new();
    let mut read = 0;
    for day in (today - i64::from(days) + 1)..=today {
        let mut next = Some(0);
        while let Some(from) = next {
            let page = daily::page::<Kept>(cx, daily::Sort::Asked, day, from).await?;
            next = page.next;
            read += page.entries.len();
            for kept in page.entries {
                let who = format!("{:?}:{}", kept.sort, kept.name);
                let key = (who, Question { minute: 0, ..kept.question.clone() });
                let hours = all.get(&key).map_or(0, |heard| heard.hours) + 1;
                all.insert(key, Heard { kept, hours });
            }
            if read >= ENTRIES_MAX {
                return Ok((all.into_values().collect(), true));
            }
        }
    }
    Ok((all.into_values().collect(), false))
}
