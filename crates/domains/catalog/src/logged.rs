//! What is logged to runs, behind the port `tracking`: a run's object is the truth about its attributes, and they are
//! put there when something is first logged, and again whenever the object changes.

use kernel::journal::{Change, PURGE};
use kernel::prelude::*;
use ports::tracking::{
    Batch, Found, Pair, Run, State, Tracking,
    file::{Artifacts, Place},
    trace::{Traces, Which},
};

use crate::{
    experiment::Experiment,
    run::{ExperimentRun, Phase},
};

/// The attributes an object tells.
fn attributes(experiment: &Object<Experiment>, it: &Object<ExperimentRun>) -> Run {
    let uid = &experiment.metadata.uid;
    let place = match &experiment.spec.artifact_location {
        Some(place) => place.trim_end_matches('/').to_owned(),
        None => format!("mlflow-artifacts:/{uid}"),
    };
    Run {
        org: it.org.clone(),
        project: it.metadata.namespace.clone(),
        experiment: uid.clone(),
        id: it.metadata.uid.clone(),
        name: it.spec.title.clone().unwrap_or_else(|| it.metadata.name.clone()),
        user: it.spec.user.clone().unwrap_or_default(),
        state: state(it.status.phase),
        started_ms: it.spec.started_at.unwrap_or(it.metadata.creation_timestamp).millis(),
        ended_ms: it.status.finished_at.map(Time::millis),
        deleted_ms: it.metadata.deletion_timestamp.map(Time::millis),
        artifacts: format!("{place}/{}/artifacts", it.metadata.uid),
    }
}

fn state(phase: Phase) -> State {
    match phase {
        Phase::Running => State::Running,
        Phase::Scheduled => State::Scheduled,
        Phase::Finished => State::Finished,
        Phase::Failed => State::Failed,
        Phase::Killed => State::Killed,
    }
}

/// Brings the engine up to what a living run's object says.
pub async fn put(cx: &Cx, it: &Object<ExperimentRun>) -> Result<()> {
    let tracking = cx.port::<dyn Tracking>()?;
    let known = tracking.run(&it.org, &it.metadata.uid).await?;
    let experiment = cx.get::<Experiment>(&it.spec.experiment.to_string()).await?;
    tracking.put(attributes(&experiment, it)).await?;
    if known.is_some() || it.spec.parameters.is_empty() {
        return Ok(());
    }
    let params = it.spec.parameters.iter().map(|(key, value)| Pair::new(key, value)).collect();
    tracking.log(&it.org, &it.metadata.uid, Batch { params, ..Batch::default() }).await
}

/// Forgets what was logged to a run and begins again.
pub async fn anew(cx: &Cx, it: &Object<ExperimentRun>) -> Result<()> {
    cx.port::<dyn Tracking>()?.forget(&it.org, &it.metadata.uid).await?;
    put(cx, it).await
}

/// Logs to a run, all of it or nothing.
pub async fn write(cx: &Cx, it: &Object<ExperimentRun>, batch: Batch) -> Result<()> {
    let tracking = cx.port::<dyn Tracking>()?;
    match tracking.log(&it.org, &it.metadata.uid, batch.clone()).await {
        Err(error) if error.code() == "run-unknown" => {
            put(cx, it).await?;
            tracking.log(&it.org, &it.metadata.uid, batch).await
        }
        done => done,
    }
}

/// What was logged to a run.
pub async fn found(cx: &Cx, it: &Object<ExperimentRun>) -> Result<Found> {
    let tracking = cx.port::<dyn Tracking>()?;
    if let Some(found) = tracking.run(&it.org, &it.metadata.uid).await? {
        return Ok(found);
    }
    put(cx, it).await?;
    let found = tracking.run(&it.org, &it.metadata.uid).await?;
    found.ok_or_else(|| ports::tracking::unknown(&it.metadata.uid))
}

/// Brings to the engine what became of a run elsewhere.
pub async fn follow(cx: Cx, change: Change) -> Result<()> {
    let tracking = cx.port::<dyn Tracking>()?;
    if change.verb == PURGE {
        cx.port::<dyn Artifacts>()?.remove(&change.org, Place { tree: &change.uid, path: "" }).await?;
        return tracking.forget(&change.org, &change.uid).await;
    }
    if let Some(it) = cx.get_opt::<ExperimentRun>(change.uid.as_str()).await? {
        // An older change says nothing that the latest one does not.
        if it.metadata.version > change.position {
            return Ok(());
        }
        return match put(&cx, &it).await {
            // The experiment has gone meanwhile, and the run goes with it.
            Err(error) if error.code() == "not-found" => Ok(()),
            done => done,
        };
    }
    if let Some(found) = tracking.run(&change.org, &change.uid).await? {
        return tracking.put(Run { deleted_ms: Some(change.time.millis()), ..found.run }).await;
    }
    Ok(())
}

/// Forgets the traces of an experiment that is gone for good.
pub async fn follow_experiment(cx: Cx, change: Change) -> Result<()> {
    if change.verb != PURGE {
        return Ok(());
    }
    cx.port::<dyn Artifacts>()?.remove(&change.org, Place { tree: &change.uid, path: "" }).await?;
    cx.port::<dyn Traces>()?.forget_traces(&change.org, &change.uid, Which::All).await.map(drop)
}
