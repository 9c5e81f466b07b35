//! What takes a run on: begun by the journal, gone on from whenever work it waits for has ended.
//!
//! A component is marked before it is asked for, in a write only one process wins. A crash between asking and
//! noting what came of it leaves the mark, and the component is asked for again after a while: what components do
//! must be safe to do twice.

use kernel::{
    journal::Change,
    prelude::*,
    read,
    runs::Failure,
    selection,
    store::{Projects, Query, Sort},
};

use super::{Part, Phase, PipelineRun, RUNS, Status, fill};
use crate::operation::{Operation, Outcome};

/// Seconds after which a component that was being asked for is asked for again.
const STRAY_S: f64 = 120.0;

/// A run was made or taken up again.
pub async fn begun(cx: Cx, change: Change) -> Result<()> {
    if change.deleted || !matches!(change.verb.as_str(), "run" | "retry" | "stop") {
        return Ok(());
    }
    advance(&cx, change.uid.as_str()).await
}

/// Some work of the platform has ended, which a run may wait for.
pub async fn ended(cx: Cx, change: Change) -> Result<()> {
    if change.deleted || matches!(change.verb.as_str(), "step" | "progress") {
        return Ok(());
    }
    let run = read::raw_at(&*cx.platform().kind(RUNS)?, &change)?;
    if !is_over(&run) {
        return Ok(());
    }
    let subject = run.spec.get("subject").and_then(Value::as_str);
    for work in std::iter::once(run.metadata.name.as_str()).chain(subject) {
        let work = kernel::literal(work);
        for it in cx.list::<PipelineRun>(&format!("status.waiting = {work}"), 100).await? {
            if let Some(it) = fresh(&cx, it.metadata.uid.as_str()).await? {
                look(&cx, &it).await?;
            }
            advance(&cx, it.metadata.uid.as_str()).await?;
        }
    }
    Ok(())
}

fn is_over(run: &Raw) -> bool {
    let phase = run.status.get("phase").and_then(Value::as_str);
    matches!(phase, Some("Succeeded" | "Failed" | "Cancelled"))
}

/// The run that some work is: named itself, or found by what it is about.
pub async fn run_of(cx: &Cx, work: &str) -> Result<Option<Raw>> {
    if work.contains('/') {
        let filter = format!("spec.subject = {}", kernel::literal(work));
        return Ok(cx.list_raw(RUNS, &filter, 100).await?.pop());
    }
    let record = cx.platform().store.by_name(&cx.org, RUNS, &cx.project, work).await?;
    let kind = cx.platform().kind(RUNS)?;
    record.map(|record| Raw::from_record(&kind, &record)).transpose()
}

/// A run as the store has it now: what is kept in memory may be a moment old, and who waits must not miss it.
async fn fresh(cx: &Cx, uid: &str) -> Result<Option<Object<PipelineRun>>> {
    let found = cx.platform().store.by_uid(&Uid::known(uid)).await?;
    let Some(record) = found.filter(|record| record.deleted.is_none()) else { return Ok(None) };
    let kind = cx.platform().kind("catalog.pipeline-runs")?;
    Raw::from_record(&kind, &record)?.typed().map(Some)
}

/// Notes what has become of the work a run waits for.
async fn look(cx: &Cx, it: &Object<PipelineRun>) -> Result<()> {
    for part in it.status.components.iter().filter(|part| part.phase == Phase::Running) {
        let Some(work) = &part.work else { continue };
        let Some(run) = run_of(cx, work).await? else { continue };
        if !is_over(&run) {
            continue;
        }
        let output = run.status.get("output").cloned().unwrap_or_default();
        let told = match run.status.get("phase").and_then(Value::as_str) {
            Some("Succeeded") => match operation(it, &part.name).map_or(Ok(()), |it| it.verdict(&output)) {
                Ok(()) => Ok(output),
                Err(error) => Err((false, failure(&error))),
            },
            Some("Cancelled") => Err((
                true,
                Failure {
                    code: "cancelled".to_owned(),
                    message: "its run was cancelled".to_owned(),
                    field: None,
                },
            )),
            _ => {
                let error = run.status.get("error").cloned().unwrap_or_default();
                let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
                Err((false, Failure { code: text("code"), message: text("message"), field: None }))
            }
        };
        settle(cx, it, &part.name, told).await?;
    }
    Ok(())
}

