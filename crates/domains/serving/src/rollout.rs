//! A roll-out: from the revision in service to a new one, step by step, as durable work that watches and turns back.

use kernel::{journal::Change, prelude::*, runs};

use crate::{endpoint::Endpoint, gate};

mod judge;
mod walk;

pub use judge::Verdict;
pub use walk::rolling_out;

/// What roll-outs serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Rollout>) -> KindBuilder<Rollout> {
    kind.child_of("endpoints", "endpoint")
        .without(&["update", "delete", "clone", "import"])
        .admit(begins)
        .action("pause", "Stays at the present step until it is resumed.", pause)
        .needs("update")
        .action("resume", "Goes on from where it was paused.", resume)
        .needs("update")
        .action("promote", "Puts the new revision into service now.", promote)
        .needs("update")
        .action("abort", "Turns back now: the revision from before gets all requests again.", abort)
        .needs("update")
        .view("analysis", "What was measured of both revisions, each test with its confidence.", analysis)
        .needs("get")
}

/// From the revision of an endpoint that is in service to one of another version.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "rollout", prefix = "rlo", status = "Status")]
pub struct Rollout {
    /// The endpoint.
    #[field(reference = "catalog.endpoints", indexed, immutable)]
    pub endpoint: Ref,
    /// The number of the version of the endpoint's model; the latest when not given.
    #[field(max = 20, immutable)]
    pub version: Option<String>,
    /// How.
    #[field(indexed, immutable, default = "Canary")]
    pub strategy: Strategy,
    /// The shares in percent that the new revision gets, one after the other; those of the strategy when not given.
    #[field(max = 50, immutable)]
    pub steps: Option<Vec<f64>>,
    /// How long each step is watched.
    #[field(min = 1, max = 604800, default = 300, immutable)]
    pub step_seconds: u32,
    /// What is tested at each step.
    #[field(immutable)]
    pub analysis: Option<Analysis>,
    /// Whether the last step waits for `promote` or `abort`; an A/B test always does.
    #[field(default = false, immutable)]
    pub by_hand: bool,
}

/// How a roll-out goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Strategy {
    /// A few requests first, then more: 5, 25 and 50 percent.
    #[default]
    Canary,
    /// All requests at once; the old revision stays ready for the way back.
    BlueGreen,
    /// In equal steps: 25, 50, 75 and 100 percent.
    Rolling,
    /// Half of the requests, each caller at one revision; somebody decides.
    Ab,
    /// Copies of all requests, whose answers are compared and never returned.
    Shadow,
}

impl Strategy {
    /// The shares of the new revision, in percent.
    fn steps(self) -> &'static [f64] {
        match self {
            Self::Canary => &[5.0, 25.0, 50.0],
            Self::BlueGreen => &[100.0],
            Self::Rolling => &[25.0, 50.0, 75.0, 100.0],
            Self::Ab => &[50.0],
            Self::Shadow => &[0.0],
        }
    }
}

/// What is tested. A test fails when it is as sure as `confidence` that the new revision is worse by more than is allowed;
/// how often is looked is taken into account (Bonferroni's correction).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// How sure a test must be to turn back.
    #[field(min = 0.5, max = 0.999999, default = 0.95)]
    pub confidence: f64,
    /// How much larger the share of failed calls may be.
    #[field(min = 0, max = 1, default = 0.01)]
    pub failures_allowed: f64,
    /// The probability, above a half, that a call of the new revision is slower than one of the old, from which on it counts.
    #[field(min = 0.5, max = 1, default = 0.6)]
    pub slower_from: f64,
    /// The share of rows that copies must have answered alike; only copies are held against it.
    #[field(min = 0, max = 1, default = 0)]
    pub agreement_min: f64,
    /// How many calls of the new revision a step needs before it is passed.
    #[field(min = 0, max = 100000000, default = 0)]
    pub calls_min: u64,
}

impl Default for Analysis {
    fn default() -> Self {
        Self { confidence: 0.95, failures_allowed: 0.01, slower_from: 0.6, agreement_min: 0.0, calls_min: 0 }
    }
}

