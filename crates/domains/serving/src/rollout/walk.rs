//! The work of a roll-out: prepare the new revision, give it requests step by step, look, go on or turn back.
//!
//! Between looks the run is put aside, so that no worker is held; where it stands is in the roll-out's status, so that it
//! goes on from there after a crash.

use kernel::{prelude::*, runs};

use super::{Phase, Rollout, Status, Strategy, Wish, judge};
use crate::{
    deploy,
    endpoint::{
        Endpoint, Routing,
        routing::{self, Share},
    },
    revision,
};

/// The workflow.
pub const WORKFLOW: &str = "catalog.roll-out";

/// How many verdicts are kept.
const VERDICTS_MAX: usize = 200;
/// Seconds after which somebody's wish is looked for.
const PAUSE_S: u32 = 5;

#[derive(Deserialize)]
struct Input {
    rollout: String,
}

/// The work of a roll-out.
pub fn rolling_out() -> Workflow {
    Workflow::new(WORKFLOW).step("prepare", prepare).step("shift", shift)
}

/// Makes and tries the new revision; what fails here has touched nobody.
async fn prepare(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let it = cx.get::<Rollout>(&step.input::<Input>()?.rollout).await?;
    if !it.status.active || it.status.candidate.is_some() {
        return Ok(json!({"revision": it.status.candidate}));
    }
    let endpoint = cx.get::<Endpoint>(&it.spec.endpoint).await?;
    let number = it.spec.version.clone().unwrap_or_default();
    let version = format!("{}.{number}", endpoint.spec.model);
    let made = deploy::revision_in_run(&step, &endpoint, &version).await?;
    let latest = made.spec.number;
    cx.update_status::<Endpoint>(endpoint.metadata.uid.as_str(), |status| {
        status.latest = status.latest.max(Some(latest))
    })
    .await?;
    let failure = made.status.message.clone();
    cx.update_status::<Rollout>(it.metadata.uid.as_str(), |status| {
        status.stable = endpoint.status.revision;
        status.candidate = Some(latest);
        if let Some(why) = &failure {
            status.phase = Phase::Failed;
            status.active = false;
            status.message = Some(format!("revision {latest} cannot answer: {why}"));
        }
    })
    .await?;
    step.line(&format!(
        "revision {latest}: version {version}: {}",
        failure.as_deref().unwrap_or("it answers")
    ));
    Ok(json!({"revision": latest, "ready": failure.is_none()}))
}

/// Goes as far as can be gone now.
async fn shift(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let name = step.input::<Input>()?.rollout;
    loop {
        let it = cx.get::<Rollout>(&name).await?;
        if !it.status.active {
            return Ok(json!({"phase": it.status.phase, "message": it.status.message}));
        }
        let endpoint = cx.get::<Endpoint>(&it.spec.endpoint).await?;
        if endpoint.status.revision != it.status.stable {
            turn_back(cx, &it, "another revision was put into service meanwhile").await?;
            continue;
        }
        match it.status.wish {
            Wish::Abort => drop(turn_back(cx, &it, "somebody turned it back").await?),
            Wish::Promote => drop(take_over(cx, &it).await?),
            Wish::Pause => return Err(runs::wait(PAUSE_S)),
            Wish::Go => go(&step, &it).await?,
        }
    }
}

/// One move: into the next step, a look at the present one, or the end. Waits where there is nothing to do yet.
async fn go(step: &StepCx, it: &Object<Rollout>) -> Result<()> {
    let cx = &step.cx;
    let steps = it.spec.steps.clone().unwrap_or_default();
    let (Some(at), Some(since)) = (it.status.step, it.status.since) else {
        return enter(step, it, (0, &steps)).await;
    };
    let lasted = cx.now().seconds_since(since);
    let looked = it.status.verdicts.iter().filter(|verdict| verdict.step == at).count() as f64;
    let each = f64::from(it.spec.step_seconds) / f64::from(judge::LOOKS);
    let due = each * (looked + 1.0).min(f64::from(judge::LOOKS));
    if it.status.phase == Phase::Deciding {
        return Err(runs::wait(PAUSE_S));
    }
    if lasted < due {
        return Err(runs::wait(((due - lasted).ceil() as u32).clamp(1, 3_600)));
    }
    let verdict = judge::look(cx, it).await?;
    let found = verdict.clone();
    cx.update_status::<Rollout>(it.metadata.uid.as_str(), |status| {
        status.verdicts.push(found.clone());
        let more = status.verdicts.len().saturating_sub(VERDICTS_MAX);
        status.verdicts.drain(..more);
    })
    .await?;
    if let Some(test) = verdict.tests.iter().find(|test| !test.passed) {
        let why = format!(
            "step {at}: {} {:.4} beside {:.4} is worse, with a confidence of {:.6}",
            test.test,
            test.candidate,
            test.stable.unwrap_or(1.0),
            test.confidence
        );
        step.line(&why);
        return turn_back(cx, it, &why).await.map(|_| ());
    }
    let is_last_look = lasted >= f64::from(it.spec.step_seconds);
    let wanted = it.spec.analysis.clone().unwrap_or_default().calls_min as f64;
    if !is_last_look || verdict.candidate_calls < wanted {
        return Err(runs::wait((each.ceil() as u32).clamp(1, 3_600)));
    }
    let next = usize::try_from(at).unwrap_or(usize::MAX) + 1;
    if next < steps.len() {
        return enter(step, it, (next, &steps)).await;
    }
    if it.spec.by_hand || it.spec.strategy == Strategy::Ab {
        set(cx, it, |status| status.phase = Phase::Deciding).await?;
        return Err(runs::wait(PAUSE_S));
    }
    take_over(cx, it).await.map(|_| ())
}

