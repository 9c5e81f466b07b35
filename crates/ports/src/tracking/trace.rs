//! Traces: one request through an application each, the spans it is made of, and what was said of it.
//!
//! The words are those of OpenTelemetry and of MLflow's tracing (release 3.17). Whose a trace is, its experiment says.
//!
//! What every engine promises, and the suite of `engines/tracking` checks: what is acknowledged is durable; spans may
//! come before the trace is told, after it, twice or in another order, and the end is the same; what the trace itself
//! was told of its beginning and length is not changed by spans that come later; a search finds what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use base::{Error, Result, Uid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Later;

mod find;
pub mod measure;

pub use find::{Condition, Matter, Order, Page, Part, Place, Search};

/// The most tags, and likewise metadata, of a trace.
pub const PAIRS_MAX: usize = 1_000;
/// The most assessments of a trace.
pub const ASSESSMENTS_MAX: usize = 1_000;
/// The most spans told at once.
pub const SPANS_MAX: usize = 10_000;
/// The most bytes of a span's body.
pub const SPAN_BYTES_MAX: usize = 16 << 20;
/// The most traces answered or deleted at once.
pub const TRACES_MAX: u32 = 500;

/// The tag of a trace's name.
pub const NAME: &str = "mlflow.traceName";
/// The metadata that says a trace was told by whoever made it, so that spans no longer say when it was.
pub const SETTLED: &str = "mlflow.trace.infoFinalized";
/// The metadata that names the run a trace was made in.
pub const SOURCE_RUN: &str = "mlflow.sourceRun";
/// The metadata that names the conversation a trace is part of.
pub const SESSION: &str = "mlflow.trace.session";
/// The metadata that counts the tokens of a trace, as a JSON object.
pub const USAGE: &str = "mlflow.trace.tokenUsage";
/// The metadata that counts the cost of a trace in US dollars, as a JSON object.
pub const COST: &str = "mlflow.trace.cost";

/// Where a trace is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Nobody has said.
    #[default]
    StateUnspecified,
    /// Under way.
    InProgress,
    /// Done.
    Ok,
    /// Failed.
    Error,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::StateUnspecified, Self::InProgress, Self::Ok, Self::Error];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StateUnspecified => "STATE_UNSPECIFIED",
            Self::InProgress => "IN_PROGRESS",
            Self::Ok => "OK",
            Self::Error => "ERROR",
        }
    }

    /// The state with a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One request through an application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The organization it belongs to.
    pub org: String,
    /// The experiment it belongs to.
    pub experiment: Uid,
    /// Its identifier, `tr-` and the 32 hexadecimal digits of OpenTelemetry's.
    pub id: String,
    /// What the client calls the request.
    pub client: Option<String>,
    /// Where it is.
    pub state: State,
    /// When it began, in milliseconds since 1970.
    pub began_ms: i64,
    /// How long it took, in milliseconds.
    pub lasted_ms: Option<i64>,
    /// The beginning of what was asked.
    pub request: Option<String>,
    /// The beginning of what was answered.
    pub response: Option<String>,
    /// What may be changed later.
    pub tags: BTreeMap<String, String>,
    /// What is not changed later.
    pub metadata: BTreeMap<String, String>,
    /// What was said of it, in the order it was said.
    pub assessments: Vec<Assessment>,
    /// Runs it was linked to, beside the one it was made in.
    pub runs: BTreeSet<String>,
    /// Versions of prompts it was linked to, as `name/version`.
    pub prompts: BTreeSet<String>,
}

impl Trace {
    /// A trace nothing is known of yet.
    pub fn new(org: impl Into<String>, experiment: Uid, id: impl Into<String>) -> Self {
        Self {
            org: org.into(),
            experiment,
            id: id.into(),
            client: None,
            state: State::default(),
            began_ms: 0,
            lasted_ms: None,
            request: None,
            response: None,
            tags: BTreeMap::new(),
            metadata: BTreeMap::new(),
            assessments: Vec::new(),
            runs: BTreeSet::new(),
            prompts: BTreeSet::new(),
        }
    }
}

/// What an assessment says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judged {
    /// How good something was.
    Feedback {
        /// A number, a text, a flag, or a list or map of them.
        value: Value,
        /// Why there is no value, as `error_code`, `error_message` and `stack_trace`.
        error: Option<Value>,
    },
    /// What should have come out.
    Expectation(Value),
    /// That it shows a known issue, by its name.
    Issue(String),
}

