//! What a group of tasks comes to, decided in memory: which records are written, which blocks appended.
//!
//! A task happens whole or not at all; a refusal concerns only its own task.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base::{Result, Uid};
use ports::tracking::{self, Batch, Metric, Piece, Run, file::File};

use crate::{
    block::{self, Point},
    doc::Doc,
    trace::Act,
};

/// So many blocks that are not full are put together.
const LOOSE_MAX: u64 = 256;

/// One thing to do in the next transaction.
#[derive(Clone, Debug)]
pub enum Task {
    /// Keep a run's attributes.
    Put(Run),
    /// Log to a run.
    Log(String, Uid, Box<Batch>),
    /// Forget a run.
    Forget(String, Uid),
    /// Take in pieces of an export.
    Import(Vec<Piece>),
    /// Put files in their places.
    Place(String, Vec<File>),
    /// Remove what is at or under a path of a tree; answers how much that was.
    Remove(String, Uid, String),
    /// Do something with traces; answers how many that were. The tables do it themselves.
    Traces(Box<Act>),
}

/// An organization and a run.
pub type Key = (String, Uid);

/// A run as the tables have it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its number there; none while it is new.
    pub number: Option<i64>,
    /// Its record; none when it is not there, or not any more.
    pub doc: Option<Doc>,
}

/// The runs a group is about, and what is to be written.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The runs, as they will be.
    pub runs: HashMap<Key, Stored>,
    /// Those of them to write, in order.
    pub changed: BTreeSet<Key>,
    /// Points to append, by run and metric.
    pub points: BTreeMap<(Key, String), Vec<Point>>,
    /// Runs whose histories go.
    pub forgotten: BTreeSet<Key>,
    /// Models that runs have to be found by.
    pub models: BTreeSet<(String, Key)>,
}

impl Task {
    /// The runs it is about.
    pub fn keys(&self) -> Vec<Key> {
        match self {
            Self::Put(run) => vec![(run.org.clone(), run.id.clone())],
            Self::Log(org, run, _) | Self::Forget(org, run) => vec![(org.clone(), run.clone())],
            Self::Import(pieces) => pieces.iter().filter_map(key_of).collect(),
            Self::Place(..) | Self::Remove(..) | Self::Traces(_) => Vec::new(),
        }
    }
}

fn key_of(piece: &Piece) -> Option<Key> {
    match piece {
        Piece::Run(run) => Some((run.org.clone(), run.id.clone())),
        Piece::Logged(org, run, _) => Some((org.clone(), run.clone())),
        Piece::File(..) | Piece::Trace(_) | Piece::Spans(..) => None,
    }
}

impl Ledger {
    /// Does a task in memory. What files it moves is the tables' own matter.
    pub fn perform(&mut self, task: &Task) -> Result<()> {
        match task {
            Task::Put(run) => {
                self.put(run);
                Ok(())
            }
            Task::Log(org, run, batch) => {
                tracking::check(batch)?;
                self.log((org.clone(), run.clone()), batch)
            }
            Task::Forget(org, run) => {
                self.forget((org.clone(), run.clone()));
                Ok(())
            }
            Task::Import(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Run(run) => self.put(run),
                        Piece::Logged(org, run, batch) => self.log((org.clone(), run.clone()), batch)?,
                        Piece::File(..) | Piece::Trace(_) | Piece::Spans(..) => {}
                    }
                }
                Ok(())
            }
            Task::Place(..) | Task::Remove(..) | Task::Traces(_) => Ok(()),
        }
    }

    fn put(&mut self, run: &Run) {
        let key = (run.org.clone(), run.id.clone());
        let stored = self.runs.entry(key.clone()).or_insert(Stored { number: None, doc: None });
        match &mut stored.doc {
            Some(doc) if doc.run == *run => return,
            // An experiment is a run's for life: its number says so.
            Some(doc) => doc.run = Run { experiment: doc.run.experiment.clone(), ..run.clone() },
            None => stored.doc = Some(Doc::new(run.clone())),
        }
        self.changed.insert(key);
    }

    fn log(&mut self, key: Key, batch: &Batch) -> Result<()> {
        let doc = self.runs.get_mut(&key).and_then(|stored| stored.doc.as_mut());
        let doc = doc.ok_or_else(|| tracking::unknown(&key.1))?;
        doc.admit(batch)?;
        doc.log(batch);
        for model in batch.metrics.iter().filter_map(|metric| metric.model.as_ref()) {
            self.models.insert((model.clone(), key.clone()));
        }
        for metric in &batch.metrics {
            let points = self.points.entry((key.clone(), metric.key.clone())).or_default();
            points.push(point(metric));
        }
        self.changed.insert(key);
        Ok(())
    }

    fn forget(&mut self, key: Key) {
        let Some(stored) = self.runs.get_mut(&key) else { return };
        if stored.doc.take().is_some() && stored.number.is_some() {
            self.changed.insert(key.clone());
            self.forgotten.insert(key.clone());
        } else {
            self.changed.remove(&key);
        }
        self.points.retain(|(run, _), _| *run != key);
        self.models.retain(|(_, run)| *run != key);
    }
}

fn point(metric: &Metric) -> Point {
    let of = (metric.model.clone(), metric.data.clone());
    Point { time_ms: metric.time_ms, step: metric.step, value: metric.value, of }
}

/// Where a metric's next block goes, counted on in its record; and whether it is time to put blocks together.
pub fn next_block(doc: &mut Doc, key: &str) -> Option<(u64, Option<u64>)> {
    let at = doc.metrics.binary_search_by(|it| it.metric.key.as_str().cmp(key)).ok()?;
    let latest = &mut doc.metrics[at];
    let number = latest.next;
    latest.next += 1;
    Some((number, (latest.next - latest.open >= LOOSE_MAX).then_some(latest.open)))
}

/// Blocks put together: what stands in their place from the first one's number on. The record then counts from there.
pub fn together(doc: &mut Doc, key: &str, blocks: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
    let mut points = Vec::new();
    for block in blocks {
        block::decode(block, &mut points)?;
    }
    block::settle(&mut points);
    let full = points.len() / block::FULL;
    let made: Vec<Vec<u8>> = points.chunks(block::FULL).map(block::encode).collect();
    if let Ok(at) = doc.metrics.binary_search_by(|it| it.metric.key.as_str().cmp(key)) {
        let latest = &mut doc.metrics[at];
        latest.next = latest.open + made.len() as u64;
        latest.open += full as u64;
    }
    Ok(made)
}
