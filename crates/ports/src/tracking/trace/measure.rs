//! What is counted and measured over traces, over their spans, or over what was said of them.

use super::Search;

/// The most points answered at once.
pub const POINTS_MAX: u32 = 1_000;

/// What has the value that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A trace.
    Trace,
    /// A span.
    Span,
    /// An assessment nothing stands in the place of.
    Assessment,
}

/// What is measured. Whatever lacks the value is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// That there is one of the subject: to be counted.
    One(Subject),
    /// The different conversations of traces: to be counted.
    Conversations,
    /// How long a trace or a span took, in milliseconds.
    Lasted(Subject),
    /// Tokens of a trace, by their name in its metadata `USAGE`.
    Tokens(&'static str),
    /// What a span cost, by its name, in US dollars.
    Cost(&'static str),
    /// What an assessment says: a number, or 1 for `true` and `yes`, 0 for `false` and `no`.
    Judged,
}

impl Quantity {
    /// What has it.
    pub fn subject(self) -> Subject {
        match self {
            Self::One(subject) | Self::Lasted(subject) => subject,
            Self::Conversations | Self::Tokens(_) => Subject::Trace,
            Self::Cost(_) => Subject::Span,
            Self::Judged => Subject::Assessment,
        }
    }
}

/// What points are told apart by, and what a value may be asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The trace's name.
    TraceName,
    /// Where the trace is.
    TraceState,
    /// The span's name.
    SpanName,
    /// Its sort.
    SpanSort,
    /// How it ended.
    SpanStatus,
    /// The model it asked.
    SpanModel,
    /// Whose model that is.
    SpanProvider,
    /// What is assessed.
    AssessmentName,
    /// What the assessment says, as JSON.
    AssessmentValue,
    /// Its sort.
    AssessmentSort,
}

/// How the values of a point become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// How many there are.
    Count,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The least.
    Least,
    /// The most.
    Most,
    /// The value that so many of a hundred do not exceed, between two of them by a straight line
    /// (Hyndman and Fan 1996, definition 7).
    Percentile(f64),
}

/// A question about many traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Which traces: the organization, experiments and conditions count, order and page do not.
    pub traces: Search,
    /// What the subject must be beside, all of it.
    pub is: Vec<(Key, String)>,
    /// What is measured.
    pub quantity: Quantity,
    /// How its values become one.
    pub aggregates: Vec<Aggregate>,
    /// What points are told apart by.
    pub by: Vec<Key>,
    /// How long a point is, in milliseconds; one point for all time when none.
    pub every_ms: Option<i64>,
    /// When the subject began at the earliest, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// And at the latest.
    pub until_ms: Option<i64>,
    /// How many points at most, from 1 to [`POINTS_MAX`].
    pub limit: u32,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// When it begins, in milliseconds since 1970, where time is told apart.
    pub at_ms: Option<i64>,
    /// What it is told apart by, in the order asked for.
    pub by: Vec<String>,
    /// The values, in the order asked for; none where nothing has a value.
    pub values: Vec<Option<f64>>,
}
