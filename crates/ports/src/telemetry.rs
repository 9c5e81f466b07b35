//! Spans: what a piece of work was and how long it took, told to a collector of traces as OpenTelemetry has them.

use base::{Time, TraceParent};

use crate::Later;

/// What an attribute says.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
}

/// A piece of work that is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace it belongs to.
    pub trace: u128,
    /// Its own number.
    pub id: u64,
    /// The span it was asked for in.
    pub parent: Option<u64>,
    /// What it was.
    pub name: String,
    /// When it began.
    pub began: Time,
    /// When it ended.
    pub ended: Time,
    /// What is said of it, by name.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// What became of spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken by the collector.
    pub exported: u64,
    /// Lost because too many waited.
    pub dropped: u64,
    /// Lost because the collector did not take them.
    pub refused: u64,
}

/// Tells spans to a collector.
pub trait Spans: Send + Sync {
    /// Whether a span is wanted of work that is asked for: as whoever asks keeps its own, else by chance. Nothing need be
    /// made for one that is not.
    fn wants(&self, parent: Option<&TraceParent>) -> bool;

    /// Hands a span over, and waits for nothing.
    fn offer(&self, span: Span);

    /// What became of those until now.
    fn counts(&self) -> Counts;

    /// Ends when what waits has been told, or cannot be.
    fn flush(&self) -> Later<'_, ()>;
}

/// The engine of a platform that was told of no collector.
pub struct Untold;

impl Spans for Untold {
    fn wants(&self, _: Option<&TraceParent>) -> bool {
        false
    }

    fn offer(&self, _: Span) {}

    fn counts(&self) -> Counts {
        Counts::default()
    }

    fn flush(&self) -> Later<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}
