//! A policy: an expression over the facts of objects that must hold where the policy is assigned.

use kernel::{prelude::*, read, store::ChangeQuery};
use ports::rules::Rules;

use crate::{
    assignment::{self, Assignment},
    facts,
};

pub mod evaluate;

/// What policies serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Policy>) -> KindBuilder<Policy> {
    kind.also_at("catalog/governance/policies")
        .admit(sound)
        .action("assign", "Says what the policy is about.", assignment::assign)
        .action("unassign", "Takes an assignment back.", assignment::unassign)
        .needs("assign")
        .action("set-status", "Puts the policy in force, or out of it.", set_status)
        .needs("update")
        .action("enforce", "Puts the policy in force, and in the way of promotions and deployments.", enforce)
        .action(
            "evaluate",
            "Holds the policy against one object, or against all it is assigned to.",
            evaluate::evaluate,
        )
        .view_of_all("by-category", "The policies of a category.", by_category)
        .needs("list")
        .view_of_all(
            "by-resource",
            "The policies an object is held against, and whether it fits.",
            evaluate::by_resource,
        )
        .needs("list")
        .view_of_all("changes", "Who changed which policy when, newest first.", changes)
        .needs("list")
        .action_on_all(
            "gate",
            "Whether an object may go on: what enforced policies say of it.",
            evaluate::gate,
        )
}

/// An expression over the facts of objects that must hold.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "governance-policy", plural = "governance-policies", prefix = "gpo", scope = "organization")]
pub struct Policy {
    /// What it is for, and what to do about an object that does not fit.
    #[field(max = 10000)]
    pub description: Option<String>,
    /// What sort of policy it is.
    #[field(indexed, default = "compliance")]
    pub category: Category,
    /// The kind of objects it is about.
    #[field(indexed, example = "catalog.model-versions")]
    pub kind: String,
    /// What must hold: a Cedar expression over `context`, which has the object's facts: `name`, `project`, `labels`,
    /// `ageDays`, `createdBy`, `approvals`, `spec`, `status`; of versions of models also `metrics`, `missing`, `card` and `data`.
    #[field(min = 1, max = 4000, example = "context.metrics.accuracy.greaterThan(decimal(\"0.9\"))")]
    pub rule: String,
    /// What it stands in the way of when it is enforced.
    #[field(max = 2)]
    pub on: Vec<Event>,
    /// Whether it is in force.
    #[field(indexed, default = "draft")]
    pub state: State,
    /// Whether it only finds violations, or stands in the way too.
    #[field(indexed, default = "audit")]
    pub enforcement: Enforcement,
    /// How bad a violation is.
    #[field(default = "medium")]
    pub severity: Severity,
}

/// What sort of policy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Who may do what.
    AccessControl,
    /// What a law or standard asks for.
    Compliance,
    /// What must hold before something is put into service.
    Deployment,
    /// What must be watched.
    Monitoring,
    /// How long things are kept.
    Retention,
}

/// What a policy stands in the way of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// Moving a version to `Staging` or `Production`.
    Promote,
    /// Putting a version into service at an endpoint.
    Deploy,
}

/// Whether a policy is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is being written.
    Draft,
    /// It is in force.
    Active,
    /// It is in force no more.
    Disabled,
}

/// What a policy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// It finds violations.
    Audit,
    /// It stands in the way too.
    Enforce,
}

/// How bad a violation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Low,
    /// To be looked at.
    Medium,
    /// To be mended.
    High,
    /// To be mended now.
    Critical,
}

async fn sound(cx: Cx, it: Object<Policy>, _: Option<Object<Policy>>) -> Result<Object<Policy>> {
    if !facts::KINDS.contains(&it.spec.kind.as_str()) {
        return Err(Error::invalid("unknown-value", "this kind is not governed")
            .at("spec.kind")
            .hint(format!("the kinds are: {}", facts::KINDS.join(", "))));
    }
    cx.port::<dyn Rules>()?.check(&it.spec.rule).map_err(|error| error.at("spec.rule"))?;
    Ok(it)
}

/// What it shall be.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Wish {
    /// Whether it is in force.
    status: State,
}

async fn set_status(cx: Cx, mut it: Object<Policy>, ask: Wish) -> Result<Wish> {
    it.spec.state = ask.status;
    Ok(Wish { status: cx.save(&it).await?.spec.state })
}

async fn enforce(cx: Cx, mut it: Object<Policy>, _: Nothing) -> Result<Value> {
    it.spec.state = State::Active;
    it.spec.enforcement = Enforcement::Enforce;
    if it.spec.on.is_empty() {
        it.spec.on = vec![Event::Promote, Event::Deploy];
    }
    let saved = cx.save(&it).await?;
    let filter = format!("spec.policy = \"{}\"", it.name());
    let assignments = cx.list::<Assignment>(&filter, 1000).await?.len();
    Ok(
        json!({"state": saved.spec.state, "enforcement": saved.spec.enforcement, "on": saved.spec.on, "assignments": assignments}),
    )
}

/// Which category.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct OfCategory {
    /// The category.
    category: Category,
}

async fn by_category(cx: Cx, ask: OfCategory) -> Result<Value> {
    let word = serde_json::to_value(ask.category).map_err(Error::internal)?;
    let found = cx.list_raw("catalog.governance-policies", &format!("spec.category = {word}"), 1000).await?;
    let kind = cx.platform().kind("catalog.governance-policies")?;
    Ok(json!({"items": found.iter().map(|it| it.shown(&kind)).collect::<Vec<_>>()}))
}

/// How many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Page {
    /// How many at most.
    #[field(min = 1, max = 1000, default = 100)]
    limit: u32,
}

async fn changes(cx: Cx, ask: Page) -> Result<Value> {
    let mut items = Vec::new();
    for kind in ["governance-policies", "policy-assignments", "policy-exceptions"] {
        let query = ChangeQuery {
            org: Some(cx.org.to_string()),
            kind: Some(format!("catalog.{kind}")),
            limit: ask.limit,
            ..ChangeQuery::default()
        };
        items.extend(cx.platform().store.history(&query).await?);
    }
    items.sort_by_key(|change| std::cmp::Reverse(change.position));
    items.truncate(ask.limit as usize);
    Ok(json!({"items": items.iter().map(read::brief).collect::<Vec<_>>()}))
}
