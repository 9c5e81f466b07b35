//! Workers: they lease runs that wait, walk their steps, and journal every one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base::{Error, Result, Uid};
use futures::future::join_all;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};

use super::{
    Failure, Phase, Progress, RUNS, Run, Status, WAITS, log,
    step::{Step, StepCx, Told, Workflow},
};
use crate::{
    access::Principal,
    cx::Cx,
    index::Cell,
    object::{Object, Raw},
    platform::Platform,
    predicate::{Op, Place, Predicate},
    store::{Commit, Lease, Projects, Query, Sort},
};

/// Seconds a lease on a run lasts unless prolonged.
const LEASE_S: u32 = 15;
/// How often what a step tells is written out, and its lease prolonged.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// Every so many of those the lease is prolonged and progress journaled.
const PROLONG_EVERY: u32 = 8;

/// Takes up runs until the platform stops.
pub(crate) async fn work(platform: Arc<Platform>) {
    let places = Arc::new(Semaphore::new(platform.workers));
    loop {
        match claim(&platform, &places).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::warn!(?error, "runs could not be claimed; trying again"),
        }
        tokio::select! {
            () = platform.wake.notified() => {}
            // Leases of workers that died run out without a change in the journal.
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
    }
}

fn unfinished(limit: u32) -> Query {
    let phase = |phase: &str| Predicate::Compare {
        place: Place::Term("status.phase".to_owned()),
        op: Op::Equal,
        cell: Cell::Text(phase.to_owned()),
    };
    Query {
        org: None,
        kind: RUNS.to_owned(),
        projects: Projects::All,
        deleted: false,
        filter: Some(Predicate::Any(vec![phase("Pending"), phase("Running"), phase("Waiting")])),
        sort: Sort { place: Place::Uid, descending: false },
        after: None,
        limit,
    }
}

/// Whether a run was put aside for longer than until now.
fn is_put_aside(platform: &Platform, it: &Object<Run>) -> bool {
    it.status.phase == Phase::Waiting && it.status.resume_at.is_some_and(|at| at > platform.now())
}

/// Whether no run is under way, or waits for a worker.
pub(crate) async fn is_idle(platform: &Arc<Platform>) -> Result<bool> {
    for record in platform.store.list(&unfinished(200)).await? {
        if !is_put_aside(platform, &Raw::from_record(&*platform.kind(RUNS)?, &record)?.typed()?) {
            platform.wake.notify_one();
            return Ok(false);
        }
    }
    Ok(true)
}

/// Starts as many waiting runs as there are free places; answers how many it started.
async fn claim(platform: &Arc<Platform>, places: &Arc<Semaphore>) -> Result<usize> {
    let mut started = 0;
    if places.available_permits() == 0 {
        return Ok(0);
    }
    let kind = platform.kind(RUNS)?;
    for record in platform.store.list(&unfinished(200)).await? {
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            break;
        };
        let key = format!("run/{}", record.uid);
        let it: Object<Run> = Raw::from_record(&kind, &record)?.typed()?;
        if platform.busy(&key) || is_put_aside(platform, &it) {
            continue;
        }
        let Some(lease) = platform.store.lease(&key, &platform.holder, platform.now(), LEASE_S).await? else {
            continue;
        };
        let mut cx = platform.cx_of(Principal::system("runs", &record.org), &record.project);
        cx.fence = Some((lease.key.clone(), lease.token));
        platform.set_busy(&key, true);
        started += 1;
        let platform = Arc::clone(platform);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = walk(&cx, &it.metadata.uid, &lease).await {
                tracing::warn!(run = %it.metadata.uid, ?error, "the run was left to another try");
            }
            if let Err(error) = platform.store.release(&lease).await {
                tracing::debug!(?error, "a lease could not be given back; it will run out");
            }
            platform.set_busy(&lease.key, false);
            platform.progressed();
            platform.wake.notify_one();
        });
    }
    Ok(started)
}

