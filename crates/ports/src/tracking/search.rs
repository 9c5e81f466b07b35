//! What a search of runs asks: conditions that all must hold, an order, a page.

use base::Uid;

use super::Found;

/// Which runs by whether they are in the trash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Those that are not.
    #[default]
    Active,
    /// Those that are.
    Deleted,
    /// All.
    All,
}

/// An attribute of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// Its identifier.
    Id,
    /// Its name.
    Name,
    /// Who began it.
    User,
    /// Where it is, by its word.
    State,
    /// When it began, in milliseconds.
    Started,
    /// When it ended, in milliseconds; missing while it has not.
    Ended,
    /// Where its artifacts are.
    Artifacts,
}

/// What is asked about or ordered by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// An attribute.
    Attribute(Attribute),
    /// The latest value of a metric.
    Metric(String),
    /// A parameter.
    Param(String),
    /// A tag.
    Tag(String),
    /// The name of data that went in. Holds when it holds for any input. Not to order by.
    DataName,
    /// The digest of data that went in; likewise.
    DataDigest,
    /// The tag `mlflow.data.context` of data that went in; likewise.
    DataContext,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Is,
    /// Not equal.
    IsNot,
    /// Less.
    Less,
    /// Less or equal.
    AtMost,
    /// Greater.
    More,
    /// Greater or equal.
    AtLeast,
}

/// What must be true of a value. A value that is missing fits none of them but [`Test::Missing`].
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// A number compared: metrics, and the two times. `NaN` fits only `IsNot`.
    Number(Op, f64),
    /// A text compared, by its bytes.
    Text(Op, String),
    /// A text like a pattern: `%` for any characters, `_` for one; letters exactly.
    Like(String),
    /// The same, letters in either case.
    LikeAnyCase(String),
    /// A text in which a regular expression finds something.
    Matches(String),
    /// One of some texts.
    In(Vec<String>),
    /// None of some texts.
    NotIn(Vec<String>),
    /// That there is none.
    Missing,
    /// That there is one.
    Present,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// About what.
    pub field: Field,
    /// What must be true of it.
    pub test: Test,
}

/// One part of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub field: Field,
    /// Whether the largest comes first. `NaN` comes after every number and what is missing after that, either way.
    pub descending: bool,
}

/// Which runs, in which order. Ties go by start, the latest first, then by identifier.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// The organization.
    pub org: String,
    /// The experiments, at least one.
    pub experiments: Vec<Uid>,
    /// What must hold, all of it.
    pub conditions: Vec<Condition>,
    /// Whether the trash is looked at.
    pub view: View,
    /// The order.
    pub order: Vec<Order>,
    /// Where to go on: `next` of the page before.
    pub after: Option<String>,
    /// How many at most, from 1 to [`super::RUNS_MAX`].
    pub limit: u32,
}

/// A page of runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The runs.
    pub runs: Vec<Found>,
    /// What `after` must be for the next page, if there is one. It stands for a place in the order, not for a
    /// number of runs, so that runs begun meanwhile move nothing.
    pub next: Option<String>,
}