impl Judged {
    /// Its sort in a word.
    pub fn sort(&self) -> Sort {
        match self {
            Self::Feedback { .. } => Sort::Feedback,
            Self::Expectation(_) => Sort::Expectation,
            Self::Issue(_) => Sort::Issue,
        }
    }
}

/// What sort of assessment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// How good something was.
    Feedback,
    /// What should have come out.
    Expectation,
    /// A known issue.
    Issue,
}

impl Sort {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feedback => "feedback",
            Self::Expectation => "expectation",
            Self::Issue => "issue",
        }
    }
}

/// What somebody said of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// Its identifier.
    pub id: String,
    /// What is assessed; the identifier of the issue where it is one.
    pub name: String,
    /// What it says.
    pub judged: Judged,
    /// The span it is about, if not about the whole.
    pub span: Option<String>,
    /// Who says so: `HUMAN`, `LLM_JUDGE`, `CODE` or `SOURCE_TYPE_UNSPECIFIED`.
    pub source: String,
    /// Which one of those.
    pub source_id: Option<String>,
    /// Why.
    pub rationale: Option<String>,
    /// What else is told.
    pub metadata: BTreeMap<String, String>,
    /// When it was said, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was changed, in milliseconds since 1970.
    pub updated_ms: i64,
    /// The assessment it stands in the place of.
    pub overrides: Option<String>,
    /// Whether none stands in its place.
    pub valid: bool,
}

/// What of an assessment becomes something else; what is absent stays, and metadata is added to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reassessment {
    /// What is assessed.
    pub name: Option<String>,
    /// What it says; of the same sort.
    pub judged: Option<Judged>,
    /// Why.
    pub rationale: Option<String>,
    /// What else is told.
    pub metadata: BTreeMap<String, String>,
}

/// A part of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Its identifier within the trace, 16 hexadecimal digits.
    pub id: String,
    /// The span it is part of; none of the first.
    pub parent: Option<String>,
    /// What it does.
    pub name: String,
    /// Its sort, such as `LLM` or `TOOL`.
    pub sort: Option<String>,
    /// How it ended: `OK`, `ERROR` or `UNSET`.
    pub status: String,
    /// When it began, in nanoseconds since 1970.
    pub began_ns: i64,
    /// When it ended, in nanoseconds since 1970.
    pub ended_ns: Option<i64>,
    /// The tokens it used, by name.
    pub usage: BTreeMap<String, f64>,
    /// What it cost, by name.
    pub cost: BTreeMap<String, f64>,
    /// All of it, as JSON; `attributes` is an object of texts that are JSON themselves.
    pub body: String,
}

/// Spans of one trace told together, and what they say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spans {
    /// The organization.
    pub org: String,
    /// The experiment, where the trace is new.
    pub experiment: Uid,
    /// The trace.
    pub trace: String,
    /// The spans; one that is known is replaced.
    pub spans: Vec<Span>,
    /// What the first span says of the trace's end.
    pub state: Option<State>,
    /// The beginning of what was asked, where nobody has told.
    pub request: Option<String>,
    /// The beginning of what was answered, where nobody has told.
    pub response: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Metadata that is not there yet.
    pub metadata: BTreeMap<String, String>,
}

/// A change to a trace.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Sets a tag.
    Tag(String, String),
    /// Takes a tag away (`tag-unknown` when it is not there).
    Untag(String),
    /// Ends it, and adds what is told.
    End(Box<End>),
    /// Says something of it (`assessment-unknown` when it stands in the place of one that is not there).
    Assess(Box<Assessment>),
    /// Changes what was said, and when it was changed (`assessment-unknown`, `assessment-other-sort`).
    Reassess(String, Box<Reassessment>, i64),
    /// Takes back what was said; the one it stood in the place of is valid again.
    Unassess(String),
    /// Links it to a run; also one that nobody has told of yet, for when somebody does.
    LinkRun(String),
    /// Links it to versions of prompts.
    LinkPrompts(Vec<String>),
}

/// How a trace ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How.
    pub state: State,
    /// Tags to set.
    pub tags: BTreeMap<String, String>,
    /// Metadata to set.
    pub metadata: BTreeMap<String, String>,
}

