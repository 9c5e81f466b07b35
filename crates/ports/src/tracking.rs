//! What is logged to runs of experiments: metrics, parameters, tags, and what went in and came out.
//!
//! The words and the rules of order are MLflow's (tracking API of release 3.17), so that its clients
//! find what they know. A run's identity and permissions are an object's matter; an engine keeps a copy
//! of its attributes, because searches filter and order by them.
//!
//! What every engine promises, and the suite of `engines/tracking` checks: a batch is written whole or
//! not at all and is durable before it is acknowledged; who was acknowledged finds what was written; the latest
//! value of a metric is the one with the largest step, then the latest time, then the largest value, with
//! `NaN` above every number; a point that is told twice is kept once; a search never reads a history.

use base::{Error, Result, Uid};
use serde::{Deserialize, Serialize};

use crate::Later;

pub mod file;
pub mod number;
pub mod search;
pub mod trace;

pub use search::{Attribute, Condition, Field, Op, Order, Page, Search, Test, View};

/// The most metrics of one batch.
pub const METRICS_MAX: usize = 1_000;
/// The most parameters of one batch.
pub const PARAMS_MAX: usize = 100;
/// The most tags of one batch.
pub const TAGS_MAX: usize = 100;
/// The most metrics, parameters and tags of one batch together.
pub const BATCH_MAX: usize = 1_000;
/// The longest key of a metric, a parameter or a tag, in characters.
pub const KEY_MAX: usize = 250;
/// The longest value of a parameter, in characters.
pub const PARAM_MAX: usize = 6_000;
/// The longest value of a tag, in characters.
pub const TAG_MAX: usize = 8_000;
/// The most points of a history answered at once.
pub const POINTS_MAX: u32 = 25_000;
/// The most runs answered at once by a search.
pub const RUNS_MAX: u32 = 50_000;
/// The most runs and steps a sample is made of.
pub const SAMPLE_RUNS_MAX: usize = 100;

/// Where a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Under way.
    #[default]
    Running,
    /// To be begun.
    Scheduled,
    /// Done.
    Finished,
    /// Given up.
    Failed,
    /// Stopped.
    Killed,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Running, Self::Scheduled, Self::Finished, Self::Failed, Self::Killed];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }

    /// The state with a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// The attributes of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The organization it belongs to.
    pub org: String,
    /// The project it belongs to.
    pub project: String,
    /// The experiment it belongs to.
    pub experiment: Uid,
    /// Its identifier, that of its object.
    pub id: Uid,
    /// What people call it; need not be unique.
    pub name: String,
    /// Who began it.
    pub user: String,
    /// Where it is.
    pub state: State,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, if it has.
    pub ended_ms: Option<i64>,
    /// When it was put in the trash, if it was.
    pub deleted_ms: Option<i64>,
    /// Where its artifacts are.
    pub artifacts: String,
}

/// A data set as it was, by name and digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Data {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
}

/// A value of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The metric.
    pub key: String,
    /// Its value; `NaN` and the infinities are values.
    #[serde(with = "number")]
    pub value: f64,
    /// The step, from any number on.
    pub step: i64,
    /// When it was measured, in milliseconds since 1970.
    pub time_ms: i64,
    /// The logged model it was measured of, if of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The data it was measured on, if told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
}

/// A parameter or a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pair {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Pair {
    /// One.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// Data that went into a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Which.
    pub data: Data,
    /// The sort of its source, for example `local`.
    pub source_type: String,
    /// Its source, a text of that sort.
    pub source: String,
    /// Its schema, as the client wrote it.
    pub schema: Option<String>,
    /// Its profile, as the client wrote it.
    pub profile: Option<String>,
    /// What it was used for, for example `mlflow.data.context` = `training`.
    pub tags: Vec<Pair>,
}

/// A logged model that came out of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The model.
    pub model: String,
    /// At which step.
    pub step: i64,
}

/// What is logged together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Batch {
    /// Values of metrics.
    pub metrics: Vec<Metric>,
    /// Parameters; what has a value keeps it (`param-differs` when another is told).
    pub params: Vec<Pair>,
    /// Tags; the last value wins.
    pub tags: Vec<Pair>,
    /// Keys of tags to take away, before `tags` are set (`tag-unknown` when one is not there).
    pub untag: Vec<String>,
    /// Data that went in; the same name and digest twice is one input, with the newer tags.
    pub inputs: Vec<Input>,
    /// Logged models that went in.
    pub models: Vec<String>,
    /// Logged models that came out.
    pub outputs: Vec<Output>,
}

