//! What lies in the trash of experiments forgotten for good: runs, logged models and experiments, with everything logged
//! to them, their traces and their files. What a living version of a model came from stays.

use kernel::{
    literal,
    object::Raw,
    predicate::Place as Sorted,
    prelude::*,
    store::{Projects, Query, Sort},
};
use ports::tracking::{
    Tracking,
    file::{Artifacts, Place},
    trace::{Traces, Which},
};

const RUNS: &str = "catalog.runs";
const LOGGED: &str = "catalog.logged-models";
const EXPERIMENTS: &str = "catalog.experiments";
const VERSIONS: &str = "catalog.model-versions";
/// How many objects are asked for at once.
const PAGE: u32 = 500;

/// What is forgotten.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Clear {
    /// Only what was put in the trash so many days ago or earlier.
    #[field(min = 0, max = 36500, default = 30)]
    older_than_days: u32,
    /// How many objects are forgotten at most; `more` says whether there are others.
    #[field(min = 1, max = 10000, default = 1000)]
    limit: u32,
}

/// What was forgotten.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Cleared {
    /// Runs.
    runs: u32,
    /// Logged models.
    models: u32,
    /// Experiments.
    experiments: u32,
    /// Files of all of them.
    files: u64,
    /// What stays because a version of a model came from it, or from something in it.
    kept: u32,
    /// Whether there is more to be forgotten: ask again.
    more: bool,
}

/// Forgets what lies in the trash.
pub async fn clear(cx: Cx, ask: Clear) -> Result<Cleared> {
    let until = cx.now().micros() - i64::from(ask.older_than_days) * 86_400_000_000;
    let is_due = |it: &Raw| it.metadata.deletion_timestamp.is_some_and(|at| at.micros() <= until);
    let mut done = Cleared::default();
    for kind in [RUNS, LOGGED, EXPERIMENTS] {
        let mut after = None;
        loop {
            let found = objects(&cx, kind, (true, None), after).await?;
            let Some(last) = found.last() else { break };
            after = Some(last.metadata.uid.clone());
            for it in found.iter().filter(|it| is_due(it)) {
                if done.runs + done.models + done.experiments >= ask.limit {
                    done.more = true;
                    return Ok(done);
                }
                forget(&cx, it, &mut done).await?;
            }
        }
    }
    Ok(done)
}

/// Objects of the project by uid, in the trash or living, of an experiment or of all.
async fn objects(
    cx: &Cx,
    kind: &str,
    (deleted, experiment): (bool, Option<&str>),
    after: Option<Uid>,
) -> Result<Vec<Raw>> {
    let Ok(kind) = cx.platform().kind(kind) else { return Ok(Vec::new()) };
    let filter = experiment.map(|name| format!("spec.experiment = {}", literal(name))).unwrap_or_default();
    let query = Query {
        org: Some(cx.org.to_string()),
        kind: kind.id(),
        projects: Projects::These(vec![cx.project.to_string()]),
        deleted,
        filter: kernel::selection::parse(&*kind, &filter)?,
        sort: Sort { place: Sorted::Uid, descending: false },
        after: after.map(|uid| (kernel::index::Cell::Null, uid)),
        limit: PAGE,
    };
    let records = cx.platform().store.list(&query).await?;
    records.iter().map(|record| Raw::from_record(&kind, record)).collect()
}

/// Forgets one object and what is its own, an experiment with all that belongs to it.
async fn forget(cx: &Cx, it: &Raw, done: &mut Cleared) -> Result<()> {
    if it.kind == EXPERIMENTS {
        let mut belongings = Vec::new();
        for kind in [RUNS, LOGGED] {
            for deleted in [false, true] {
                let mut after = None;
                loop {
                    let found = objects(cx, kind, (deleted, Some(&it.metadata.name)), after).await?;
                    let Some(last) = found.last() else { break };
                    after = Some(last.metadata.uid.clone());
                    belongings.extend(found);
                }
            }
        }
        for own in &belongings {
            if is_origin(cx, own).await? {
                done.kept += 1;
                return Ok(());
            }
        }
        for own in &belongings {
            gone(cx, own, done).await?;
        }
    } else if is_origin(cx, it).await? {
        done.kept += 1;
        return Ok(());
    }
    gone(cx, it, done).await
}

/// Whether a living version of a model came from it.
async fn is_origin(cx: &Cx, it: &Raw) -> Result<bool> {
    let filter = match it.kind.as_str() {
        RUNS => format!("spec.run = {}", literal(it.metadata.uid.as_str())),
        _ => format!("spec.loggedModel = {}", literal(&it.metadata.name)),
    };
    if !cx.list_raw(VERSIONS, &filter, 1).await?.is_empty() {
        return Ok(true);
    }
    // The platform's own trainings name the run by its name.
    let filter = format!("spec.run = {}", literal(&it.metadata.name));
    Ok(it.kind == RUNS && !cx.list_raw(VERSIONS, &filter, 1).await?.is_empty())
}

/// What is kept elsewhere goes first, so that who is stopped in between finds the object and begins again.
async fn gone(cx: &Cx, it: &Raw, done: &mut Cleared) -> Result<()> {
    let uid = &it.metadata.uid;
    match it.kind.as_str() {
        RUNS => cx.port::<dyn Tracking>()?.forget(&it.org, uid).await?,
        EXPERIMENTS => {
            cx.port::<dyn Traces>()?.forget_traces(&it.org, uid, Which::All).await?;
        }
        _ => {}
    }
    done.files += cx.port::<dyn Artifacts>()?.remove(&it.org, Place { tree: uid, path: "" }).await?;
    if !cx.purge(it).await? {
        return Ok(());
    }
    match it.kind.as_str() {
        RUNS => done.runs += 1,
        LOGGED => done.models += 1,
        _ => done.experiments += 1,
    }
    Ok(())
}