/// Where a roll-out is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Phase {
    /// Not begun.
    #[default]
    Pending,
    /// The new revision gets requests.
    Progressing,
    /// The last step is passed; somebody decides.
    Deciding,
    /// The new revision is in service.
    Promoted,
    /// The old revision has all requests again.
    RolledBack,
    /// It ended before the new revision got requests.
    Failed,
}

/// What somebody wants of a roll-out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Wish {
    /// That it goes on.
    #[default]
    Go,
    /// That it stays where it is.
    Pause,
    /// That it ends with the new revision.
    Promote,
    /// That it turns back.
    Abort,
}

/// How a roll-out is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "Pending")]
    pub phase: Phase,
    /// Whether it is under way.
    #[field(indexed, default = true)]
    pub active: bool,
    /// What is wanted of it.
    #[field(default = "Go")]
    pub wish: Wish,
    /// The durable run that does the work.
    #[field(indexed)]
    pub run: Option<String>,
    /// The revision from before.
    pub stable: Option<u64>,
    /// The new revision.
    pub candidate: Option<u64>,
    /// The step it is at, from 0.
    pub step: Option<u64>,
    /// The share of the new revision, in percent.
    pub percent: Option<f64>,
    /// Since when it is at this step.
    pub since: Option<Time>,
    /// What had been counted of both revisions before the step.
    pub before: Option<Value>,
    /// What was found, the newest last.
    pub verdicts: Vec<Verdict>,
    /// Why it turned back or failed.
    pub message: Option<String>,
}

/// One roll-out at a time, of an endpoint that answers, to something that may be deployed.
async fn begins(cx: Cx, mut it: Object<Rollout>, old: Option<Object<Rollout>>) -> Result<Object<Rollout>> {
    if old.is_some() {
        return Ok(it);
    }
    let endpoint = cx.get::<Endpoint>(&it.spec.endpoint).await.map_err(|error| error.at("spec.endpoint"))?;
    if endpoint.status.revision.is_none() {
        return Err(Error::conflict(
            "endpoint-not-ready",
            "there is no revision in service to roll out from",
        )
        .at("spec.endpoint")
        .hint("deploy one; a roll-out is the way to the next"));
    }
    if endpoint.spec.routing.is_some_and(|it| !it.traffic.is_empty() || it.shadow.is_some()) {
        return Err(Error::conflict(
            "traffic-is-set",
            "requests are shared by hand, or by a roll-out under way",
        )
        .at("spec.endpoint")
        .hint("take `routing.traffic` and `routing.shadow` away first"));
    }
    let filter = format!("spec.endpoint = \"{}\" AND status.active = true", it.spec.endpoint);
    if let Some(other) = cx.list::<Rollout>(&filter, 1).await?.pop() {
        return Err(Error::conflict(
            "rollout-under-way",
            format!("roll-out `{}` is under way", other.name()),
        )
        .at("spec.endpoint")
        .hint("wait for it, or `abort` it"));
    }
    let steps = it.spec.steps.get_or_insert_with(|| it.spec.strategy.steps().to_vec());
    let grows = steps.windows(2).all(|pair| pair[0] < pair[1]);
    let tenths = steps.iter().all(|percent| (percent * 10.0).fract().abs() < 1e-6);
    if steps.is_empty() || !grows || !tenths || steps.iter().any(|it| !(0.0..=100.0).contains(it)) {
        return Err(Error::invalid(
            "bad-steps",
            "steps are percents from 0 to 100 by tenths, each above the one before",
        )
        .at("spec.steps"));
    }
    let number = match &it.spec.version {
        Some(number) => number.clone(),
        None => {
            let model = cx.read("catalog.models", &endpoint.spec.model).await?;
            let latest = model.status.get("latest").and_then(Value::as_str).unwrap_or_default();
            latest.rsplit('.').next().unwrap_or_default().to_owned()
        }
    };
    let version = format!("{}.{number}", endpoint.spec.model);
    let found = cx.read(gate::VERSIONS, &version).await.map_err(|error| match error.code() {
        "not-found" => Error::invalid("bad-reference", format!("there is no version `{version}`"))
            .at("spec.version")
            .hint("`aic get model-versions` lists what there is"),
        _ => error,
    })?;
    if found.status.get("deprecated") == Some(&Value::Bool(true)) {
        return Err(Error::conflict("version-deprecated", format!("version `{version}` is deprecated"))
            .at("spec.version")
            .hint("roll out a newer version"));
    }
    gate::pass(&cx, &version).await?;
    it.spec.version = Some(number);
    it.status.active = true;
    Ok(it)
}