fn operation(it: &Object<PipelineRun>, name: &str) -> Option<Operation> {
    let mut all = it.spec.stages.iter().flat_map(|stage| &stage.components);
    all.find(|component| component.name.as_str() == name).map(|component| component.operation)
}

fn failure(error: &Error) -> Failure {
    Failure {
        code: error.code().to_owned(),
        message: error.message().to_owned(),
        field: error.field().map(str::to_owned),
    }
}

/// Notes what a component answered, or why it failed; whether it was stopped comes with that.
async fn settle(
    cx: &Cx,
    it: &Object<PipelineRun>,
    name: &str,
    told: std::result::Result<Value, (bool, Failure)>,
) -> Result<()> {
    let now = cx.now();
    let mut all = it.spec.stages.iter().flat_map(|stage| &stage.components);
    let retries = all.find(|it| it.name.as_str() == name).map_or(0, |component| component.retries);
    change(cx, it, name, |part, stopping| {
        part.finished_at = Some(now);
        match &told {
            Ok(output) => {
                part.phase = Phase::Succeeded;
                part.output = Some(output.clone()).filter(|output| !output.is_null());
                part.error = None;
            }
            Err((stopped, failure)) => {
                part.error = Some(failure.clone());
                part.phase = if *stopped || stopping {
                    Phase::Stopped
                } else if part.attempt <= retries {
                    Phase::Pending
                } else {
                    Phase::Failed
                };
            }
        }
    })
    .await
}

/// Changes one component, and what the run waits for with it.
async fn change(
    cx: &Cx,
    it: &Object<PipelineRun>,
    name: &str,
    change: impl Fn(&mut Part, bool) + Send + Sync,
) -> Result<()> {
    let cx = cx.doing("step");
    let changed = cx.update_status::<PipelineRun>(it.metadata.uid.as_str(), |status| {
        let stopping = status.stop;
        if let Some(part) = status.components.iter_mut().find(|part| part.name == name) {
            // What was settled before, by another process or a change told twice, stays.
            if !part.phase.is_over() {
                change(part, stopping);
            }
        }
        let waits = |part: &&Part| part.phase == Phase::Running;
        status.waiting =
            status.components.iter().filter(waits).filter_map(|part| part.work.clone()).collect();
    });
    changed.await.map(|_| ())
}

/// Takes a run as far as it goes without waiting.
async fn advance(cx: &Cx, uid: &str) -> Result<()> {
    loop {
        let Some(it) = fresh(cx, uid).await? else { return Ok(()) };
        let next = next(&it.status);
        let part = match next {
            Next::Wait => return Ok(()),
            Next::End(phase) => {
                let mut ended = it.clone();
                ended.status.phase = phase;
                ended.status.finished_at = Some(cx.now());
                ended.status.waiting.clear();
                match cx.doing("finish").save(&ended).await {
                    Err(error) if error.code() == "stale-version" => continue,
                    other => return other.map(|_| ()),
                }
            }
            Next::Begin(part) => part,
        };
        let mut marked = it.clone();
        marked.status.phase = Phase::Running;
        marked.status.started_at = marked.status.started_at.or(Some(cx.now()));
        let name = marked.status.components[part].name.clone();
        let state = &mut marked.status.components[part];
        state.phase = Phase::Starting;
        state.attempt += 1;
        state.started_at = Some(cx.now());
        state.finished_at = None;
        match cx.doing("step").save(&marked).await {
            // Another process was faster, or somebody asked it to stop.
            Err(error) if error.code() == "stale-version" => continue,
            other => drop(other?),
        }
        match ask(cx, &marked, &name).await {
            Ok(Outcome::Done(output)) => settle(cx, &marked, &name, Ok(output)).await?,
            Ok(Outcome::Ordered(work)) => {
                change(cx, &marked, &name, |part, _| {
                    part.phase = Phase::Running;
                    part.work = Some(work.clone());
                })
                .await?;
                // It may have ended before anybody knew that it is waited for.
                if let Some(waiting) = fresh(cx, uid).await? {
                    look(cx, &waiting).await?;
                }
            }
            Err(error) => settle(cx, &marked, &name, Err((false, failure(&error)))).await?,
        }
    }
}

/// What comes next.
enum Next {
    Wait,
    End(Phase),
    Begin(usize),
}

