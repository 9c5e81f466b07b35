//! The work of an evaluation: all rows are predicted, part by part, and held against their truth.

use asking::Row;
use base::Quiet;
use futures::{StreamExt, channel::mpsc, join};
use kernel::prelude::*;

use super::Evaluation;
use crate::{
    quality::{Judge, Quality},
    rows::Source,
    subject::Subject,
};

/// The workflow.
pub const WORKFLOW: &str = "system.evaluate";

/// The most rows that are judged: truths and probabilities are gathered before anything is said.
const ROWS_MAX: u64 = 2_000_000;

/// The work of evaluating.
pub fn evaluating() -> Workflow {
    Workflow::new(WORKFLOW).step("prepare", prepare).step("evaluate", evaluate)
}

#[derive(Deserialize)]
struct Input {
    evaluation: String,
}

/// Waits until the version can be asked: one that is code may need an environment first.
async fn prepare(step: StepCx) -> Result<Value> {
    let it = step.cx.get::<Evaluation>(&step.input::<Input>()?.evaluation).await?;
    let version = it.spec.model_version.to_string();
    asking::prepare(&step, it, &version, |status| &mut status.preparing).await
}

async fn evaluate(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let it = cx.get::<Evaluation>(&step.input::<Input>()?.evaluation).await?;
    let actor = it.status.actor.clone().ok_or_else(|| Error::internal("nobody ordered the evaluation"))?;
    let asker = actor.cx(cx);
    let subject = Subject::of(&asker, None, Some(&it.spec.model_version)).await?;
    // They may have lost the right since they ordered it.
    subject.may_predict(&asker).await?;
    let subject = subject.known(&asker, it.spec.target.as_deref()).await?;
    let source = Source::of(&asker, &it.spec.dataset_version).await?;
    let rows = source.profile.rows;
    if rows > ROWS_MAX {
        let message = format!("{rows} rows, {ROWS_MAX} are the most that are judged at once");
        return Err(
            Error::invalid("too-many-rows", message).hint("evaluate on a `sample` or a `split` of it")
        );
    }
    let target = it.spec.target.clone().unwrap_or_default();
    let (reading, heard) = source.parts(cx, Quiet(step.clone())).await?;
    let asked = Asked { step: &step, asker: &asker, subject: &subject, target: &target, rows };
    let (read, judged) = join!(reading, asked.judged(heard));
    let (found, done, seconds) = judged?;
    read?;
    if found.judged == 0 {
        let message =
            format!("no row has both a value of `{target}` and a prediction it can be held against");
        return Err(Error::conflict("nothing-judged", message).at("spec.target"));
    }
    step.line(&format!("{} of {done} rows judged: {}", found.judged, json!(found.metrics)));
    let now = cx.now();
    cx.update_status::<Evaluation>(it.metadata.uid.as_str(), |status| {
        status.measured = true;
        status.rows = Some(done);
        status.judged = Some(found.judged);
        status.metrics.clone_from(&found.metrics);
        status.classes.clone_from(&found.classes);
        status.counts.clone_from(&found.counts);
        status.seconds = Some(seconds);
        status.measured_at = Some(now);
    })
    .await?;
    Ok(json!({"judged": found.judged, "metrics": found.metrics}))
}

/// What is asked of whom.
struct Asked<'a> {
    step: &'a StepCx,
    asker: &'a Cx,
    subject: &'a Subject,
    target: &'a str,
    rows: u64,
}

impl Asked<'_> {
    /// Predicts and judges all rows; answers what was found, of how many rows, and the seconds that predicting took.
    async fn judged(&self, mut heard: mpsc::Receiver<Vec<Row>>) -> Result<(Quality, u64, f64)> {
        let (mut judge, mut done, mut seconds) = (Judge::new(&self.subject.known.classes), 0, 0.0);
        while let Some(some) = heard.next().await {
            self.step.check()?;
            let began = self.step.cx.now();
            let predicted = self.subject.predicted(self.asker, &some).await?;
            seconds += self.step.cx.now().seconds_since(began).max(0.0);
            for (row, said) in some.iter().zip(&predicted) {
                judge.add(row.get(self.target).unwrap_or(&Value::Null), said);
            }
            done += some.len() as u64;
            self.step.progress(done, self.rows, "predicting rows");
        }
        Ok((judge.verdict(), done, seconds))
    }
}
