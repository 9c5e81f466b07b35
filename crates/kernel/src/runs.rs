//! Runs: durable work as a graph of steps, each journaled, leased, retried, cancellable, and taken
//! up after a crash without repeating a finished step.

mod log;
mod step;
mod worker;

use std::collections::{BTreeMap, BTreeSet};

use base::{Digest, Error, Result, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    builder::KindBuilder,
    cx::{Cx, Draft},
    declare::Output,
    domain::Domain,
    kind::{Nothing, Ref},
    object::{Object, Owner},
};
use kernel_derive::{Fields, Kind};

pub use step::{Step, StepCx, Workflow};
pub(crate) use worker::{is_idle, work};

/// The kind's id.
pub const RUNS: &str = "system.runs";

/// What the kernel itself serves.
pub(crate) fn domain() -> Domain {
    Domain::new("system").kind(serve)
}

/// What runs serve beyond the verbs every kind has.
fn serve(kind: KindBuilder<Run>) -> KindBuilder<Run> {
    kind.without(&["create", "update", "clone", "import"])
        .action(
            "cancel",
            "Asks the run to stop at its next safe point; finished steps stay finished.",
            cancel,
        )
        .action(
            "retry",
            "Takes an ended run up again: what did not succeed, or a step and all that follows it.",
            retry,
        )
        .download("logs", "The run's log as text; `follow=true` stays until the run ends.", logs)
}

/// Durable work: what was asked, and how far it is.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "run", prefix = "run", status = "Status")]
pub struct Run {
    /// The workflow, for example `catalog.train`.
    #[field(indexed, immutable)]
    pub workflow: String,
    /// What the workflow was given.
    #[field(immutable)]
    pub input: Value,
    /// What the run is about, as `service.kinds/name`.
    #[field(indexed, immutable)]
    pub subject: Option<String>,
    /// Seconds after which the run fails, waiting included.
    #[field(min = 1, max = 604800, default = 86400)]
    pub deadline_seconds: u32,
}

/// Where a run or a step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Phase {
    /// Waiting for a worker.
    #[default]
    Pending,
    /// Being worked on.
    Running,
    /// Put aside until an hour it named itself; no worker is held meanwhile.
    Waiting,
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
    /// Stopped on request.
    Cancelled,
}

impl Phase {
    /// Whether nothing further happens unless somebody asks.
    pub(crate) fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How far a run is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "Pending")]
    pub phase: Phase,
    /// Whether somebody asked it to stop.
    #[field(default = false)]
    pub cancel_requested: bool,
    /// Its steps.
    pub steps: Vec<StepState>,
    /// How far the present step is.
    pub progress: Option<Progress>,
    /// What the last step answered.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// When a worker first took it, or took it up again after it had ended.
    pub started_at: Option<Time>,
    /// When a run that waits is taken up again.
    pub resume_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// The blob of its log, once it has ended.
    pub log: Option<Digest>,
}

/// How far one step is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct StepState {
    /// Its name.
    pub name: String,
    /// Where it is.
    #[field(default = "Pending")]
    pub phase: Phase,
    /// How often it was tried.
    pub attempt: u32,
    /// When it last began.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// What it answered.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<Failure>,
}

/// How much is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub struct Progress {
    /// So much is done.
    pub done: u64,
    /// Of so much; 0 when nobody knows.
    pub total: u64,
    /// Of what.
    pub unit: String,
    /// What is being done now.
    pub message: String,
}

/// Why something failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// The field at fault.
    pub field: Option<String>,
}

impl Failure {
    fn of(error: &Error) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.message().to_owned(),
            field: error.field().map(str::to_owned),
        }
    }
}

/// What is asked for a new run.
pub struct Order {
    /// The workflow.
    pub workflow: &'static str,
    /// What it is given.
    pub input: Value,
    /// What it is about, as `service.kinds/name`.
    pub subject: Option<String>,
    /// The object it goes with.
    pub owner: Option<Owner>,
    /// Seconds after which it fails.
    pub deadline_seconds: u32,
}

impl Order {
    /// An order with nothing further said.
    pub fn new(workflow: &'static str, input: Value) -> Self {
        Self { workflow, input, subject: None, owner: None, deadline_seconds: 86_400 }
    }
}

