//! What a search of traces asks: conditions that all must hold, an order, a page.

use base::Uid;

use super::{Sort, Trace};
use crate::tracking::search::Test;

/// A place of a trace that has one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Its identifier.
    Id,
    /// What the client calls it.
    Client,
    /// The experiment.
    Experiment,
    /// When it began, in milliseconds.
    Began,
    /// How long it took, in milliseconds.
    Lasted,
    /// When it ended, in milliseconds; it began then if it has not.
    Ended,
    /// Where it is, by its word.
    State,
    /// A tag.
    Tag(String),
    /// Metadata.
    Metadata(String),
}

impl Place {
    /// Whether its values are numbers.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Began | Self::Lasted | Self::Ended)
    }
}

/// What of a span a condition is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its name.
    Name,
    /// Its sort.
    Sort,
    /// How it ended.
    Status,
    /// All of it as text.
    Body,
    /// An attribute, as the text it is or as JSON.
    Attribute(String),
}

/// What a condition is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Matter {
    /// A place of the trace.
    Place(Place),
    /// The run it was made in or linked to; `Test::Text(Op::Is, …)` only.
    Run,
    /// A prompt it was linked to; `Test::Text(Op::Is, …)` only.
    Prompt,
    /// Some span: all conditions on spans must hold for the same one.
    Span(Part),
    /// Some valid assessment of a sort and name, of the trace or of the whole conversation it is part of.
    Assessment(Sort, String),
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// About what.
    pub matter: Matter,
    /// What must be true of it.
    pub test: Test,
}

/// One part of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what. What is missing comes last, either way.
    pub place: Place,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// Which traces, in which order. Ties go by the beginning, the latest first, then by identifier.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// The organization.
    pub org: String,
    /// The experiments, at least one.
    pub experiments: Vec<Uid>,
    /// What must hold, all of it.
    pub conditions: Vec<Condition>,
    /// The order.
    pub order: Vec<Order>,
    /// Where to go on: `next` of the page before.
    pub after: Option<String>,
    /// How many at most, from 1 to [`TRACES_MAX`].
    pub limit: u32,
}

/// A page of traces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The traces.
    pub traces: Vec<Trace>,
    /// What `after` must be for the next page, if there is one.
    pub next: Option<String>,
}
