//! The workers of one model: as many as are asked at once, up to a limit; one that is lost is replaced.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base::{Error, Result, Status};
use ports::infer::{Explanation, Listener, Model, Question, Signature, Tensor};

use crate::{
    frame::Head,
    worker::{Lost, Worker},
};

/// How long a question may wait for a worker that another is using, or that is being started.
const WAITING: Duration = Duration::from_secs(60);

/// What bounds a pool.
pub struct Bounds {
    /// The size of the model's files.
    pub bytes: usize,
    /// How many workers there may be.
    pub workers_max: usize,
    /// How long an answer, or a part of one, may take.
    pub patience: Duration,
    /// Whether the model answers in parts.
    pub has_parts: bool,
    /// Whether it takes parameters.
    pub takes_params: bool,
}

type Start = Box<dyn Fn() -> Result<(Worker, Head)> + Send + Sync>;

/// A model behind its workers.
pub struct Pool {
    signature: Signature,
    bounds: Bounds,
    start: Start,
    workers: Mutex<Workers>,
    free: Condvar,
}

#[derive(Default)]
struct Workers {
    idle: Vec<Worker>,
    /// How many there are, idle, asked or being started.
    count: usize,
}

impl Pool {
    /// A pool with its first worker.
    pub fn new(first: Worker, signature: Signature, bounds: Bounds, start: Start) -> Self {
        let workers = Mutex::new(Workers { idle: vec![first], count: 1 });
        Self { signature, bounds, start, workers, free: Condvar::new() }
    }

    /// An idle worker, or a new one, or the next that becomes idle.
    fn worker(&self) -> Result<Worker> {
        let until = Instant::now() + WAITING;
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(worker) = workers.idle.pop() {
                return Ok(worker);
            }
            if workers.count < self.bounds.workers_max {
                workers.count += 1;
                drop(workers);
                return match (self.start)() {
                    Ok((worker, _)) => Ok(worker),
                    Err(error) => {
                        self.lost();
                        // It was loaded before: what is wrong now is not the model.
                        Err(crashed(error.message()))
                    }
                };
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late("no worker of the model was free in time"));
            }
            workers = self.free.wait_timeout(workers, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lost(&self) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).count -= 1;
        self.free.notify_one();
    }

    fn idle(&self, worker: Worker) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).idle.push(worker);
        self.free.notify_one();
    }
}

fn crashed(last: &str) -> Error {
    Error::unavailable("model-crashed", "the model's process ended while it answered")
        .because(last)
        .hint("it is started again for the next request; it may need more memory (`aic up --python-memory`)")
        .retry_after(1)
}

fn late(why: &str) -> Error {
    Error::new(Status::Timeout, "deadline-exceeded", why)
        .hint("ask with fewer rows, or give the model a faster form")
}

impl Pool {
    /// One answer to a question.
    fn asked(&self, mut question: Question) -> Result<Vec<Tensor>> {
        question.inputs = self.signature.admit(question.inputs)?;
        let worker = self.worker()?;
        match worker.ask(&question).and_then(|()| worker.next(self.bounds.patience)) {
            Ok((head, tensors)) => {
                self.idle(worker);
                refused(head).map(|_| tensors)
            }
            Err(lost) => Err(self.gave_up(worker, &lost)),
        }
    }

    /// One part after the other, until the last or until nobody listens.
    fn asked_in_parts(&self, mut question: Question, listener: &mut dyn Listener) -> Result<()> {
        question.inputs = self.signature.admit(question.inputs)?;
        let worker = self.worker()?;
        let mut next = worker.ask(&question);
        loop {
            match next.and_then(|()| worker.next_for(listener, self.bounds.patience)) {
                Ok((Head { more: true, .. }, part)) => next = worker.go_on(listener.hear(part)),
                Ok((head, _)) => {
                    self.idle(worker);
                    return refused(head).map(|_| ());
                }
                Err(lost) => {
                    let error = self.gave_up(worker, &lost);
                    return if matches!(lost, Lost::Left) { Ok(()) } else { Err(error) };
                }
            }
        }
    }

    /// A worker that is asked no more, and what is told of it.
    fn gave_up(&self, worker: Worker, lost: &Lost) -> Error {
        let last = worker.last_words();
        drop(worker);
        self.lost();
        match lost {
            Lost::Late | Lost::Left => late("the model took too long"),
            Lost::Ended => crashed(&last),
        }
    }
}

/// An answer that is none but the model's own error.
fn refused(head: Head) -> Result<Head> {
    match head.error {
        None => Ok(head),
        Some(why) => Err(Error::invalid("model-failed", format!("the model refused: {why}"))),
    }
}

impl Model for Pool {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        self.asked(Question { inputs, ..Question::default() })
    }

    fn answer(&self, question: Question, listener: &mut dyn Listener) -> Result<()> {
        if question.in_parts && self.bounds.has_parts {
            return self.asked_in_parts(question, listener);
        }
        listener.hear(self.asked(Question { in_parts: false, ..question })?);
        Ok(())
    }

    fn has_parts(&self) -> bool {
        self.bounds.has_parts
    }

    fn takes_params(&self) -> bool {
        self.bounds.takes_params
    }

    fn explain(&self, _: Vec<Tensor>) -> Result<Vec<Explanation>> {
        Err(Error::conflict("not-explainable", "a model that is code is explained by trial alone"))
    }

    fn bytes(&self) -> usize {
        self.bounds.bytes
    }

    fn waits(&self) -> bool {
        true
    }
}