fn next(status: &Status) -> Next {
    if status.phase.is_over() {
        return Next::Wait;
    }
    let parts = &status.components;
    let busy = parts.iter().any(|part| matches!(part.phase, Phase::Starting | Phase::Running));
    let stopped = status.stop || parts.iter().any(|part| part.phase == Phase::Stopped);
    let failed = parts.iter().any(|part| part.phase == Phase::Failed);
    if stopped || failed {
        let end = if failed { Phase::Failed } else { Phase::Stopped };
        return if busy { Next::Wait } else { Next::End(end) };
    }
    let Some(open) = parts.iter().find(|part| part.phase != Phase::Succeeded) else {
        return Next::End(Phase::Succeeded);
    };
    let pending = |part: &Part| part.stage == open.stage && part.phase == Phase::Pending;
    parts.iter().position(pending).map_or(Next::Wait, Next::Begin)
}

/// Asks for what a component does, as whoever the run acts for.
async fn ask(cx: &Cx, it: &Object<PipelineRun>, name: &str) -> Result<Outcome> {
    let mut all = it.spec.stages.iter().flat_map(|stage| &stage.components);
    let component = all
        .find(|component| component.name.as_str() == name)
        .ok_or_else(|| Error::internal("a component that is in no stage"))?;
    let mut scope =
        json!({"parameters": it.spec.parameters, "run": {"name": it.name(), "pipeline": it.spec.pipeline}});
    for part in &it.status.components {
        if let Some(output) = &part.output {
            scope[part.name.as_str()] = output.clone();
        }
    }
    let on = component.on.as_ref().map(|on| fill::fill(&json!(on), &scope)).transpose()?;
    let on = on.map(|on| on.as_str().map_or_else(|| on.to_string(), str::to_owned));
    let with = component.with.as_ref().map(|with| fill::fill(with, &scope)).transpose()?.unwrap_or_default();
    let actor = it.status.actor.as_ref().ok_or_else(|| Error::internal("a run on nobody's behalf"))?;
    let attempt = it.status.components.iter().find(|part| part.name == name).map_or(1, |part| part.attempt);
    let unique = format!("{}.{name}.{attempt}", it.name());
    component.operation.ask(&actor.cx(cx), &unique, on.as_deref(), with).await
}

/// Everything of a kind that a filter finds, in all organizations and projects, each with a context there.
pub async fn everywhere<K: kernel::kind::Kind>(
    cx: &Cx,
    kind: &str,
    filter: &str,
) -> Result<Vec<(Cx, Object<K>)>> {
    let kind = cx.platform().kind(kind)?;
    let mut query = Query {
        org: None,
        kind: kind.id(),
        projects: Projects::All,
        deleted: false,
        filter: selection::parse(&*kind, filter)?,
        sort: Sort { place: kernel::predicate::Place::Uid, descending: false },
        after: None,
        limit: 1000,
    };
    let mut found = Vec::new();
    loop {
        let records = cx.platform().store.list(&query).await?;
        let last =
            records.last().map(|last| (kernel::index::Cell::Text(last.uid.to_string()), last.uid.clone()));
        for record in &records {
            let who = kernel::access::Principal::system("pipelines", &record.org);
            let inside = cx.platform().cx_of(who, &record.project);
            found.push((inside, Raw::from_record(&kind, record)?.typed()?));
        }
        if records.len() < query.limit as usize {
            return Ok(found);
        }
        query.after = last;
    }
}

/// Goes on with what was left behind: what is done again and again.
pub async fn pick_up(cx: Cx) -> Result<()> {
    for phase in ["Pending", "Running"] {
        let filter = format!("status.phase = \"{phase}\"");
        for (inside, it) in everywhere::<PipelineRun>(&cx, "catalog.pipeline-runs", &filter).await? {
            let now = inside.now();
            let stray = |part: &&Part| {
                part.phase == Phase::Starting
                    && part.started_at.is_some_and(|at| now.seconds_since(at) > STRAY_S)
            };
            for part in it.status.components.iter().filter(stray) {
                change(&inside, &it, &part.name, |part, _| part.phase = Phase::Pending).await?;
            }
            look(&inside, &it).await?;
            advance(&inside, it.metadata.uid.as_str()).await?;
        }
    }
    Ok(())
}
