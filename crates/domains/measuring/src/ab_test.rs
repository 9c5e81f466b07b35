//! An A/B test: two revisions of an endpoint, each caller at one of them, until tests say which is better or somebody decides.
//!
//! Who gets which revision is a roll-out's business, which this orders and ends; it turns back by itself when the new
//! revision fails for sure. What was counted of both is read where it was counted.

use behalf::Actor;
use kernel::{
    declare::Body,
    dispatch::{self, Answer, Call, Verb},
    journal::Change,
    prelude::*,
};

mod results;

use results::{Results, Winner};

/// The kind of roll-outs.
const ROLLOUTS: &str = "catalog.rollouts";

/// What A/B tests serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<AbTest>) -> KindBuilder<AbTest> {
    kind.also_at("assets/testing/ab-tests")
        .without(&["import"])
        .admit(unchanged)
        .leave(not_running)
        .action("start", "Gives the new revision its share, each caller at one of both.", start)
        .needs("update")
        .action(
            "conclude",
            "Ends it: the new revision is put into service where it won, else all goes back to the old one.",
            conclude,
        )
        .needs("update")
        .view("results", "What was counted of both revisions, each test with its confidence.", results)
        .needs("get")
}

/// Two revisions of an endpoint, each caller at one of them.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "ab-test", prefix = "abt", status = "Status")]
pub struct AbTest {
    /// The endpoint.
    #[field(reference = "catalog.endpoints", indexed, immutable)]
    pub endpoint: Ref,
    /// The number of the version of the endpoint's model that is tried; the latest when not given.
    #[field(max = 20)]
    pub version: Option<String>,
    /// What is thought to be so, and why it matters.
    #[field(max = 5000)]
    pub hypothesis: Option<String>,
    /// The share of callers in percent that get the new revision.
    #[field(min = 0.1, max = 99.9, default = 50)]
    pub percent: f64,
    /// By what the new revision must be better to win.
    #[field(default = "Quality")]
    pub goal: Goal,
    /// How sure a test must be; with several of them each must be surer (Bonferroni's correction).
    #[field(min = 0.5, max = 0.999999, default = 0.95)]
    pub confidence: f64,
    /// How many calls each revision needs before it is concluded without anybody's word.
    #[field(min = 0, max = 100000000, default = 100)]
    pub calls_min: u64,
}

/// By what a revision wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Goal {
    /// Fewer failed calls.
    Failures,
    /// Shorter times.
    Latency,
    /// More right answers, or numbers that are less far off, by what turned out to be true: requests must be logged and
    /// feedback be told.
    #[default]
    Quality,
}

/// Where a test is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Phase {
    /// Not started; it can still be changed.
    #[default]
    Draft,
    /// Both revisions are asked.
    Running,
    /// One revision is asked again.
    Concluded,
}

/// What became of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Outcome {
    /// The new revision is in service.
    Promoted,
    /// All went back to the old one.
    RolledBack,
    /// It ended before the new revision got requests.
    Failed,
}

/// How a test is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "Draft")]
    pub phase: Phase,
    /// The roll-out that shares the callers.
    #[field(indexed)]
    pub rollout: Option<String>,
    /// When it was started.
    pub started_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// Who decided; nobody where the roll-out turned back by itself.
    pub concluded_by: Option<String>,
    /// Why it ended as it did, where that was not decided here.
    pub message: Option<String>,
    /// What was counted by its end.
    pub results: Option<Results>,
}

/// What has been started stays as it is.
async fn unchanged(_: Cx, mut it: Object<AbTest>, old: Option<Object<AbTest>>) -> Result<Object<AbTest>> {
    let Some(old) = old else {
        // A copy begins anew.
        it.status = Status::default();
        return Ok(it);
    };
    let same = serde_json::to_value(&it.spec).ok() == serde_json::to_value(&old.spec).ok();
    if old.status.phase != Phase::Draft && !same {
        return Err(under_way("it was started already, and is what it was started as")
            .hint("make another test, or `clone` it"));
    }
    Ok(it)
}

fn under_way(message: &str) -> Error {
    Error::conflict("test-under-way", message)
}

fn not_running_now() -> Error {
    Error::conflict("test-not-running", "the test is not running").hint("`start` it, or read its results")
}

async fn not_running(_: Cx, it: Object<AbTest>) -> Result<()> {
    match it.status.phase {
        Phase::Running => Err(under_way("callers are shared by it").hint("`conclude` it first")),
        Phase::Draft | Phase::Concluded => Ok(()),
    }
}

