//! Learning a version again from what is recorded of it, and holding what came of it against the original.

use std::collections::BTreeMap;

use kernel::prelude::*;
use ports::learn::Tried;

use crate::{
    attestation, dataset_version, model_version::Version, run::ExperimentRun, train,
    training_job::TrainingJob,
};

/// How a metric compares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
pub struct Measured {
    /// What is recorded of the original; nothing where it was not measured.
    pub was: Option<f64>,
    /// What was measured now; nothing where it was not measured.
    pub is: Option<f64>,
    /// Whether they differ by less than a millionth.
    pub same: bool,
}

/// How a version that was learned again compares with the original.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Reproduction {
    /// The original.
    pub version: String,
    /// Whether file and metrics are the same.
    pub reproduced: bool,
    /// Whether the file is the same, byte by byte.
    pub same_file: bool,
    /// The digest of the original's file.
    pub was: Option<Digest>,
    /// The digest of the new file.
    pub is: Option<Digest>,
    /// The metrics by name.
    pub metrics: BTreeMap<String, Measured>,
    /// The code that learned the original.
    pub code_was: Option<String>,
    /// The code that learned it again.
    pub code_is: Option<String>,
}

/// What came of learning again.
pub struct Made {
    /// The file.
    pub file: Digest,
    /// The metrics.
    pub metrics: BTreeMap<String, f64>,
    /// The run it is recorded in.
    pub run: String,
}

fn not_reproducible(it: &Object<Version>, why: &str) -> Error {
    Error::conflict(
        "version-not-reproducible",
        format!("version `{}` cannot be learned again: {why}", it.name()),
    )
    .hint("its card shows what is recorded of it")
}

/// Orders a training from what is recorded of a version; the answer names the job that will say how it compares.
pub async fn again(cx: Cx, it: Object<Version>, _: Nothing) -> Result<Ordered> {
    cx.authorize("system.training-jobs.create", &cx.project).await?;
    let original = original(&cx, &it).await?;
    // What comes of it is held against what is recorded, so that must be what was signed.
    attestation::checked(&cx, &it).await?;
    let data =
        it.spec.dataset_version.as_ref().ok_or_else(|| not_reproducible(&it, "its data is not recorded"))?;
    let data = cx.get_opt::<dataset_version::Version>(data).await?;
    let data = data.ok_or_else(|| not_reproducible(&it, "its data is gone"))?;
    if it.spec.dataset_digest.is_some_and(|digest| digest != data.spec.blob) {
        return Err(not_reproducible(&it, "its data is not what it was"));
    }
    let spec = TrainingJob {
        dataset_version: Some(data.spec.number),
        // What was not cut short then shall not be cut short now.
        budget_seconds: original.spec.budget_seconds.saturating_mul(3).min(86_400),
        reproduces: Some(Ref::to(it.name())),
        ..original.spec
    };
    let name = format!("again-{}", cx.uid("j").as_str().trim_start_matches("j_").to_lowercase());
    let job = cx.doing("reproduce").create(Draft::new(name, spec)).await?;
    Ok(Ordered { job: job.metadata.name })
}

/// What was ordered.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ordered {
    /// The training job; its `status.reproduction` says how it compares.
    job: String,
}

/// The job that learned a version.
async fn original(cx: &Cx, it: &Object<Version>) -> Result<Object<TrainingJob>> {
    let run = match &it.spec.run {
        Some(run) => cx.get_opt::<ExperimentRun>(run).await?,
        None => None,
    };
    let run = run.ok_or_else(|| not_reproducible(it, "it was not learned here"))?;
    let work = run.spec.work.ok_or_else(|| not_reproducible(it, "its run was told by a client"))?;
    let work = match cx.read("system.runs", &work).await {
        Err(error) if error.code() == "not-found" => {
            Err(not_reproducible(it, "the record of its work is gone"))
        }
        other => other,
    }?;
    let subject = work.spec.get("subject").and_then(Value::as_str).unwrap_or_default();
    let job = match subject.strip_prefix("system.training-jobs/") {
        Some(name) => cx.get_opt::<TrainingJob>(name).await?,
        None => None,
    };
    job.ok_or_else(|| not_reproducible(it, "its training job is gone"))
}

/// The candidate that won when the version that a job reproduces was learned.
pub async fn winner(cx: &Cx, job: &Object<TrainingJob>) -> Result<Option<Tried>> {
    let Some(version) = &job.spec.reproduces else { return Ok(None) };
    let version = cx.get::<Version>(version).await?;
    let run = match &version.spec.run {
        Some(run) => cx.get_opt::<ExperimentRun>(run).await?,
        None => None,
    };
    let trials = run.and_then(|run| run.status.trials);
    let best = trials.as_ref().and_then(|trials| trials.get(0)).cloned();
    // Where the budget ended before any was tried in full, the first was taken.
    Ok(best.and_then(|best| serde_json::from_value(best).ok()))
}

/// Notes how what came of a job compares.
pub async fn compared(cx: &Cx, job: &Object<TrainingJob>, original: &Ref, made: Made) -> Result<Value> {
    let version = cx.get::<Version>(original).await?;
    let was = match &version.spec.run {
        Some(run) => cx.get_opt::<ExperimentRun>(run).await?,
        None => None,
    };
    // What was measured then; a version's own metrics may have been added to.
    let before = was.as_ref().map_or_else(BTreeMap::new, |run| run.status.metrics.clone());
    let names = before.keys().chain(made.metrics.keys());
    let measured = |name: &String| {
        let (was, is) = (before.get(name).copied(), made.metrics.get(name).copied());
        let same = was.zip(is).is_some_and(|(was, is)| (was - is).abs() <= 1e-6 * was.abs().max(1.0));
        (name.clone(), Measured { was, is, same })
    };
    let metrics: BTreeMap<String, Measured> = names.map(measured).collect();
    let same_file = version.spec.blob == Some(made.file);
    let reproduction = Reproduction {
        version: version.metadata.name.clone(),
        reproduced: same_file && metrics.values().all(|it| it.same),
        same_file,
        was: version.spec.blob,
        is: Some(made.file),
        metrics,
        code_was: was.and_then(|run| run.spec.code),
        code_is: Some(train::CODE.to_owned()),
    };
    cx.doing("reproduce")
        .update_status::<TrainingJob>(job.metadata.uid.as_str(), |status| {
            status.reproduction = Some(reproduction.clone());
        })
        .await?;
    Ok(json!({"experimentRun": made.run, "reproduction": reproduction}))
}
