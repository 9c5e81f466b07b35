//! Learns a model from a table: boosted trees and linear models, chosen by cross-validation, written as ONNX.
//!
//! The same table, lesson and seed give the same file, unless the budget ends the search early.

mod boost;
mod candidates;
mod export;
mod features;
mod linear;
mod loss;
mod metrics;
mod random;
mod report;
mod search;
mod split;
mod study;
mod target;

use std::sync::Arc;

use base::{Error, Result};
use ports::{
    Watch,
    infer::Infer,
    learn::{Learn, Lesson, Lessoned, Point},
    table::Table,
};

use crate::{
    boost::{Ground, Parts},
    candidates::Candidate,
    export::{Frame, Scores},
    linear::{Problem, Scale},
    random::Random,
    search::Search,
    study::{Sight, Study},
    target::Target,
};

/// The share of the rows to learn from that decides when boosting ends.
const VALID_SHARE: f64 = 0.15;

/// The share of the budget that boosting the final model may reach; testing it needs the rest.
const FINAL_SHARE: f64 = 0.9;

/// Candidates are compared on at most so many rows; which one is best shows long before.
const COMPARED_MAX: usize = 20_000;

/// The engine. It tests what it exports by running it on `infer`.
pub fn open(infer: Arc<dyn Infer>) -> impl Learn {
    Learner { infer }
}

struct Learner {
    infer: Arc<dyn Infer>,
}

impl Learn for Learner {
    fn learn(
        &self,
        lesson: &Lesson,
        table: &Table,
        points: &mut dyn FnMut(Point),
        watch: &dyn Watch,
    ) -> Result<Lessoned> {
        check(lesson)?;
        let target = Target::read(lesson, table)?;
        let study = Study::new(lesson, table, &target, watch)?;
        watch.line(&format!(
            "{} rows to learn from, {} held out, {} inputs",
            study.rows.len(),
            study.held_out.len(),
            study.trees.inputs.len()
        ));
        let sample = study.sample(COMPARED_MAX);
        let search = Search::new(&study, &sample, lesson)?;
        let (candidate, trials) = search.choose(points)?;
        watch.line(&format!("the final model: {}", candidate.learner(study.loss)));
        let (onnx, sight) = last(&study, candidate, points)?;
        watch.check()?;

        let model = self.infer.load(&onnx)?;
        let (metrics, errors) = report::test(&study, &sight.inputs, model.as_ref())?;
        let background = report::background(&study);
        let importance = report::importance(&study, &sight.inputs, model.as_ref(), &background)?;
        Ok(Lessoned {
            task: target.task,
            trials,
            metrics,
            errors,
            signature: model.signature().clone(),
            onnx,
            background: report::rows(&sight.inputs, table, &background),
            held_out: study.held_out.clone(),
            importance,
        })
    }
}

/// Learns the chosen candidate once more, on all rows, and writes it down.
fn last<'a>(
    study: &'a Study<'_>,
    candidate: Candidate,
    points: &mut dyn FnMut(Point),
) -> Result<(Vec<u8>, &'a Sight)> {
    let name = study.loss.name();
    let mut say = |part: &str, step: usize, loss: f64| {
        points(Point { metric: format!("{part}.{name}"), step: step as u64, value: study.loss.shown(loss) });
    };
    let frame =
        |sight: &'a Sight| Frame { inputs: &sight.inputs, loss: study.loss, classes: &study.target.classes };
    let all: Vec<usize> = (0..study.values.len()).collect();
    match candidate {
        Candidate::Trees(params) => {
            let mut random = Random::new(study.seed, 3);
            let (train, valid) = split::take(&all, &study.values, VALID_SHARE, &mut random);
            let parts = Parts { train: &train, valid: &valid };
            let ground = Ground::new(&study.trees.matrix, &study.values, study.loss)?;
            let boosted = ground.boost(parts, params, study.seed, &mut |round, train, valid| {
                say("train", round, train);
                say("valid", round, valid);
                !study.spent(FINAL_SHARE)
            });
            let scores = Scores::Trees(&boosted);
            Ok((frame(&study.trees).write(&scores), &study.trees))
        }
        Candidate::Linear(l2) => {
            let scale = Scale::of(&study.linear.matrix);
            let problem = Problem {
                rows: &scale.rows(&study.linear.matrix),
                target: &study.values,
                loss: study.loss,
                l2,
            };
            let linear = problem.fit(&all, &mut |step, loss| {
                say("train", step, loss);
                !study.spent(FINAL_SHARE)
            });
            let scores = Scores::Linear(&linear, &scale);
            Ok((frame(&study.linear).write(&scores), &study.linear))
        }
    }
}

/// A lesson that asks for what cannot be is refused before any work.
fn check(lesson: &Lesson) -> Result<()> {
    let wrong = |field: &str, why: &str| {
        Err(Error::invalid("lesson-invalid", format!("`{field}` must be {why}")).at(field))
    };
    if !(0.01..=0.9).contains(&lesson.test_share) {
        return wrong("testShare", "between 0.01 and 0.9");
    }
    if !(2..=20).contains(&lesson.folds) {
        return wrong("folds", "between 2 and 20");
    }
    if lesson.budget_s.is_nan() || lesson.budget_s <= 0.0 {
        return wrong("budgetS", "more than 0 seconds");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
