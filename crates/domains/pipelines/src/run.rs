//! One run of a pipeline: what was asked, on whose behalf, and how far each component is.

use std::collections::BTreeMap;

use behalf::Actor;
use kernel::{prelude::*, runs::Failure};

use crate::pipeline::{Pipeline, Stage};

pub mod drive;
pub mod fill;

/// The kind of the kernel's own runs.
const RUNS: &str = "system.runs";

/// What runs serve beyond the verbs every kind has; they are made by running the pipeline.
pub fn serve(kind: KindBuilder<PipelineRun>) -> KindBuilder<PipelineRun> {
    kind.child_of("pipelines", "pipeline")
        .without(&["create", "update", "clone", "import"])
        .action("stop", "Stops the run; what its components are doing is cancelled.", stop)
        .action(
            "retry",
            "Takes a failed or stopped run up again from what failed, with the caller's rights.",
            retry,
        )
}

/// One run of a pipeline.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "pipeline-run", prefix = "prn", status = "Status")]
pub struct PipelineRun {
    /// The pipeline.
    #[field(reference = "catalog.pipelines", indexed, immutable)]
    pub pipeline: Ref,
    /// What it was given, by name.
    #[field(immutable)]
    pub parameters: BTreeMap<String, Value>,
    /// The stages as they were when it began.
    #[field(immutable)]
    pub stages: Vec<Stage>,
    /// The schedule that began it.
    #[field(indexed, immutable, max = 253)]
    pub schedule: Option<String>,
}

/// Where a run or a component is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Phase {
    /// Not begun.
    #[default]
    Pending,
    /// Being asked for.
    Starting,
    /// Under way.
    Running,
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
    /// Stopped on request.
    Stopped,
}

impl Phase {
    /// Whether nothing further happens by itself.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Stopped)
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
    pub stop: bool,
    /// Its components.
    pub components: Vec<Part>,
    /// The work it waits for.
    #[field(indexed)]
    pub waiting: Vec<String>,
    /// On whose behalf it acts.
    pub actor: Option<Actor>,
    /// When it began.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
}

/// How far a component is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The stage.
    pub stage: String,
    /// The component.
    pub name: String,
    /// Where it is.
    #[field(default = "Pending")]
    pub phase: Phase,
    /// How often it was tried.
    pub attempt: u32,
    /// The work that does it.
    pub work: Option<String>,
    /// What it answered.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// When it last began.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
}

/// What a run is given.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ask {
    /// Values for the pipeline's parameters; those not named are the pipeline's own.
    parameters: BTreeMap<String, Value>,
    /// The schedule that begins it.
    #[field(max = 253)]
    schedule: Option<String>,
}

/// A run that was begun.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Begun {
    /// The run.
    pub pipeline_run: String,
}

/// Runs the pipeline with the caller's rights.
pub async fn order(cx: Cx, it: Object<Pipeline>, ask: Ask) -> Result<Begun> {
    if it.spec.archived || it.spec.stages.is_empty() {
        let why = if it.spec.archived { "is no longer in use" } else { "has no stages" };
        return Err(Error::conflict("pipeline-not-ready", format!("pipeline `{}` {why}", it.name())));
    }
    let mut parameters = it.spec.parameters.clone();
    for (name, value) in ask.parameters {
        if !parameters.contains_key(&name) {
            let shown: String = name.chars().take(60).collect();
            let known: Vec<&str> = it.spec.parameters.keys().map(String::as_str).collect();
            return Err(Error::invalid(
                "unknown-parameter",
                format!("the pipeline has no parameter `{shown}`"),
            )
            .at("parameters")
            .hint(format!("its parameters are: {}", known.join(", "))));
        }
        parameters.insert(name, value);
    }
    let runs = cx.list::<PipelineRun>(&format!("spec.pipeline = \"{}\"", it.name()), 1000).await?;
    let under_way = runs.iter().filter(|run| !run.status.phase.is_over()).count();
    if under_way >= it.spec.concurrency as usize {
        let message = format!("{under_way} runs of pipeline `{}` are under way", it.name());
        return Err(Error::conflict("pipeline-busy", message)
            .hint("wait for them, stop them, or set a larger `concurrency`"));
    }
    let id = cx.uid("x").as_str().trim_start_matches("x_").to_lowercase();
    let name = format!("{}.r{}", it.name(), &id[id.len().saturating_sub(12)..]);
    let part = |(stage, component): (&Stage, &crate::pipeline::Component)| Part {
        stage: stage.name.to_string(),
        name: component.name.to_string(),
        ..Part::default()
    };
    let status = Status {
        components: it.spec.components().map(part).collect(),
        actor: Some(Actor::of(&cx)),
        ..Status::default()
    };
    let spec = PipelineRun {
        pipeline: Ref::to(it.name()),
        parameters,
        stages: it.spec.stages.clone(),
        schedule: ask.schedule,
    };
    let kind = cx.platform().kind("catalog.pipelines")?;
    let mut draft = Draft::new(name, spec).with_status(status);
    draft.owners.push(cx.read("catalog.pipelines", it.name()).await?.owner(&kind));
    Ok(Begun { pipeline_run: cx.doing("run").create(draft).await?.metadata.name })
}

