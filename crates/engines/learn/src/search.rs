//! The choice among candidates by cross-validation, on a few threads.

use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use base::{Error, Result};
use ports::learn::{Lesson, Point, Trial, Tried};
use statistics::quality::mean;

use crate::{
    boost::{Ground, Parts},
    candidates::{Candidate, list},
    linear::{Problem, Rows, Scale},
    metrics::deviation,
    random::Random,
    split,
    study::{Sample, Study},
};

/// The share of the budget after which no fold is begun or carried on; the rest is for the final model.
const SHARE: f64 = 0.6;

/// Folds are learnt on at most so many threads.
const THREADS_MAX: usize = 4;

/// What the choice is made on.
pub struct Search<'a> {
    study: &'a Study<'a>,
    values: &'a [f64],
    ground: Ground<'a>,
    rows: Rows,
    folds: Vec<(Vec<usize>, Vec<usize>)>,
    candidates: Vec<Candidate>,
    /// The only one to try. It keeps its place among all: the place is part of what a fold's shuffling starts from.
    only: Option<usize>,
}

/// One fold of one candidate, done.
struct Done {
    candidate: usize,
    /// None when the budget ended first.
    loss: Option<f64>,
    seconds: f64,
}

impl<'a> Search<'a> {
    /// Prepares features for both families and deals the folds.
    pub fn new(study: &'a Study<'a>, sample: &'a Sample, lesson: &Lesson) -> Result<Self> {
        let candidates = list(study.loss);
        let is = |it: &Tried| {
            let named =
                |other: &Candidate| other.learner(study.loss) == it.learner && other.params() == it.params;
            candidates.iter().position(named).ok_or_else(|| {
                let message = format!("there is no candidate `{}` with such parameters", it.learner);
                Error::invalid("lesson-invalid", message).at("only")
            })
        };
        let only = lesson.only.as_ref().map(is).transpose()?;
        let all: Vec<usize> = (0..sample.values.len()).collect();
        let mut random = Random::new(study.seed, 2);
        let valid = split::folds(&all, &sample.values, lesson.folds as usize, &mut random);
        let rest = |fold: &Vec<usize>| {
            let others = all.iter().copied();
            others.filter(|row| fold.binary_search(row).is_err()).collect()
        };
        Ok(Self {
            ground: Ground::new(&sample.trees, &sample.values, study.loss)?,
            rows: Scale::of(&sample.linear).rows(&sample.linear),
            folds: valid.into_iter().map(|fold| (rest(&fold), fold)).collect(),
            candidates,
            only,
            values: &sample.values,
            study,
        })
    }

    /// Tries every candidate the budget allows; answers the best and all trials, best first.
    pub fn choose(&self, points: &mut dyn FnMut(Point)) -> Result<(Candidate, Vec<Trial>)> {
        let jobs = self.candidates.len() * self.folds.len();
        let next = AtomicUsize::new(0);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let (sender, receiver) = mpsc::channel();
        let mut trials = thread::scope(|scope| {
            for _ in 0..threads {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let job = next.fetch_add(1, Ordering::Relaxed);
                        // The receiver outlives the scope's threads, so sending cannot fail.
                        if job >= jobs || sender.send(self.fold(job)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            self.collect(receiver, points)
        });
        self.study.watch.check()?;
        trials.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then(a.0.cmp(&b.0)));
        let best = self.only.unwrap_or_else(|| trials.first().map_or(0, |it| it.0));
        if trials.is_empty() {
            self.study
                .watch
                .line("the budget ended before any candidate was tried in full; the first is taken, or the only one");
        }
        Ok((self.candidates[best], trials.into_iter().map(|it| it.1).collect()))
    }

    /// Gathers the folds into trials as they come in.
    fn collect(&self, receiver: mpsc::Receiver<Done>, points: &mut dyn FnMut(Point)) -> Vec<(usize, Trial)> {
        let study = self.study;
        let total = (self.candidates.len() * self.folds.len()) as u64 + 1;
        let mut losses: Vec<Vec<f64>> = vec![Vec::new(); self.candidates.len()];
        let mut seconds = vec![0.0; self.candidates.len()];
        let mut trials = Vec::new();
        for (done, it) in receiver.into_iter().enumerate() {
            let candidate = &self.candidates[it.candidate];
            let learner = candidate.learner(study.loss);
            study.watch.progress(done as u64 + 1, total, &format!("cross-validating {learner}"));
            seconds[it.candidate] += it.seconds;
            losses[it.candidate].extend(it.loss);
            if it.loss.is_none() || losses[it.candidate].len() < self.folds.len() {
                continue;
            }
            // In an order that does not depend on which thread was first.
            let mut scores: Vec<f64> = losses[it.candidate].iter().map(|&loss| study.score(loss)).collect();
            scores.sort_unstable_by(f64::total_cmp);
            let trial = Trial {
                learner: learner.to_owned(),
                params: candidate.params(),
                score: mean(&scores),
                deviation: deviation(&scores),
                seconds: seconds[it.candidate],
            };
            study.watch.line(&format!("{learner} {:?}: score {:.4}", trial.params, trial.score));
            points(Point { metric: "trial.score".to_owned(), step: it.candidate as u64, value: trial.score });
            trials.push((it.candidate, trial));
        }
        trials
    }

    /// Learns one fold of one candidate.
    fn fold(&self, job: usize) -> Done {
        let candidate = job / self.folds.len();
        let (train, valid) = &self.folds[job % self.folds.len()];
        let began = self.study.seconds();
        let is_tried = self.only.is_none_or(|only| only == candidate);
        let loss = (is_tried && !self.study.spent(SHARE))
            .then(|| match self.candidates[candidate] {
                Candidate::Trees(params) => {
                    let seed = self.study.seed ^ job as u64;
                    let go_on = &mut |_, _, _| !self.study.spent(SHARE);
                    self.ground.boost(Parts { train, valid }, params, seed, go_on).loss
                }
                Candidate::Linear(l2) => {
                    let problem =
                        Problem { rows: &self.rows, target: self.values, loss: self.study.loss, l2 };
                    let linear = problem.fit(train, &mut |_, _| !self.study.spent(SHARE));
                    problem.mean_loss(&linear, valid)
                }
            })
            // A fold that was cut short says nothing about its candidate.
            .filter(|_| !self.study.spent(SHARE));
        Done { candidate, loss, seconds: self.study.seconds() - began }
    }
}
