//! The work of a benchmark: draw the rows, warm up, ask, and say what was seen. What was broken off is measured anew.

use std::{collections::BTreeSet, sync::Arc};

use asking::Row;
use base::Quiet;
use kernel::prelude::*;
use ports::measure::Host;

use super::{
    Benchmark, Results,
    load::{Amount, Load, Questions, Seen, asked},
};
use crate::{quality::Judge, rows::Source, subject::Subject};

/// The workflow.
pub const WORKFLOW: &str = "system.benchmark";

/// The work of measuring.
pub fn measuring() -> Workflow {
    Workflow::new(WORKFLOW).step("prepare", prepare).step("measure", measure)
}

#[derive(Deserialize)]
struct Input {
    benchmark: String,
}

/// Waits until a version can be asked without an endpoint: one that is code may need an environment first.
async fn prepare(step: StepCx) -> Result<Value> {
    let it = step.cx.get::<Benchmark>(&step.input::<Input>()?.benchmark).await?;
    let version = it.spec.model_version.clone().filter(|_| it.spec.endpoint.is_none());
    let Some(version) = version else { return Ok(json!({})) };
    asking::prepare(&step, it, &version, |status| &mut status.preparing).await
}

async fn measure(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let it = cx.get::<Benchmark>(&step.input::<Input>()?.benchmark).await?;
    let load = it.spec.load.clone().unwrap_or_default();
    let actor = it.status.actor.clone().ok_or_else(|| Error::internal("nobody ordered the benchmark"))?;
    let asker = actor.cx(cx);
    let version = it.spec.model_version.as_deref();
    let subject = Subject::of(&asker, it.spec.endpoint.as_deref(), version).await?;
    // They may have lost the right since they ordered it.
    subject.may_predict(&asker).await?;
    if Some(subject.version.as_str()) != version {
        let message = format!("the endpoint answers with `{}` now", subject.version);
        return Err(Error::conflict("version-changed", message).hint("order another benchmark"));
    }
    let subject = subject.known(&asker, it.spec.target.as_deref()).await?;
    let rows = rows(&step, &asker, (&it, &load), &subject).await?;
    let (count, target) = (rows.len(), it.spec.target.clone());
    step.line(&format!("{count} rows from {}", it.spec.dataset_version.as_deref().unwrap_or("the example")));
    let questions =
        Arc::new(Questions { cx: asker, subject, rows, target, per_request: load.rows_per_request as usize });
    let (seen, seconds) = load_it(&step, &questions, &load).await?;
    let results = judged(&questions, seen, seconds);
    step.line(&told(&results));
    let (now, hardware, found) = (cx.now(), hardware(cx), results.clone());
    cx.update_status::<Benchmark>(it.metadata.uid.as_str(), |status| {
        status.measured = true;
        status.rows = Some(count as u64);
        status.results = Some(found.clone());
        status.hardware.clone_from(&hardware);
        status.measured_at = Some(now);
    })
    .await?;
    serde_json::to_value(results).map_err(Error::internal)
}

/// The rows that are sent.
async fn rows(
    step: &StepCx,
    asker: &Cx,
    (it, load): (&Object<Benchmark>, &Load),
    subject: &Subject,
) -> Result<Vec<Row>> {
    let rows = match &it.spec.dataset_version {
        Some(version) => {
            let source = Source::of(asker, version).await?;
            source.sample(&step.cx, Quiet(step.clone()), (load.rows as usize, load.seed)).await?
        }
        None => subject.known.example.iter().filter_map(Value::as_object).cloned().collect(),
    };
    if rows.is_empty() {
        return Err(Error::conflict("no-example", "there is no row to send"));
    }
    Ok(rows)
}

/// Warms up, then asks; answers what was seen, and in how many seconds.
async fn load_it(step: &StepCx, questions: &Arc<Questions>, load: &Load) -> Result<(Seen, f64)> {
    let cx = &step.cx;
    let until = || cx.now().plus_s(i64::from(load.seconds));
    let whole = Amount {
        requests: u64::from(load.requests),
        concurrency: load.concurrency,
        rate: load.rate,
        until: until(),
    };
    if load.warm_up > 0 {
        let warm_up = Amount { requests: u64::from(load.warm_up), rate: None, ..whole };
        let seen = asked(step, questions, warm_up).await?;
        if let Some(error) = seen.first_error.filter(|_| seen.seconds.is_empty()) {
            step.line(&format!("no request of the warm-up was answered: {}", error.code()));
            return Err(error);
        }
        step.line(&format!("warmed up by {} requests", seen.seconds.len()));
    }
    let began = cx.now();
    let seen = asked(step, questions, Amount { until: until(), ..whole }).await?;
    Ok((seen, cx.now().seconds_since(began).max(0.0)))
}

/// What was measured, and how right the answers were where the truth is known.
fn judged(questions: &Questions, mut seen: Seen, seconds: f64) -> Results {
    let mut judge = Judge::new(&questions.subject.known.classes);
    if let Some(target) = &questions.target {
        // In the order of the rows, so that sums do not depend on who was faster.
        seen.predicted.sort_by_key(|(at, _)| *at);
        let mut known = BTreeSet::new();
        for (at, predicted) in &seen.predicted {
            if known.insert(*at) {
                judge.add(questions.rows[*at].get(target).unwrap_or(&Value::Null), predicted);
            }
        }
    }
    let quality = judge.verdict();
    let mut results = seen.results(seconds);
    if quality.judged > 0 {
        results.judged = Some(quality.judged);
        results.metrics = quality.metrics;
    }
    results
}

fn told(it: &Results) -> String {
    let ms = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3} ms"));
    format!(
        "{} of {} requests answered in {:.3} s; p50 {}, p95 {}, p99 {}",
        it.answered.unwrap_or(0),
        it.requests.unwrap_or(0),
        it.seconds.unwrap_or(0.0),
        ms(it.p50_ms),
        ms(it.p95_ms),
        ms(it.p99_ms)
    )
}

/// What it was measured on, as far as the system tells.
fn hardware(cx: &Cx) -> Option<String> {
    let machine = cx.port::<dyn Host>().ok()?.machine().ok()?;
    let gib = machine.memory_bytes as f64 / f64::from(1 << 30);
    Some(format!("{} cores, {gib:.1} GiB, load {:.2} over a minute", machine.cores, machine.load))
}