/// Orders the run of a new roll-out.
pub async fn order(cx: Cx, change: Change) -> Result<()> {
    if change.deleted {
        return Ok(());
    }
    let Some(it) = cx.get_opt::<Rollout>(change.uid.as_str()).await? else { return Ok(()) };
    if it.status.run.is_some() {
        return Ok(());
    }
    let mut order = Order::new(walk::WORKFLOW, json!({"rollout": it.name()}));
    order.subject = Some(format!("catalog.rollouts/{}", it.name()));
    order.deadline_seconds = 604_800;
    let run = cx.order(order).await?.metadata.name;
    let noted =
        cx.update_status::<Rollout>(it.metadata.uid.as_str(), |status| status.run = Some(run.clone()));
    noted.await.map(|_| ())
}

/// A run that ended before its roll-out did was cancelled, or failed: requests go back to the old revision.
pub async fn end(cx: Cx, change: Change) -> Result<()> {
    if change.deleted {
        return Ok(());
    }
    let Some(run) = cx.get_opt::<runs::Run>(change.uid.as_str()).await? else { return Ok(()) };
    let over = matches!(run.status.phase, runs::Phase::Failed | runs::Phase::Cancelled);
    if run.spec.workflow != walk::WORKFLOW || !over {
        return Ok(());
    }
    let name = run.spec.input["rollout"].as_str().unwrap_or_default();
    let Some(it) = cx.get_opt::<Rollout>(name).await? else { return Ok(()) };
    if !it.status.active || it.status.run.as_deref() != Some(run.name()) {
        return Ok(());
    }
    let why = run.status.error.map_or_else(|| "its run was cancelled".to_owned(), |error| error.message);
    walk::turn_back(&cx, &it, &why).await.map(|_| ())
}

async fn wished(cx: &Cx, it: &Object<Rollout>, wish: Wish) -> Result<Object<Rollout>> {
    if !it.status.active {
        return Err(Error::conflict("rollout-has-ended", "the roll-out has ended already"));
    }
    cx.update_status::<Rollout>(it.metadata.uid.as_str(), |status| status.wish = wish).await
}

async fn pause(cx: Cx, it: Object<Rollout>, _: Nothing) -> Result<Status> {
    Ok(wished(&cx, &it, Wish::Pause).await?.status)
}

async fn resume(cx: Cx, it: Object<Rollout>, _: Nothing) -> Result<Status> {
    Ok(wished(&cx, &it, Wish::Go).await?.status)
}

/// Ends it with the new revision, which must have been tried.
async fn promote(cx: Cx, it: Object<Rollout>, _: Nothing) -> Result<Status> {
    if it.status.candidate.is_none() {
        return Err(Error::conflict("revision-not-ready", "the new revision is still being tried"));
    }
    let it = wished(&cx, &it, Wish::Promote).await?;
    Ok(walk::take_over(&cx, &it).await?.status)
}

/// Turns back at once; the run learns of it when it looks next.
async fn abort(cx: Cx, it: Object<Rollout>, _: Nothing) -> Result<Status> {
    let it = wished(&cx, &it, Wish::Abort).await?;
    Ok(walk::turn_back(&cx, &it, "somebody turned it back").await?.status)
}

async fn analysis(cx: Cx, it: Object<Rollout>, _: Nothing) -> Result<Value> {
    let now = match (it.status.active, it.status.candidate) {
        (true, Some(_)) => Some(judge::look(&cx, &it).await?),
        _ => None,
    };
    Ok(json!({
        "phase": it.status.phase,
        "strategy": it.spec.strategy,
        "asked": it.spec.analysis.clone().unwrap_or_default(),
        "now": now,
        "verdicts": it.status.verdicts,
    }))
}