/// Gives the new revision the share of a step.
async fn enter(step: &StepCx, it: &Object<Rollout>, (at, steps): (usize, &[f64])) -> Result<()> {
    let cx = &step.cx;
    let percent = steps.get(at).copied().unwrap_or(100.0);
    let before = serde_json::to_value(judge::counted(cx, it).await?).map_err(Error::internal)?;
    let (Some(stable), Some(candidate)) = (it.status.stable, it.status.candidate) else {
        return Err(Error::internal("a roll-out has come to its steps without revisions"));
    };
    let strategy = it.spec.strategy;
    routing::changed(&cx.doing("roll-out"), &it.spec.endpoint, |endpoint| {
        let routing = endpoint.spec.routing.get_or_insert_with(Routing::default);
        if strategy == Strategy::Shadow {
            routing.shadow = Some(candidate);
            return;
        }
        let share = |revision, percent| Share { revision, percent };
        routing.traffic = vec![share(stable, 100.0 - percent), share(candidate, percent)];
        if strategy == Strategy::Ab && routing.sticky_by.is_none() {
            routing.sticky_by = Some("caller".to_owned());
        }
    })
    .await?;
    let now = cx.now();
    set(cx, it, |status| {
        status.phase = Phase::Progressing;
        status.step = Some(at as u64);
        status.percent = Some(percent);
        status.since = Some(now);
        status.before = Some(before.clone());
    })
    .await?;
    step.line(&format!("step {at}: revision {candidate} gets {percent} %"));
    Ok(())
}

async fn set(
    cx: &Cx,
    it: &Object<Rollout>,
    change: impl Fn(&mut Status) + Send + Sync,
) -> Result<Object<Rollout>> {
    cx.update_status::<Rollout>(it.metadata.uid.as_str(), change).await
}

/// The new revision is in service, and gets all requests.
pub async fn take_over(cx: &Cx, it: &Object<Rollout>) -> Result<Object<Rollout>> {
    let number = it.status.candidate.unwrap_or_default();
    let candidate = revision::numbered(cx, &it.spec.endpoint, number, "status.candidate").await?;
    let endpoint = cx.get::<Endpoint>(&it.spec.endpoint).await?;
    // A policy may have come into force since it began.
    if let Err(error) = routing::in_service(&cx.doing("roll-out"), endpoint, &candidate).await {
        if matches!(error.code(), "policy-violated" | "in-quarantine") {
            return turn_back(cx, it, error.message()).await;
        }
        return Err(error);
    }
    set(cx, it, |status| {
        status.phase = Phase::Promoted;
        status.active = false;
        status.percent = Some(100.0);
    })
    .await
}

/// The revision from before gets all requests again, in one write.
pub async fn turn_back(cx: &Cx, it: &Object<Rollout>, why: &str) -> Result<Object<Rollout>> {
    if let Some(endpoint) = cx.get_opt::<Endpoint>(&it.spec.endpoint).await? {
        let ours = |routing: &Routing| {
            routing.shadow == it.status.candidate
                || routing.traffic.iter().any(|share| Some(share.revision) == it.status.candidate)
        };
        if it.status.candidate.is_some() && endpoint.spec.routing.as_ref().is_some_and(ours) {
            let cx = cx.doing("turn-back");
            routing::changed(&cx, endpoint.metadata.uid.as_str(), routing::without_traffic).await?;
        }
    }
    let began = it.status.since.is_some();
    set(cx, it, |status| {
        status.phase = if began { Phase::RolledBack } else { Phase::Failed };
        status.active = false;
        status.percent = Some(0.0);
        status.message = Some(why.to_owned());
    })
    .await
}
