//! Runs a model under load: a bounded queue, batches of what waits, deadlines, shares of callers.
//!
//! Nothing waits to be put together: while every place is busy requests queue up, and the next free place takes what
//! waits as one batch. So a lone request is never held up, and batches grow with the load. How many rows a batch may have
//! adapts to how long it may run: additive increase, multiplicative decrease.

mod batch;
mod queue;

use std::sync::Arc;

use ports::infer::{
    Model,
    load::{Limits, Runner, Runners},
};

/// The engine. It holds nothing; runners do.
pub fn open() -> impl Runners {
    Batches
}

struct Batches;

impl Runners for Batches {
    fn start(&self, model: Arc<dyn Model>, limits: Limits) -> Arc<dyn Runner> {
        Arc::new(queue::Queue::new(model, limits))
    }
}