/// A run and what was logged to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Its attributes.
    pub run: Run,
    /// The latest value of each metric, by key.
    pub metrics: Vec<Metric>,
    /// Its parameters, by key.
    pub params: Vec<Pair>,
    /// Its tags, by key.
    pub tags: Vec<Pair>,
    /// Data that went in.
    pub inputs: Vec<Input>,
    /// Logged models that went in.
    pub models: Vec<String>,
    /// Logged models that came out.
    pub outputs: Vec<Output>,
}

/// Part of a metric's history, by time, then step, then value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// The points.
    pub points: Vec<Metric>,
    /// What `after` must be for the next ones, if there are more.
    pub next: Option<String>,
}

/// The values of one metric of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series<'a> {
    /// The run.
    pub run: &'a Uid,
    /// The metric.
    pub key: &'a str,
}

/// Which points a chart wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Of which runs, at most [`SAMPLE_RUNS_MAX`].
    pub runs: Vec<Uid>,
    /// The metric.
    pub key: String,
    /// The first step; all of them when absent.
    pub from: Option<i64>,
    /// The last step; all of them when absent.
    pub to: Option<i64>,
    /// How many points of each run at most, evenly chosen, the first and the last among them; the last one alone when 1.
    pub points: u32,
}

/// A value of a metric measured of a logged model, and the run it was logged to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The run.
    pub run: Uid,
    /// The value; its `model` says of which model.
    pub metric: Metric,
}

/// What an export holds and an import takes, a piece at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Piece {
    /// A run's attributes.
    Run(Run),
    /// Something logged to a run: its organization, the run, what.
    Logged(String, Uid, Box<Batch>),
    /// A file: its organization, and the file.
    File(String, file::File),
    /// A trace.
    Trace(Box<trace::Trace>),
    /// Spans of a trace: its organization, the trace, what.
    Spans(String, String, Vec<trace::Span>),
}

/// Keeps what is logged. An organization's runs are only found under it.
pub trait Tracking: Send + Sync {
    /// Keeps a run's attributes, whether it is known or new. What was logged to it stays.
    fn put<'a>(&'a self, run: Run) -> Later<'a, ()>;

    /// Logs to a run, all of it or nothing.
    ///
    /// # Errors
    /// `run-unknown` (404), `param-differs` (409, the field names the parameter), `tag-unknown` (404),
    /// `batch-invalid` (422) when it breaks a limit: see [`check`].
    fn log<'a>(&'a self, org: &'a str, run: &'a Uid, batch: Batch) -> Later<'a, ()>;

    /// A run and the latest of what was logged to it.
    fn run<'a>(&'a self, org: &'a str, id: &'a Uid) -> Later<'a, Option<Found>>;

    /// The runs that fit, in order.
    ///
    /// # Errors
    /// `bad-page-token` (400) when `after` is not from an answer to the same search.
    fn search<'a>(&'a self, ask: Search) -> Later<'a, Page>;

    /// A metric's history, a part at a time; nothing for a run or a key that is unknown.
    ///
    /// # Errors
    /// `bad-page-token` (400).
    fn history<'a>(
        &'a self,
        org: &'a str,
        series: Series<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Later<'a, Points>;

    /// Points of a metric for a chart, of each run that has any, in the order asked for and by step.
    fn sampled<'a>(&'a self, org: &'a str, ask: Sample) -> Later<'a, Vec<(Uid, Vec<Metric>)>>;

    /// The latest values of the metrics measured of logged models, by model, run, data and key.
    fn measured<'a>(&'a self, org: &'a str, models: &'a [String]) -> Later<'a, Vec<Measured>>;

    /// Forgets a run and everything logged to it, for good. What is unknown is forgotten already.
    fn forget<'a>(&'a self, org: &'a str, run: &'a Uid) -> Later<'a, ()>;

    /// Everything kept, a part at a time, in an order of the engine's own: what `after` must be for the next
    /// part comes with it, and nothing when there is no more. For backups and for moving between engines.
    fn export<'a>(&'a self, after: Option<String>) -> Later<'a, (Vec<Piece>, Option<String>)>;

    /// Takes in what an export held. Pieces that are there already change nothing.
    fn import<'a>(&'a self, pieces: Vec<Piece>) -> Later<'a, ()>;
}