/// Walks a run's steps to its end.
async fn walk(cx: &Cx, uid: &Uid, lease: &Lease) -> Result<()> {
    let (uid, platform) = (uid.as_str(), cx.platform());
    // Whoever held the lease before may have ended the run since it was listed.
    let it = &cx.get::<Run>(uid).await?;
    if it.status.phase.has_ended() || is_put_aside(platform, it) {
        return Ok(());
    }
    let Some(workflow) = platform.workflows.get(it.spec.workflow.as_str()).cloned() else {
        let failure = Failure {
            code: "unknown-workflow".to_owned(),
            message: format!("nobody here knows the workflow `{}`", it.spec.workflow),
            field: None,
        };
        return end(cx, it, Phase::Failed, Some(failure)).await;
    };
    let run = start(cx, it).await?;
    let began = run.status.started_at.unwrap_or(cx.now());
    let stop = Arc::new(AtomicBool::new(run.status.cancel_requested));
    let told = Arc::new(Mutex::new(Told::default()));
    let step = StepCx {
        cx: cx.clone(),
        run: it.metadata.name.clone(),
        input: it.spec.input.clone(),
        outputs: BTreeMap::new(),
        log: log::stream_of(&it.metadata.uid),
        told: Arc::clone(&told),
        stop: Arc::clone(&stop),
        began,
        deadline: began.plus_s(i64::from(it.spec.deadline_seconds)),
    };
    let teller =
        Teller { cx: cx.clone(), run: it.clone(), lease: lease.clone(), told, stop: Arc::clone(&stop) };
    let over = Notify::new();
    let work = async {
        let ended = steps(cx, it, &workflow, step).await;
        over.notify_one();
        Ok(ended)
    };
    let (ended, ()) = tokio::try_join!(work, teller.tell(&over))?;
    teller.flush().await?;
    conclude(cx, it, ended, stop.load(Ordering::Relaxed)).await
}

/// Marks a run as running; taken up again, it goes on in the same log.
async fn start(cx: &Cx, it: &Object<Run>) -> Result<Object<Run>> {
    let (uid, platform, now) = (&it.metadata.uid, cx.platform(), cx.now());
    if let Some(digest) = it.status.log {
        store::log::unseal(&*platform.store, &*platform.blobs, &log::stream_of(uid), digest).await?;
    }
    let started = cx.doing("start");
    let started = started.update_status::<Run>(uid.as_str(), |status| {
        status.phase = Phase::Running;
        status.log = None;
        status.started_at.get_or_insert(now);
    });
    started.await
}

/// Writes how a walk ended, or puts the run aside.
async fn conclude(cx: &Cx, it: &Object<Run>, ended: Result<()>, stopped: bool) -> Result<()> {
    match ended {
        Ok(()) => end(cx, it, Phase::Succeeded, None).await,
        Err(error) if error.code() == "lease-lost" => Err(error),
        Err(error) if error.code() == WAITS => {
            let resume_at = cx.now().plus_s(i64::from(error.wait_s().unwrap_or(1)));
            let (cx, aside) = (cx.doing("wait"), Phase::Waiting);
            let put_aside = cx.update_status::<Run>(it.metadata.uid.as_str(), |status| {
                status.phase = if status.cancel_requested { status.phase } else { aside };
                status.resume_at = Some(resume_at);
            });
            put_aside.await.map(|_| ())
        }
        Err(error) if error.code() == "cancelled" && stopped => end(cx, it, Phase::Cancelled, None).await,
        Err(error) if error.code() == "cancelled" => {
            let message = "the run took longer than its deadline".to_owned();
            let failure = Failure { code: "deadline-exceeded".to_owned(), message, field: None };
            end(cx, it, Phase::Failed, Some(failure)).await
        }
        Err(error) => end(cx, it, Phase::Failed, Some(Failure::of(&error))).await,
    }
}

/// Runs every step whose predecessors are done, until none is left.
async fn steps(cx: &Cx, it: &Object<Run>, workflow: &Workflow, handed: StepCx) -> Result<()> {
    loop {
        let run: Object<Run> = cx.get(it.metadata.uid.as_str()).await?;
        // Who asked to stop during a step is heard before the next one begins.
        handed.stop.store(run.status.cancel_requested, Ordering::Relaxed);
        let done: BTreeMap<String, Value> = run
            .status
            .steps
            .iter()
            .filter(|step| step.phase == Phase::Succeeded)
            .map(|step| (step.name.clone(), step.output.clone().unwrap_or_default()))
            .collect();
        let ready: Vec<&Step> = workflow
            .steps
            .iter()
            .filter(|step| !done.contains_key(step.name))
            .filter(|step| step.after.iter().all(|name| done.contains_key(*name)))
            .collect();
        if ready.is_empty() {
            return Ok(());
        }
        let work = ready.into_iter().map(|step| {
            let handed = StepCx { outputs: done.clone(), ..handed.clone() };
            one(cx, it, step, handed)
        });
        for result in join_all(work).await {
            result?;
        }
    }
}