impl Cx {
    /// Orders durable work; a worker takes it up.
    pub async fn order(&self, order: Order) -> Result<Object<Run>> {
        let Some(workflow) = self.platform.workflows.get(order.workflow) else {
            return Err(Error::internal(format!("there is no workflow `{}`", order.workflow)));
        };
        let short = order.workflow.rsplit('.').next().unwrap_or("run");
        let id = self.uid("x").as_str().trim_start_matches("x_").to_lowercase();
        let tail = &id[id.len().saturating_sub(12)..];
        let spec = Run {
            workflow: order.workflow.to_owned(),
            input: order.input,
            subject: order.subject,
            deadline_seconds: order.deadline_seconds,
        };
        let steps = workflow
            .steps
            .iter()
            .map(|step| StepState { name: step.name.to_owned(), ..StepState::default() });
        let status = Status { steps: steps.collect(), ..Status::default() };
        let mut draft = Draft::new(format!("{short}-{tail}"), spec).with_status(status);
        draft.owners.extend(order.owner);
        draft.labels = BTreeMap::from([("aic.dev/workflow".to_owned(), order.workflow.to_owned())]);
        self.doing("create").create(draft).await
    }
}

/// Asks the run to stop at its next safe point.
async fn cancel(cx: Cx, it: Object<Run>, _: Nothing) -> Result<Status> {
    if it.status.phase.has_ended() {
        return Err(Error::conflict("run-has-ended", "the run has ended already"));
    }
    let now = cx.now();
    let changed = cx.update_status::<Run>(it.metadata.uid.as_str(), |status| {
        status.cancel_requested = true;
        if matches!(status.phase, Phase::Pending | Phase::Waiting) {
            status.phase = Phase::Cancelled;
            status.finished_at = Some(now);
        }
    });
    Ok(changed.await?.status)
}

/// Where a run is taken up again.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub(crate) struct Again {
    /// The step to begin at: it and all that wait for it are done again. Without one, the steps that did not succeed.
    from: Option<String>,
}

/// Takes an ended run up again.
async fn retry(cx: Cx, it: Object<Run>, ask: Again) -> Result<Status> {
    let phase = it.status.phase;
    if !phase.has_ended() {
        return Err(Error::conflict("run-not-ended", "only a run that has ended is taken up again")
            .hint("wait for it, or cancel it first"));
    }
    if phase == Phase::Succeeded && ask.from.is_none() {
        return Err(Error::conflict("run-not-ended", "all steps of the run succeeded")
            .hint("name the step to begin at, in `from`"));
    }
    let workflow = cx.platform().workflows.get(it.spec.workflow.as_str());
    let again = match (&ask.from, workflow) {
        (Some(from), Some(workflow)) => workflow.onward(from)?,
        _ => BTreeSet::new(),
    };
    let changed = cx.update_status::<Run>(it.metadata.uid.as_str(), |status| {
        status.phase = Phase::Pending;
        status.started_at = None;
        status.cancel_requested = false;
        status.error = None;
        status.finished_at = None;
        for step in &mut status.steps {
            if step.phase != Phase::Succeeded || again.contains(step.name.as_str()) {
                *step = StepState { name: step.name.clone(), ..StepState::default() };
            }
        }
    });
    Ok(changed.await?.status)
}

/// What a step answers that has nothing to do before some seconds have passed: its run is put aside, and the step
/// is done again from its beginning then. What it must remember it keeps in an object.
pub fn wait(seconds: u32) -> Error {
    Error::conflict(WAITS, "the run waits").retry_after(seconds)
}

/// The code of [`wait`].
const WAITS: &str = "run-waits";

/// What may be asked of a log.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub(crate) struct Tail {
    /// The number of the first line, from 0.
    #[field(default = 0)]
    from: u64,
    /// Stay until the run ends.
    #[field(default = false)]
    follow: bool,
    /// Put before each line when it was written (RFC 3339), and a space.
    #[field(default = false)]
    timestamps: bool,
}

/// The run's log as text.
async fn logs(cx: Cx, it: Object<Run>, tail: Tail) -> Result<Output> {
    Ok(log::read(&cx, &it.metadata.uid, &tail))
}

/// Names another kernel object of the run's project, for domains that keep a reference to it.
pub fn reference(run: &Object<Run>) -> Ref {
    Ref::to(run.metadata.name.clone())
}