/// The refusal of a run that nobody has put.
pub fn unknown(run: &Uid) -> Error {
    Error::not_found("run-unknown", format!("there is no run `{run}` to log to"))
        .hint("look for it in the trash, or begin another")
}

/// Refuses a batch that breaks a limit, naming what breaks it.
///
/// # Errors
/// `batch-invalid` (422).
pub fn check(batch: &Batch) -> Result<()> {
    let count = |what: &str, count: usize, max: usize| match count > max {
        true => {
            Err(refused(what, format!("there are {count} {what} in the batch, and at most {max} may be")))
        }
        false => Ok(()),
    };
    count("metrics", batch.metrics.len(), METRICS_MAX)?;
    count("params", batch.params.len(), PARAMS_MAX)?;
    count("tags", batch.tags.len(), TAGS_MAX)?;
    count("entries", batch.metrics.len() + batch.params.len() + batch.tags.len(), BATCH_MAX)?;
    let keys = |what: &'static str, key: &str| match key.is_empty() || key.chars().count() > KEY_MAX {
        true => Err(refused(what, format!("a key of {what} must have 1 to {KEY_MAX} characters"))),
        false => Ok(()),
    };
    batch.metrics.iter().try_for_each(|it| keys("metrics", &it.key))?;
    batch.params.iter().try_for_each(|it| keys("params", &it.key))?;
    batch.tags.iter().try_for_each(|it| keys("tags", &it.key))?;
    let long = |what: &str, pairs: &[Pair], max: usize| match pairs
        .iter()
        .find(|it| it.value.len() > max && it.value.chars().count() > max)
    {
        Some(pair) => {
            Err(refused(what, format!("the value of `{}` is longer than {max} characters", pair.key)))
        }
        None => Ok(()),
    };
    long("params", &batch.params, PARAM_MAX)?;
    long("tags", &batch.tags, TAG_MAX)?;
    for (at, pair) in batch.params.iter().enumerate() {
        let earlier = batch.params[..at].iter().find(|it| it.key == pair.key);
        if let Some(earlier) = earlier.filter(|it| it.value != pair.value) {
            return Err(differs(&pair.key, &earlier.value, &pair.value));
        }
    }
    Ok(())
}

fn refused(field: &str, message: String) -> Error {
    Error::invalid("batch-invalid", message).at(field).hint("log it in several smaller batches")
}

/// The refusal of another value for a parameter that has one.
pub fn differs(key: &str, old: &str, new: &str) -> Error {
    Error::conflict(
        "param-differs",
        format!("parameter `{key}` is `{}` and cannot become `{}`", short(old), short(new)),
    )
    .at(key)
    .hint("a parameter is set once; log what changes as a metric or a tag")
}

fn short(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_breaks_a_limit_is_refused_by_name() {
        let told = |count| Batch { params: vec![Pair::new("a", "1"); count], ..Batch::default() };
        assert!(check(&told(PARAMS_MAX)).is_ok());
        assert_eq!(check(&told(PARAMS_MAX + 1)).unwrap_err().field(), Some("params"));
        let empty = Batch { tags: vec![Pair::new("", "1")], ..Batch::default() };
        assert_eq!(check(&empty).unwrap_err().code(), "batch-invalid");
        let long = Batch { tags: vec![Pair::new("a", "é".repeat(TAG_MAX + 1))], ..Batch::default() };
        assert_eq!(check(&long).unwrap_err().field(), Some("tags"));
        let just = Batch { tags: vec![Pair::new("a", "é".repeat(TAG_MAX))], ..Batch::default() };
        assert!(check(&just).is_ok());
    }

    #[test]
    fn two_values_of_a_parameter_in_one_batch_are_refused() {
        let batch = Batch { params: vec![Pair::new("a", "1"), Pair::new("a", "2")], ..Batch::default() };
        assert_eq!(check(&batch).unwrap_err().code(), "param-differs");
    }

    #[test]
    fn what_is_no_finite_number_survives_json() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.1, -0.0] {
            let metric = Metric { key: "m".to_owned(), value, step: -1, time_ms: 5, model: None, data: None };
            let text = serde_json::to_string(&metric).unwrap();
            let back: Metric = serde_json::from_str(&text).unwrap();
            assert!(
                back.value.to_bits() == value.to_bits() || value.is_nan() && back.value.is_nan(),
                "{text}"
            );
        }
    }
}
