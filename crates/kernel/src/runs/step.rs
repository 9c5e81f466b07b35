//! A workflow as a domain declares it, and what a step is handed when it runs.

use std::{
    cmp::Ordering::{Equal, Greater, Less},
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use base::{Error, Result, Time, Watch};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Progress, log};
use crate::{
    Later,
    cx::Cx,
    store::{Append, log::LINES_MAX},
};

/// How many entries of a stream are written in one commit, and of how many streams.
const WRITTEN_AT_ONCE: usize = 1_000;
const STREAMS_AT_ONCE: usize = 10;

type Act = dyn Fn(StepCx) -> Later<'static, Value> + Send + Sync;

/// One step of a workflow.
#[derive(Clone)]
pub struct Step {
    pub(crate) name: &'static str,
    pub(crate) after: Vec<&'static str>,
    pub(crate) attempts: u32,
    pub(crate) act: Arc<Act>,
}

/// A graph of steps.
#[derive(Clone)]
pub struct Workflow {
    pub(crate) name: &'static str,
    pub(crate) steps: Vec<Step>,
}

impl Workflow {
    /// An empty one; the name is `service.verb`.
    pub fn new(name: &'static str) -> Self {
        Self { name, steps: Vec::new() }
    }

    /// Adds a step that waits for the one added before it.
    ///
    /// It is tried up to three times; what it does must be safe to do again, for a crash may come
    /// between the deed and its entry in the journal.
    #[must_use]
    pub fn step<F, T>(self, name: &'static str, act: F) -> Self
    where
        F: Fn(StepCx) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Value>> + Send + 'static,
    {
        let before: Vec<&'static str> = self.steps.last().map(|step| step.name).into_iter().collect();
        self.step_after(name, &before, act)
    }

    /// Adds a step that waits for the named ones; steps that wait for nothing open run side by side.
    #[must_use]
    pub fn step_after<F, T>(mut self, name: &'static str, after: &[&'static str], act: F) -> Self
    where
        F: Fn(StepCx) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Value>> + Send + 'static,
    {
        let act = Arc::new(move |step| -> Later<'static, Value> { Box::pin(act(step)) });
        self.steps.push(Step { name, after: after.to_vec(), attempts: 3, act });
        self
    }

    /// A step and all that wait for it, which stand after it.
    pub(crate) fn onward(&self, from: &str) -> Result<BTreeSet<&'static str>> {
        let mut onward = BTreeSet::new();
        for step in &self.steps {
            if step.name == from || step.after.iter().any(|before| onward.contains(before)) {
                onward.insert(step.name);
            }
        }
        if onward.is_empty() {
            let names: Vec<&str> = self.steps.iter().map(|step| step.name).collect();
            let hint = format!("its steps are {}", names.join(", "));
            return Err(Error::invalid("unknown-value", "the run has no such step").at("from").hint(hint));
        }
        Ok(onward)
    }
}

/// What a step tells while it runs; written out now and then by the worker.
#[derive(Default)]
pub(crate) struct Told {
    /// How many lines were logged; what comes after the limit is not kept.
    logged: u64,
    /// What is not written yet, by stream: lines of the log and what else is appended.
    entries: BTreeMap<String, VecDeque<String>>,
    pub(crate) progress: Option<Progress>,
}

impl Told {
    /// The oldest entries of each stream, as many as are written at once; they stay until [`Told::written`].
    pub(crate) fn oldest(&self) -> Vec<Append> {
        let oldest = |(stream, entries): (&String, &VecDeque<String>)| Append {
            stream: stream.clone(),
            entries: entries.iter().take(WRITTEN_AT_ONCE).cloned().collect(),
        };
        self.entries.iter().take(STREAMS_AT_ONCE).map(oldest).collect()
    }

    /// Forgets what has been written.
    pub(crate) fn written(&mut self, appends: &[Append]) {
        for Append { stream, entries } in appends {
            if let Some(waiting) = self.entries.get_mut(stream) {
                waiting.drain(..entries.len().min(waiting.len()));
            }
        }
        self.entries.retain(|_, waiting| !waiting.is_empty());
    }
}

/// What a step is handed.
#[derive(Clone)]
pub struct StepCx {
    /// The context, as the platform acting in the run's project; its writes are fenced.
    pub cx: Cx,
    /// The run's name.
    pub run: String,
    /// What the run was given.
    pub input: Value,
    /// What the finished steps answered, by name.
    pub outputs: BTreeMap<String, Value>,
    /// The stream of the run's log.
    pub(crate) log: String,
    pub(crate) told: Arc<Mutex<Told>>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) began: Time,
    pub(crate) deadline: Time,
}

impl StepCx {
    /// What the run was given, as a struct.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.input.clone()).map_err(Error::internal)
    }

    /// What an earlier step answered, as a struct.
    pub fn output<T: DeserializeOwned>(&self, step: &str) -> Result<T> {
        let value = self.outputs.get(step).cloned().unwrap_or_default();
        serde_json::from_value(value).map_err(Error::internal)
    }
}

impl StepCx {
    /// Adds an entry to a stream; written with the log, within a moment.
    pub fn append(&self, stream: &str, entry: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.entries.entry(stream.to_owned()).or_default().push_back(entry);
    }
}

impl Watch for StepCx {
    fn progress(&self, done: u64, total: u64, message: &str) {
        let progress = Progress { done, total, unit: String::new(), message: message.to_owned() };
        self.told.lock().unwrap_or_else(PoisonError::into_inner).progress = Some(progress);
    }

    fn line(&self, text: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Told { logged, entries, .. } = &mut *told;
        let now = self.cx.now();
        for line in text.lines() {
            *logged += 1;
            let kept = match (*logged).cmp(&LINES_MAX) {
                Less => log::stamped(now, line),
                Equal => log::stamped(now, &format!("no more than these {LINES_MAX} lines are kept")),
                Greater => return,
            };
            entries.entry(self.log.clone()).or_default().push_back(kept);
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.cx.now() > self.deadline
    }

    fn elapsed_s(&self) -> f64 {
        self.cx.now().seconds_since(self.began)
    }
}