/// Runs one step, again if it failed for a reason that may pass.
async fn one(cx: &Cx, it: &Object<Run>, step: &Step, handed: StepCx) -> Result<()> {
    use base::Watch;
    let mut tries = 0;
    loop {
        handed.check()?;
        tries += 1;
        let now = cx.now();
        note(cx, it, step.name, |state| {
            state.phase = Phase::Running;
            state.attempt += 1;
            state.started_at = Some(now);
            state.error = None;
        })
        .await?;
        let answered = (step.act)(handed.clone()).await;
        let now = cx.now();
        match answered {
            Ok(output) => {
                return note(cx, it, step.name, |state| {
                    state.phase = Phase::Succeeded;
                    state.finished_at = Some(now);
                    state.output = Some(output.clone()).filter(|output| !output.is_null());
                })
                .await;
            }
            Err(error) if matches!(error.code(), "lease-lost" | WAITS) => return Err(error),
            Err(error) => {
                handed.line(&format!("step {} failed: {error}", step.name));
                if let Some(cause) = error.cause() {
                    tracing::warn!(run = %it.metadata.uid, step = step.name, cause, "a step failed");
                }
                note(cx, it, step.name, |state| {
                    state.phase = if error.code() == "cancelled" { Phase::Cancelled } else { Phase::Failed };
                    state.finished_at = Some(now);
                    state.error = Some(Failure::of(&error));
                })
                .await?;
                if tries >= step.attempts || !may_pass(&error) {
                    return Err(error);
                }
                tokio::time::sleep(Duration::from_millis(200 << tries.min(8))).await;
            }
        }
    }
}

/// Whether another try may go better.
fn may_pass(error: &Error) -> bool {
    use base::Status as S;
    matches!(error.status(), S::Internal | S::Unavailable | S::Timeout | S::TooMany)
}

async fn note(
    cx: &Cx,
    it: &Object<Run>,
    name: &str,
    change: impl Fn(&mut super::StepState) + Send + Sync,
) -> Result<()> {
    let cx = cx.doing("step");
    let changed = cx.update_status::<Run>(it.metadata.uid.as_str(), |status: &mut Status| {
        match status.steps.iter_mut().find(|step| step.name == name) {
            Some(step) => change(step),
            None => {
                let mut step = super::StepState { name: name.to_owned(), ..super::StepState::default() };
                change(&mut step);
                status.steps.push(step);
            }
        }
    });
    changed.await.map(|_| ())
}

async fn end(cx: &Cx, it: &Object<Run>, phase: Phase, error: Option<Failure>) -> Result<()> {
    let (uid, platform) = (&it.metadata.uid, cx.platform());
    let stream = log::stream_of(uid);
    let log = store::log::seal(&*platform.store, &*platform.blobs, &stream).await?;
    let now = cx.now();
    cx.doing("finish")
        .update_status::<Run>(uid.as_str(), |status| {
            status.phase = phase;
            status.finished_at = Some(now);
            status.error.clone_from(&error);
            status.log = Some(log);
            status.output = status.steps.last().and_then(|step| step.output.clone());
        })
        .await?;
    platform.store.drop_stream(&stream).await
}

/// Writes out what steps tell, prolongs the lease, and learns of cancellation.
struct Teller {
    cx: Cx,
    run: Object<Run>,
    lease: Lease,
    told: Arc<Mutex<Told>>,
    stop: Arc<AtomicBool>,
}

impl Teller {
    /// Tells until the steps are over, and is not torn off while it writes; fails when the lease is lost.
    async fn tell(&self, over: &Notify) -> Result<()> {
        let mut ticks = tokio::time::interval(TELL_EVERY);
        let mut count: u32 = 0;
        let mut shown: Option<Progress> = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = over.notified() => return Ok(()),
            }
            count = count.wrapping_add(1);
            if let Err(error) = self.round(count, &mut shown).await {
                if error.code() == "lease-lost" {
                    self.stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                tracing::debug!(?error, "a run's progress was not written");
            }
        }
    }

    async fn round(&self, count: u32, shown: &mut Option<Progress>) -> Result<()> {
        self.flush().await?;
        let prolongs = count.is_multiple_of(PROLONG_EVERY);
        if prolongs {
            let store = &self.cx.platform().store;
            let held = store.lease(&self.lease.key, &self.lease.holder, self.cx.now(), LEASE_S).await?;
            if held.is_none_or(|held| held.token != self.lease.token) {
                return Err(Error::conflict("lease-lost", "another worker has taken the run over"));
            }
        }
        let uid = self.run.metadata.uid.as_str();
        let run: Object<Run> = self.cx.get(uid).await?;
        self.stop.store(run.status.cancel_requested, Ordering::Relaxed);
        let progress = self.told.lock().unwrap_or_else(PoisonError::into_inner).progress.clone();
        if prolongs && progress.is_some() && progress != *shown {
            let cx = self.cx.doing("progress");
            cx.update_status::<Run>(uid, |status| status.progress.clone_from(&progress)).await?;
            *shown = progress;
        }
        Ok(())
    }

    /// Appends what was told since the last time to the log and the other streams.
    async fn flush(&self) -> Result<()> {
        loop {
            let appends = self.told.lock().unwrap_or_else(PoisonError::into_inner).oldest();
            if appends.is_empty() {
                return Ok(());
            }
            let commit =
                Commit { appends: appends.clone(), fence: self.cx.fence.clone(), ..Commit::default() };
            self.cx.platform().store.commit(commit).await?;
            self.told.lock().unwrap_or_else(PoisonError::into_inner).written(&appends);
        }
    }
}
