//! Holding policies against objects: one at once, all in a run, and at the gate before a promotion or deployment.

use kernel::{
    access::Principal,
    prelude::*,
    selection,
    store::{Projects, Query, Sort},
};
use ports::rules::{Rules, Verdict};

use super::{Enforcement, Event, Policy, State};
use crate::{assignment::Assignment, exception, facts, violation};

/// The kind of policies.
const POLICIES: &str = "catalog.governance-policies";

/// What to hold it against.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ask {
    /// One object of the caller's project, by name; all that the policy is assigned to when not given.
    #[field(max = 253)]
    object: Option<String>,
}

/// Holds the policy against one object, or orders the run that holds it against all.
pub async fn evaluate(cx: Cx, it: Object<Policy>, ask: Ask) -> Result<Value> {
    let Some(object) = ask.object else {
        let mut order = Order::new("catalog.evaluate", json!({"policy": it.name()}));
        order.subject = Some(format!("{POLICIES}/{}", it.name()));
        return Ok(json!({"run": cx.order(order).await?.metadata.name}));
    };
    cx.authorize(&format!("{}.get", it.spec.kind), &cx.project).await?;
    let raw = cx.read(&it.spec.kind, &object).await.map_err(|error| error.at("object"))?;
    let excepted = exception::holds(&cx, it.name(), (&cx.project, &raw.metadata.name)).await?;
    let why = why(&cx, &it, &raw).await?;
    Ok(json!({"object": raw.metadata.name, "fits": why.is_none(), "message": why, "excepted": excepted}))
}

/// Why an object does not fit a policy; nothing when it does. The platform looks, for facts are of many kinds.
async fn why(cx: &Cx, policy: &Object<Policy>, raw: &Raw) -> Result<Option<String>> {
    let inside = cx.platform().cx_of(Principal::system("governance", &cx.org), &raw.metadata.namespace);
    let facts = facts::of(&inside, raw).await?;
    let rules = cx.port::<dyn Rules>()?;
    let rule = policy.spec.rule.clone();
    Ok(match cx.blocking(move || rules.hold(&rule, &facts)).await? {
        Verdict::Holds => None,
        Verdict::Fails => Some(format!("`{}` does not hold", policy.spec.rule)),
        Verdict::Undecided(why) => Some(format!("cannot be decided: {why}")),
    })
}

/// The work of holding a policy against everything it is assigned to.
pub fn evaluating() -> Workflow {
    Workflow::new("catalog.evaluate").step("evaluate", all)
}

#[derive(Deserialize)]
struct Input {
    policy: String,
}

async fn all(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let policy = cx.get::<Policy>(&step.input::<Input>()?.policy).await?;
    let assignments = assignments(cx, policy.name()).await?;
    let kind = cx.platform().kind(&policy.spec.kind)?;
    let mut query = Query {
        org: Some(cx.org.to_string()),
        kind: kind.id(),
        projects: Projects::All,
        deleted: false,
        filter: selection::parse(&*kind, "")?,
        sort: Sort { place: kernel::predicate::Place::Uid, descending: false },
        after: None,
        limit: 200,
    };
    let (mut looked, mut broken, mut excepted) = (0_u64, 0_u64, 0_u64);
    loop {
        let records = cx.platform().store.list(&query).await?;
        for record in &records {
            step.check()?;
            let raw = Raw::from_record(&kind, record)?;
            let (project, name) = (&raw.metadata.namespace, &raw.metadata.name);
            if !assignments.iter().any(|it| it.covers(project, name)) {
                continue;
            }
            looked += 1;
            let mut found = why(cx, &policy, &raw).await?;
            if found.is_some() && exception::holds(cx, policy.name(), (project, name)).await? {
                excepted += 1;
                found = None;
            }
            broken += u64::from(found.is_some());
            if violation::record(cx, policy.name(), &raw, found.as_deref()).await? {
                let told = found.as_deref().unwrap_or("fits again");
                step.line(&format!("{project}/{name}: {told}"));
            }
            step.progress(looked, 0, "holding the policy against objects");
        }
        let Some(last) = records.last().filter(|_| records.len() == query.limit as usize) else { break };
        query.after = Some((kernel::index::Cell::Text(last.uid.to_string()), last.uid.clone()));
    }
    Ok(json!({"objects": looked, "violations": broken, "excepted": excepted}))
}

async fn assignments(cx: &Cx, policy: &str) -> Result<Vec<Assignment>> {
    let found = cx.list::<Assignment>(&format!("spec.policy = \"{policy}\""), 1000).await?;
    Ok(found.into_iter().map(|it| it.spec).collect())
}

/// Which object.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Which {
    /// Its uid.
    #[field(max = 100)]
    id: String,
}

/// The policies an object is held against, and whether it fits.
pub async fn by_resource(cx: Cx, ask: Which) -> Result<Value> {
    let none = || Error::not_found("not-found", "there is no such object here").at("id");
    let found = cx.platform().store.by_uid(&Uid::known(&ask.id)).await?;
    let record = found.filter(|it| *it.org == *cx.org && it.deleted.is_none()).ok_or_else(none)?;
    let kind = cx.platform().kind(&record.kind)?;
    if !cx.decide(&kind.permission("get"), &record.project).await?.allowed {
        return Err(none());
    }
    let raw = Raw::from_record(&kind, &record)?;
    let mut items = Vec::new();
    for policy in cx.list::<Policy>(&format!("spec.kind = \"{}\"", raw.kind), 1000).await? {
        let assigned = assignments(&cx, policy.name()).await?;
        if !assigned.iter().any(|it| it.covers(&raw.metadata.namespace, &raw.metadata.name)) {
            continue;
        }
        let why = why(&cx, &policy, &raw).await?;
        let place = (raw.metadata.namespace.as_str(), raw.metadata.name.as_str());
        items.push(json!({
            "policy": policy.name(),
            "state": policy.spec.state,
            "enforcement": policy.spec.enforcement,
            "fits": why.is_none(),
            "message": why,
            "excepted": exception::holds(&cx, policy.name(), place).await?,
        }));
    }
    Ok(json!({"object": raw.metadata.name, "kind": raw.kind, "items": items}))
}

/// What is about to happen.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct About {
    /// What.
    event: Event,
    /// The kind of the object.
    #[field(max = 100)]
    kind: String,
    /// Its name.
    #[field(max = 253)]
    object: String,
}

/// Whether an object of the project may go on: what enforced policies say of it.
pub async fn gate(cx: Cx, ask: About) -> Result<Value> {
    let mut refusals = Vec::new();
    let filter = format!(
        "spec.kind = {} AND spec.state = \"active\" AND spec.enforcement = \"{}\"",
        kernel::literal(&ask.kind),
        json!(Enforcement::Enforce).as_str().unwrap_or_default()
    );
    for policy in cx.list::<Policy>(&filter, 1000).await? {
        debug_assert_eq!(policy.spec.state, State::Active);
        if !policy.spec.on.contains(&ask.event) {
            continue;
        }
        let assigned = assignments(&cx, policy.name()).await?;
        if !assigned.iter().any(|it| it.covers(&cx.project, &ask.object))
            || exception::holds(&cx, policy.name(), (&cx.project, &ask.object)).await?
        {
            continue;
        }
        let raw = cx.read(&ask.kind, &ask.object).await?;
        if let Some(why) = why(&cx, &policy, &raw).await? {
            refusals.push(
                json!({"policy": policy.name(), "message": why, "description": policy.spec.description}),
            );
        }
    }
    Ok(json!({"allowed": refusals.is_empty(), "refusals": refusals}))
}