/// Orders the roll-out that shares the callers.
async fn start(cx: Cx, it: Object<AbTest>, _: Nothing) -> Result<Status> {
    if it.status.phase != Phase::Draft {
        return Err(under_way("it was started already"));
    }
    let spec = json!({
        "version": it.spec.version,
        "strategy": "Ab",
        "steps": [it.spec.percent],
        "byHand": true,
    });
    // The same caller in a context of its own: what the request is called is the test's, not the roll-out's.
    let mut inside = Actor::of(&cx).cx(&cx);
    (inside.origin, inside.deadline, inside.trace) = (cx.origin, cx.deadline, cx.trace.clone());
    let call = Call {
        kind: cx.platform().kind(ROLLOUTS)?,
        verb: Verb::Create,
        id: None,
        parent: Some(it.spec.endpoint.to_string()),
        params: std::collections::BTreeMap::new(),
        body: Body::Json(json!({"metadata": {"name": it.name()}, "spec": spec})),
        if_match: None,
    };
    let rollout = match dispatch::call(inside, call).await? {
        Answer::Created(made, _) => made["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        _ => return Err(Error::internal("a roll-out is made")),
    };
    let now = cx.now();
    let changed = cx.update_status::<AbTest>(it.metadata.uid.as_str(), |status| {
        status.phase = Phase::Running;
        status.rollout = Some(rollout.clone());
        status.started_at = Some(now);
    });
    Ok(changed.await?.status)
}

async fn results(cx: Cx, it: Object<AbTest>, _: Nothing) -> Result<Results> {
    match (&it.status.results, it.status.phase) {
        (Some(kept), Phase::Concluded) => Ok(kept.clone()),
        (_, Phase::Draft) => Err(not_running_now()),
        (_, Phase::Running | Phase::Concluded) => seen(&cx, &it).await,
    }
}

async fn seen(cx: &Cx, it: &Object<AbTest>) -> Result<Results> {
    let rollout = cx.read(ROLLOUTS, it.status.rollout.as_deref().unwrap_or_default()).await?;
    results::of(cx, it, &rollout).await
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
enum Decision {
    /// The new revision is put into service.
    Promote,
    /// All goes back to the old one.
    RollBack,
}

/// How it ends.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct End {
    /// What is decided; what the tests say when not given: promoted where the new revision won, else rolled back.
    decision: Option<Decision>,
}

/// Ends it by what the tests say, or by somebody's word.
async fn conclude(cx: Cx, it: Object<AbTest>, ask: End) -> Result<Status> {
    if it.status.phase != Phase::Running {
        return Err(not_running_now());
    }
    let found = seen(&cx, &it).await?;
    let decision = match ask.decision {
        Some(decision) => decision,
        None => {
            let least = found.stable.calls.min(found.candidate.calls);
            if least < it.spec.calls_min as f64 {
                let message = format!("a revision has had {least} calls, {} are needed", it.spec.calls_min);
                return Err(Error::conflict("test-too-early", message)
                    .hint("wait, or say what you decided in `decision`"));
            }
            match found.winner {
                Winner::Candidate => Decision::Promote,
                Winner::Stable | Winner::Neither => Decision::RollBack,
            }
        }
    };
    let (uid, by) = (it.metadata.uid.as_str(), cx.principal.actor());
    // Kept first: what is counted after it has ended does not belong to it.
    cx.update_status::<AbTest>(uid, |status| {
        status.results = Some(found.clone());
        status.concluded_by = Some(by.clone());
    })
    .await?;
    let rollout = it.status.rollout.as_deref();
    let action = match decision {
        Decision::Promote => "promote",
        Decision::RollBack => "abort",
    };
    let told = cx.call_action(ROLLOUTS, rollout, action, json!({})).await?;
    Ok(ended(&cx, uid, &told).await?.status)
}

/// Notes what became of it, as the status of its roll-out tells.
async fn ended(cx: &Cx, uid: &str, rollout: &Value) -> Result<Object<AbTest>> {
    let outcome = match rollout["phase"].as_str() {
        Some("Promoted") => Outcome::Promoted,
        Some("RolledBack") => Outcome::RolledBack,
        _ => Outcome::Failed,
    };
    let (now, message) = (cx.now(), rollout["message"].as_str().map(str::to_owned));
    cx.update_status::<AbTest>(uid, |status| {
        status.phase = Phase::Concluded;
        status.outcome = Some(outcome);
        status.message.clone_from(&message);
        status.ended_at.get_or_insert(now);
    })
    .await
}

/// A roll-out has ended, which a test may have ordered: by its own verdict, or by somebody's hand.
pub async fn end(cx: Cx, change: Change) -> Result<()> {
    if change.deleted {
        return Ok(());
    }
    let rollout = match cx.read(ROLLOUTS, change.uid.as_str()).await {
        Err(error) if error.code() == "not-found" => return Ok(()),
        other => other?,
    };
    if rollout.status.get("active") != Some(&Value::Bool(false)) {
        return Ok(());
    }
    let name = kernel::literal(&rollout.metadata.name);
    for it in
        cx.list::<AbTest>(&format!("status.phase = \"Running\" AND status.rollout = {name}"), 10).await?
    {
        let uid = it.metadata.uid.as_str();
        if it.status.results.is_none() && rollout.status.contains_key("before") {
            let found = results::of(&cx, &it, &rollout).await?;
            cx.update_status::<AbTest>(uid, |status| status.results = Some(found.clone())).await?;
        }
        ended(&cx, uid, &Value::Object(rollout.status.clone())).await?;
    }
    Ok(())
}
