//! What the engine asks of the tables under it, whichever they are.

use base::{Digest, Uid};
use ports::{
    Later,
    tracking::{
        file::{Entry, File},
        trace::{
            self, Span, Trace,
            measure::{Measure, Point},
        },
    },
};

use crate::ledger::Task;

/// A record as it was last changed.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The run's number: its experiment's above, its place in the experiment below.
    pub number: i64,
    /// By which change.
    pub change: i64,
    /// The record; empty once the run is forgotten.
    pub doc: Vec<u8>,
}

impl Changed {
    /// The run's place in its experiment.
    pub fn place(&self) -> usize {
        place(self.number)
    }
}

/// A run's place in its experiment.
pub fn place(number: i64) -> usize {
    (number & 0xffff_ffff) as usize
}

/// The number of a run at a place of an experiment.
pub fn number(experiment: i64, place: i64) -> i64 {
    experiment << 32 | place
}

/// A part of a tree, and how much of it.
#[derive(Clone, Debug)]
pub struct Part {
    /// The organization.
    pub org: String,
    /// The tree.
    pub tree: Uid,
    /// At or under this path; empty for all of it.
    pub path: String,
    /// After this path.
    pub after: String,
    /// How many at most.
    pub limit: u32,
}

/// Tables that keep records, blocks and files.
pub trait Disk: Send + Sync {
    /// Does a task and waits until it is durable.
    fn write(&self, task: Task) -> Later<'_, u64>;

    /// A run's number and record.
    fn doc<'a>(&'a self, org: &'a str, run: &'a Uid) -> Later<'a, Option<(i64, Vec<u8>)>>;

    /// Records by number, in that order; empty ones for those that are gone.
    fn docs(&self, numbers: Vec<i64>) -> Later<'_, Vec<Vec<u8>>>;

    /// The number of an experiment that has runs.
    fn experiment<'a>(&'a self, org: &'a str, id: &'a Uid) -> Later<'a, Option<i64>>;

    /// The records of an experiment that changed after a change and number, in the order of changes.
    fn changed(&self, experiment: i64, after: (i64, i64), limit: u32) -> Later<'_, Vec<Changed>>;

    /// The blocks of a metric, in order.
    fn blocks<'a>(&'a self, run: i64, key: &'a str) -> Later<'a, Vec<Vec<u8>>>;

    /// The records of runs with metrics of these models.
    fn measuring<'a>(&'a self, org: &'a str, models: &'a [String]) -> Later<'a, Vec<Vec<u8>>>;

    /// Records by number, after one.
    fn scan(&self, after: i64, limit: u32) -> Later<'_, Vec<(i64, Vec<u8>)>>;

    /// Files of a part of a tree, by path.
    fn files(&self, part: Part) -> Later<'_, Vec<File>>;

    /// What lies directly in a directory, by path.
    fn entries(&self, part: Part) -> Later<'_, Vec<Entry>>;

    /// Digests of files, after one.
    fn blobs(&self, after: Option<Digest>, limit: u32) -> Later<'_, Vec<Digest>>;

    /// Traces by identifier, in no order.
    fn traces<'a>(&'a self, org: &'a str, ids: &'a [String]) -> Later<'a, Vec<Trace>>;

    /// The spans of a trace, in order.
    fn spans<'a>(&'a self, org: &'a str, id: &'a str) -> Later<'a, Vec<Span>>;

    /// The traces of a page and one more, if there is one.
    fn find(&self, ask: trace::Search) -> Later<'_, Vec<Trace>>;

    /// What is counted and measured over traces.
    fn measure(&self, ask: Measure) -> Later<'_, Vec<Point>>;

    /// How many traces a search finds.
    fn count(&self, ask: trace::Search) -> Later<'_, u64>;

    /// Traces by number, after one, with that number.
    fn all_traces(&self, after: i64, limit: u32) -> Later<'_, Vec<(i64, Trace)>>;

    /// Files of all trees by organization, tree and path, after such a place.
    fn all_files(&self, after: [String; 3], limit: u32) -> Later<'_, Vec<(String, File)>>;
}

/// The first text that begins with none of the texts that begin with this path and a slash: `0` comes after `/`.
pub fn end_of(path: &str) -> String {
    format!("{path}0")
}
