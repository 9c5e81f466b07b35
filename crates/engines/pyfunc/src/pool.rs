//! The workers of one model: as many as are asked at once, up to a limit; one that is lost is replaced.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base::{Error, Result, Status};
use ports::infer::{Explanation, Model, Signature, Tensor};

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
    /// How long an answer may take.
    pub patience: Duration,
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

impl Model for Pool {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let inputs = self.signature.admit(inputs)?;
        let worker = self.worker()?;
        match worker.ask(&inputs, self.bounds.patience) {
            Ok((Head { error: None, .. }, tensors)) => {
                self.idle(worker);
                Ok(tensors)
            }
            Ok((Head { error: Some(why), .. }, _)) => {
                self.idle(worker);
                Err(Error::invalid("model-failed", format!("the model refused: {why}")))
            }
            Err(lost) => {
                let last = worker.last_words();
                drop(worker);
                self.lost();
                Err(match lost {
                    Lost::Late => late("the model took too long"),
                    Lost::Ended => crashed(&last),
                })
            }
        }
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
