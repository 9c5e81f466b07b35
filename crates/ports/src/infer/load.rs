//! Running a model under load: how many at once, how many may wait, what is put together.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{Listener, Model, Question, Tensor};
use crate::Later;

/// What bounds the load of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// How many places there are where the model runs, one batch at a time each.
    pub places: usize,
    /// How many requests may wait for a place.
    pub waiting_max: usize,
    /// How many requests one caller may have waiting and running.
    pub of_caller_max: usize,
    /// How many rows are run together at most; 1 puts nothing together.
    pub rows_max: usize,
    /// How long a batch may run; batches get smaller until they do.
    pub target: Duration,
}

/// What a request waits with.
pub struct Turn<'a> {
    /// Who asks.
    pub caller: &'a str,
    /// How long the caller waits, at most.
    pub patience: Duration,
    /// Where is told what became of it, for whoever wants to know.
    pub timing: Option<Arc<Timing>>,
}

/// What became of a request on its way through the model, told once.
pub type Timing = OnceLock<Ran>;

/// How a request ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// How long it waited for a place.
    pub queued: Duration,
    /// How long the model took.
    pub took: Duration,
    /// How many rows were run together.
    pub rows: usize,
    /// Of how many requests.
    pub requests: usize,
}

/// How busy a model is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// Places that are running.
    pub running: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// Batches run since the start.
    pub batches: u64,
    /// Requests answered by them.
    pub requests: u64,
    /// Requests refused because too many waited.
    pub refused: u64,
}

/// A model under load.
pub trait Runner: Send + Sync {
    /// Runs it once there is a place; dropping the future gives the place in the queue up.
    ///
    /// # Errors
    /// `endpoint-busy` and `caller-busy` (429) at once when the queue, or the caller's share of it, is full;
    /// `deadline-exceeded` when no place came in time; those of the model.
    fn run<'a>(&'a self, inputs: Vec<Tensor>, turn: Turn<'a>) -> Later<'a, Vec<Tensor>>;

    /// Answers in parts once there is a place, which is taken until the last; the future ends with the answer. Such a
    /// question is never put together with others, and the patience is for the place alone.
    ///
    /// # Errors
    /// Those of `run`.
    fn answer<'a>(&'a self, question: Question, listener: Box<dyn Listener>, turn: Turn<'a>)
    -> Later<'a, ()>;

    /// How busy it is.
    fn busy(&self) -> Busy;
}

/// Puts models under load.
pub trait Runners: Send + Sync {
    /// A model within limits.
    fn start(&self, model: Arc<dyn Model>, limits: Limits) -> Arc<dyn Runner>;
}

/// Whether rows of several requests can be run together: every input and output counts rows on its first axis.
pub fn can_batch(model: &dyn Model) -> bool {
    let signature = model.signature();
    let mut slots = signature.inputs.iter().chain(&signature.outputs);
    slots.all(|slot| slot.shape.first() == Some(&-1))
}