/// Stops the run.
async fn stop(cx: Cx, it: Object<PipelineRun>, _: Nothing) -> Result<Status> {
    if it.status.phase.is_over() {
        return Err(Error::conflict("run-has-ended", "the run has ended already"));
    }
    let uid = it.metadata.uid.as_str();
    let changed = cx.update_status::<PipelineRun>(uid, |status| status.stop = true).await?;
    for work in &changed.status.waiting {
        if let Some(run) = drive::run_of(&cx, work).await? {
            match cx.call_action(RUNS, Some(&run.metadata.name), "cancel", json!({})).await {
                Err(error) if error.code() != "run-has-ended" => return Err(error),
                _ => {}
            }
        }
    }
    Ok(changed.status)
}

/// Takes a failed or stopped run up again.
async fn retry(cx: Cx, it: Object<PipelineRun>, _: Nothing) -> Result<Status> {
    if !matches!(it.status.phase, Phase::Failed | Phase::Stopped) {
        return Err(Error::conflict("run-not-ended", "only a failed or stopped run is retried")
            .hint("wait for it, or stop it first"));
    }
    let actor = Actor::of(&cx);
    let changed = cx.update_status::<PipelineRun>(it.metadata.uid.as_str(), |status| {
        status.phase = Phase::Pending;
        status.stop = false;
        status.finished_at = None;
        status.actor = Some(actor.clone());
        for part in status.components.iter_mut().filter(|part| part.phase != Phase::Succeeded) {
            *part = Part { stage: part.stage.clone(), name: part.name.clone(), ..Part::default() };
        }
    });
    Ok(changed.await?.status)
}

/// The most of one run's log that is shown, in bytes.
const LOG_MAX: u64 = 1 << 20;

/// What happened in a run, component by component.
pub async fn log(cx: &Cx, it: &Object<PipelineRun>) -> Result<String> {
    use std::fmt::Write;
    let mut text = format!("{}: {:?}\n", it.name(), it.status.phase);
    for part in &it.status.components {
        let when = part.started_at.map_or_else(String::new, |at| format!(" since {at}"));
        // Writing to a text does not fail.
        let _ = writeln!(text, "\n== {}/{}: {:?}{when}", part.stage, part.name, part.phase);
        let Some(work) = &part.work else { continue };
        if let Some(run) = drive::run_of(cx, work).await? {
            let blob: Option<Digest> =
                run.status.get("log").and_then(|log| serde_json::from_value(log.clone()).ok());
            match blob {
                Some(blob) => {
                    let bytes = cx.platform().blobs.range(blob, 0, LOG_MAX).await?;
                    text.push_str(&String::from_utf8_lossy(&bytes));
                }
                None => drop(writeln!(
                    text,
                    "run {} goes on; its log is its own until it ends",
                    run.metadata.name
                )),
            }
        }
        if let Some(error) = &part.error {
            let _ = writeln!(text, "{}: {}", error.code, error.message);
        }
    }
    Ok(text)
}

/// Whether every component's object is there, and the caller may do what it does.
pub async fn health(cx: Cx, it: Object<Pipeline>, _: Nothing) -> Result<Value> {
    let mut items = Vec::new();
    let scope = json!({"parameters": it.spec.parameters, "run": {"name": ""}});
    for (_, component) in it.spec.components() {
        let mut problems = Vec::new();
        let (kind, action) = component.operation.permission(component.with.as_ref());
        if let Some(kind) = &kind {
            match cx.platform().kind(kind) {
                Err(_) => problems.push(format!("there is no kind `{kind}`")),
                Ok(_) => {
                    let permission = format!("{kind}.{action}");
                    if !cx.decide(&permission, &cx.project).await?.allowed {
                        problems.push(format!("you lack the permission `{permission}`"));
                    }
                }
            }
        }
        // What an earlier component has yet to make cannot be looked for.
        if let (Some(kind), Some(on)) = (&kind, &component.on)
            && let Ok(Value::String(name)) = fill::fill(&json!(on), &scope)
            && let Err(error) = cx.read(kind, &name).await
        {
            problems.push(error.message().to_owned());
        }
        items
            .push(json!({"component": component.name, "healthy": problems.is_empty(), "problems": problems}));
    }
    let healthy = !it.spec.archived && !items.is_empty() && items.iter().all(|item| item["healthy"] == true);
    Ok(json!({"healthy": healthy, "archived": it.spec.archived, "components": items}))
}
