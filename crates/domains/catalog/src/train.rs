//! The work of training: read the data, learn, register what came of it.

use std::collections::BTreeMap;

use futures::{SinkExt, StreamExt, channel::mpsc, executor::block_on, join};
use kernel::prelude::*;
use ports::{
    learn::{Learn, Lesson, Lessoned, Point, Task as EngineTask},
    table::Table,
    tracking::{Batch, Metric},
};

use crate::{
    cost, dataset_version,
    experiment::Experiment,
    logged,
    model::Model,
    model_version::{self, Version},
    reproduce,
    run::{ExperimentRun, Phase},
    training_job::{self, TrainingJob},
};

/// The steps of a training.
pub fn training() -> Workflow {
    Workflow::new("catalog.train").step("prepare", prepare).step("learn", learn).step("register", register)
}

/// The most rows that are learned from; more are left out with a line in the log.
const ROWS_MAX: u64 = 1_000_000;

#[derive(Deserialize)]
struct Input {
    job: String,
}

#[derive(Serialize, Deserialize)]
struct Prepared {
    version: String,
    experiment: String,
    run: String,
    model: String,
}

/// What the learning step hands to the next one.
#[derive(Serialize, Deserialize)]
struct Learned {
    onnx: Digest,
    held_out: Digest,
    task: String,
    metrics: BTreeMap<String, f64>,
    signature: Value,
    example: Value,
    trials: Value,
    errors: Value,
    importance: Value,
}

/// The code that learns.
pub const CODE: &str = concat!("aic ", env!("CARGO_PKG_VERSION"));