/// Which traces of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// These.
    Named(Vec<String>),
    /// The oldest ones that began by a time, in milliseconds since 1970, at most so many.
    Oldest(i64, u32),
    /// All of them.
    All,
}

/// Keeps traces and their spans. An organization's traces are only found under it.
pub trait Traces: Send + Sync {
    /// Keeps a trace as whoever made it tells it; with what spans have told already. With the metadata [`SETTLED`]
    /// spans that come later do not change when it began and how long it took.
    ///
    /// # Errors
    /// `trace-invalid` (422) when it breaks a limit.
    fn begin<'a>(&'a self, trace: Trace) -> Later<'a, Trace>;

    /// Keeps spans, all of them or none; a trace that nobody has told of is begun.
    ///
    /// # Errors
    /// `trace-invalid` (422) when they break a limit.
    fn spans_told<'a>(&'a self, told: Vec<Spans>) -> Later<'a, ()>;

    /// Changes a trace.
    ///
    /// # Errors
    /// `trace-unknown` (404), those of the [`Edit`], and `trace-invalid` (422) when a limit is broken.
    fn edit<'a>(&'a self, org: &'a str, id: &'a str, edit: Edit) -> Later<'a, Trace>;

    /// Traces by identifier, in the order asked for; those that are unknown are left out.
    fn traces<'a>(&'a self, org: &'a str, ids: &'a [String]) -> Later<'a, Vec<Trace>>;

    /// The spans of a trace: the first one first, then by beginning.
    fn spans<'a>(&'a self, org: &'a str, id: &'a str) -> Later<'a, Vec<Span>>;

    /// The traces that fit, in order.
    ///
    /// # Errors
    /// `bad-page-token` (400) when `after` is not from an answer to the same search.
    fn find<'a>(&'a self, ask: Search) -> Later<'a, Page>;

    /// What is counted and measured over many traces: points by time, then by what they are told apart by.
    fn measure<'a>(&'a self, ask: measure::Measure) -> Later<'a, Vec<measure::Point>>;

    /// How many traces fit.
    fn count<'a>(&'a self, ask: Search) -> Later<'a, u64>;

    /// Forgets traces of an experiment with all their spans, for good; answers how many.
    fn forget_traces<'a>(&'a self, org: &'a str, experiment: &'a Uid, which: Which) -> Later<'a, u64>;
}

/// The refusal of a trace that nobody has told of.
pub fn unknown(id: &str) -> Error {
    Error::not_found("trace-unknown", format!("there is no trace `{id}`"))
        .hint("it may have been deleted; search for those there are")
}

/// The refusal of an assessment that nobody has made.
pub fn no_assessment(trace: &str, id: &str) -> Error {
    Error::not_found("assessment-unknown", format!("there is no assessment `{id}` of trace `{trace}`"))
}

/// Refuses a trace that breaks a limit, naming which.
///
/// # Errors
/// `trace-invalid` (422).
pub fn check(trace: &Trace) -> Result<()> {
    at_most("tags", trace.tags.len(), PAIRS_MAX)?;
    at_most("metadata", trace.metadata.len(), PAIRS_MAX)?;
    at_most("assessments", trace.assessments.len(), ASSESSMENTS_MAX)?;
    at_most("runs", trace.runs.len(), PAIRS_MAX)?;
    at_most("prompts", trace.prompts.len(), PAIRS_MAX)
}

/// Refuses spans that break a limit, naming which.
///
/// # Errors
/// `trace-invalid` (422).
pub fn check_spans(told: &[Spans]) -> Result<()> {
    at_most("spans", told.iter().map(|it| it.spans.len()).sum(), SPANS_MAX)?;
    let longest = told.iter().flat_map(|it| &it.spans).map(|span| span.body.len()).max();
    at_most("bytes of a span", longest.unwrap_or(0), SPAN_BYTES_MAX)
}

fn at_most(what: &str, count: usize, max: usize) -> Result<()> {
    if count <= max {
        return Ok(());
    }
    let message = format!("there are {count} {what}, and at most {max} may be");
    Err(Error::invalid("trace-invalid", message)
        .at(what.to_owned())
        .hint("tell less of one trace, or in parts"))
}