/// What the learning runs in, as far as it may show in a result.
fn environment() -> BTreeMap<String, String> {
    [("os", std::env::consts::OS), ("arch", std::env::consts::ARCH)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

async fn job(step: &StepCx) -> Result<Object<TrainingJob>> {
    step.cx.get(&step.input::<Input>()?.job).await
}

/// Makes an object unless a try before this one has.
async fn once<K: kernel::kind::Kind>(cx: &Cx, name: &str, spec: K) -> Result<()> {
    if cx.get_opt::<K>(name).await?.is_some() {
        return Ok(());
    }
    match cx.doing("train").create(Draft::new(name, spec)).await {
        Err(error) if error.code() == "already-exists" => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Finds the data, and opens the experiment run.
async fn prepare(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let job = job(&step).await?;
    let version = training_job::version(cx, &job.spec).await?;
    let experiment =
        job.spec.experiment.as_ref().map_or_else(|| job.spec.dataset.to_string(), ToString::to_string);
    let model = job.spec.model.as_ref().map_or_else(|| job.spec.dataset.to_string(), ToString::to_string);
    once(cx, &experiment, Experiment::default()).await?;
    let run = format!("{experiment}.{}", step.run);
    let parameters = BTreeMap::from([
        ("target".to_owned(), job.spec.target.clone()),
        ("budget_seconds".to_owned(), job.spec.budget_seconds.to_string()),
        ("folds".to_owned(), job.spec.folds.to_string()),
        ("test_share".to_owned(), job.spec.test_share.to_string()),
        ("seed".to_owned(), job.spec.seed.to_string()),
    ]);
    let spec = ExperimentRun {
        experiment: Ref::to(experiment.clone()),
        parameters,
        dataset_version: Some(Ref::to(version.name())),
        dataset_digest: Some(version.spec.blob),
        work: Some(Ref::to(step.run.clone())),
        title: None,
        user: None,
        started_at: None,
        code: Some(CODE.to_owned()),
        environment: environment(),
    };
    once(cx, &run, spec).await?;
    let name = run.clone();
    cx.update_status::<TrainingJob>(job.metadata.uid.as_str(), |status| {
        status.experiment_run = Some(name.clone());
    })
    .await?;
    step.line(&format!(
        "learning `{}` from {} ({} rows)",
        job.spec.target,
        version.name(),
        version.status.rows.unwrap_or(0)
    ));
    let prepared = Prepared { version: version.metadata.name.clone(), experiment, run, model };
    serde_json::to_value(prepared).map_err(Error::internal)
}

/// Learns within what the project's budget has left, and pays for the seconds it took, whatever came of it.
async fn learn(step: StepCx) -> Result<Value> {
    let job = job(&step).await?;
    let seconds = job.spec.budget_seconds;
    cost::reserve(&step.cx, &step.run, seconds, training_job::deadline_s(&job.spec)).await?;
    let began = step.cx.now();
    let learned = learn_paid(&step, job).await;
    cost::settle(&step.cx, &step.run, step.cx.now().seconds_since(began)).await?;
    learned
}

/// Learns, with every metric point on record as it comes.
async fn learn_paid(step: &StepCx, job: Object<TrainingJob>) -> Result<Value> {
    let cx = step.cx.clone();
    let prepared: Prepared = step.output("prepare")?;
    let version = cx.get::<dataset_version::Version>(&prepared.version).await?;
    let run = cx.get::<ExperimentRun>(&prepared.run).await?;
    // What a try before this one has told is told again.
    logged::anew(&cx, &run).await?;
    if version.status.rows.unwrap_or(0) > ROWS_MAX {
        step.line(&format!("learning from the first {ROWS_MAX} rows"));
    }
    let table = dataset_version::table(&cx, &version, 0, ROWS_MAX).await?;
    let learner = cx.port::<dyn Learn>()?;
    let lesson = Lesson { only: reproduce::winner(&cx, &job).await?, ..lesson(&job.spec) };
    let watch = Since { step: step.clone(), began: cx.now() };
    let (mut told, heard) = mpsc::channel(POINTS);
    let learning = cx.blocking(move || {
        // Whoever no longer listens has failed, and says so.
        let mut tell = |point: Point| drop(block_on(told.send(point)));
        let lessoned = learner.learn(&lesson, &table, &mut tell, &watch)?;
        drop(told);
        Ok((lessoned, table))
    });
    let (learned, logged) = join!(learning, log_points(&cx, &run, heard));
    let ((lessoned, table), ()) = (learned?, logged?);
    keep(step, lessoned, &table).await
}

/// Metric points that wait to be logged at most, and that are logged together.
const POINTS: usize = 500;

/// Logs points as they come, as many together as are there.
async fn log_points(cx: &Cx, run: &Object<ExperimentRun>, heard: mpsc::Receiver<Point>) -> Result<()> {
    let mut groups = heard.ready_chunks(POINTS);
    while let Some(points) = groups.next().await {
        let time_ms = cx.now().millis();
        let metric = |point: Point| Metric {
            key: point.metric,
            value: point.value,
            step: i64::try_from(point.step).unwrap_or(i64::MAX),
            time_ms,
            model: None,
            data: None,
        };
        let metrics = points.into_iter().map(metric).collect();
        logged::write(cx, run, Batch { metrics, ..Batch::default() }).await?;
    }
    Ok(())
}

/// A watch whose clock starts with the learning, not with the run.
struct Since {
    step: StepCx,
    began: Time,
}

impl Watch for Since {
    fn progress(&self, done: u64, total: u64, message: &str) {
        self.step.progress(done, total, message);
    }

    fn line(&self, text: &str) {
        self.step.line(text);
    }

    fn stopped(&self) -> bool {
        self.step.stopped()
    }

    fn elapsed_s(&self) -> f64 {
        self.step.cx.now().seconds_since(self.began)
    }
}

fn lesson(job: &TrainingJob) -> Lesson {
    Lesson {
        target: job.target.clone(),
        ignore: job.ignore.clone(),
        task: job.task.map(training_job::Task::engine),
        budget_s: f64::from(job.budget_seconds),
        folds: job.folds,
        test_share: job.test_share,
        seed: job.seed,
        only: None,
    }
}

/// Puts what was learned into blobs.
async fn keep(step: &StepCx, lessoned: Lessoned, table: &Table) -> Result<Value> {
    let blobs = &step.cx.platform().blobs;
    let held =
        lessoned.held_out.iter().map(|row| format!("{}\n", dataset_version::row_of(&table.columns, *row)));
    let held: String = held.collect();
    let onnx = blobs.put(lessoned.onnx).await?;
    let held_out = blobs.put(held.into_bytes()).await?;
    for trial in lessoned.trials.iter().take(10) {
        step.line(&format!(
            "{}: {:.4} ± {:.4} in {:.1} s",
            trial.learner, trial.score, trial.deviation, trial.seconds
        ));
    }
    let learned = Learned {
        onnx: onnx.digest,
        held_out: held_out.digest,
        task: task_word(lessoned.task).to_owned(),
        metrics: lessoned.metrics,
        signature: serde_json::to_value(&lessoned.signature).map_err(Error::internal)?,
        example: lessoned.background.first().map_or(Value::Null, |row| json!(row)),
        trials: serde_json::to_value(&lessoned.trials).map_err(Error::internal)?,
        errors: serde_json::to_value(&lessoned.errors).map_err(Error::internal)?,
        importance: lessoned
            .importance
            .iter()
            .map(|(name, value)| json!({"column": name, "value": value}))
            .collect(),
    };
    serde_json::to_value(learned).map_err(Error::internal)
}

fn task_word(task: EngineTask) -> &'static str {
    match task {
        EngineTask::Binary => "binary",
        EngineTask::Multiclass => "multiclass",
        EngineTask::Regression => "regression",
    }
}

/// Closes the experiment run and registers the version.
async fn register(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let job = job(&step).await?;
    let prepared: Prepared = step.output("prepare")?;
    let learned: Learned = step.output("learn")?;
    let version = cx.get::<dataset_version::Version>(&prepared.version).await?;
    let now = cx.now();
    let run = cx.get::<ExperimentRun>(&prepared.run).await?;
    let metric = |(key, value): (&String, &f64)| Metric {
        key: key.clone(),
        value: *value,
        step: 0,
        // A try after this one tells the same.
        time_ms: run.metadata.creation_timestamp.millis(),
        model: None,
        data: None,
    };
    let metrics = learned.metrics.iter().map(metric).collect();
    logged::write(cx, &run, Batch { metrics, ..Batch::default() }).await?;
    let done = cx
        .doing("train")
        .update_status::<ExperimentRun>(&prepared.run, |status| {
            status.phase = Phase::Finished;
            status.metrics.clone_from(&learned.metrics);
            status.task = Some(learned.task.clone());
            status.trials = Some(learned.trials.clone());
            status.errors = Some(learned.errors.clone());
            status.importance = Some(learned.importance.clone());
            status.held_out = Some(learned.held_out);
            status.finished_at = Some(now);
        })
        .await?;
    logged::put(cx, &done).await?;
    if let Some(original) = &job.spec.reproduces {
        let made = reproduce::Made { file: learned.onnx, metrics: learned.metrics, run: prepared.run };
        return reproduce::compared(cx, &job, original, made).await;
    }
    once(cx, &prepared.model, Model::default()).await?;
    // A try before this one may have registered it already.
    let filter = format!("spec.run = \"{}\"", prepared.run);
    let registered = match cx.list::<Version>(&filter, 1).await?.pop() {
        Some(version) => version,
        None => {
            let spec = Version {
                model: Ref::to(prepared.model.clone()),
                number: 0,
                blob: Some(learned.onnx),
                source: None,
                logged_model: None,
                foreign_run: None,
                run_link: None,
                tags: BTreeMap::new(),
                signature: Some(learned.signature),
                input_example: Some(learned.example),
                task: Some(learned.task),
                target: Some(job.spec.target.clone()),
                metrics: learned.metrics,
                run: Some(Ref::to(prepared.run.clone())),
                dataset_version: Some(Ref::to(prepared.version.clone())),
                dataset_digest: Some(version.spec.blob),
                description: None,
            };
            model_version::register(cx, spec).await?
        }
    };
    let name = registered.metadata.name.clone();
    cx.update_status::<TrainingJob>(job.metadata.uid.as_str(), |status| {
        status.model_version = Some(name.clone());
    })
    .await?;
    Ok(json!({"modelVersion": name, "experimentRun": prepared.run, "metrics": registered.spec.metrics}))
}
