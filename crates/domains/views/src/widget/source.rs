//! What a widget can show, and what each sort of it is told.

use kernel::prelude::*;

use super::bad_path;
use crate::ask;

/// What a widget is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Curves of metrics of runs.
    Series,
    /// A list of objects of any kind.
    Table,
    /// One number.
    Stat,
    /// A text in Markdown.
    Text,
    /// Runs side by side.
    Comparison,
    /// What a component makes of its parameters.
    Component,
}

impl Form {
    /// The word for it, which is the name of its field.
    pub fn word(self) -> &'static str {
        match self {
            Self::Series => "series",
            Self::Table => "table",
            Self::Stat => "stat",
            Self::Text => "text",
            Self::Comparison => "comparison",
            Self::Component => "component",
        }
    }
}

/// Curves of metrics of runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Series {
    /// The experiment whose latest runs are shown.
    #[field(max = 253, example = "penguins")]
    pub experiment: Option<String>,
    /// Or these runs.
    #[field(max = 50)]
    pub runs: Vec<String>,
    /// The metrics.
    #[field(min = 1, max = 8, example = "loss")]
    pub metrics: Vec<String>,
    /// How many points of each curve at most.
    #[field(min = 2, max = 2000, default = 200)]
    pub points: u32,
    /// How many of the experiment's runs at most, the latest first.
    #[field(min = 1, max = 50, default = 10)]
    pub limit: u32,
    /// What stands below the curves.
    #[field(default = "step")]
    pub axis: Axis,
    /// Whether values are drawn on a logarithmic axis.
    #[field(default = false)]
    pub logarithmic: bool,
}

/// What stands below curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Steps of the training.
    Step,
    /// The time of day.
    Time,
    /// Seconds since each run began.
    Relative,
}

impl Series {
    /// Refuses curves of nothing.
    pub fn check(&self) -> Result<()> {
        one_of("series", self.experiment.is_some(), !self.runs.is_empty())
    }
}

fn one_of(what: &str, experiment: bool, runs: bool) -> Result<()> {
    if experiment == runs {
        return Err(Error::invalid(
            "widget-unclear",
            format!("a {what} names either an `experiment` or `runs`"),
        ));
    }
    Ok(())
}

/// A list of objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// The kind.
    #[field(min = 1, max = 100, example = "catalog.models")]
    pub kind: String,
    /// Which of them, in the grammar of lists (AIP-160).
    #[field(max = 2000, example = "status.phase = \"Failed\"")]
    pub filter: Option<String>,
    /// Which of them, by label.
    #[field(max = 2000, example = "env=prod")]
    pub label_selector: Option<String>,
    /// The columns, as paths; the name and when it was made when none are given.
    #[field(max = 30, example = "status.phase")]
    pub columns: Vec<String>,
    /// A path to sort by, `-` in front for largest first.
    #[field(max = 200, example = "-metadata.creationTimestamp")]
    pub sort: Option<String>,
    /// How many rows.
    #[field(min = 1, max = 200, default = 20)]
    pub limit: u32,
}

impl Table {
    /// Refuses a kind, filter or column there cannot be.
    pub fn check(&self, cx: &Cx) -> Result<()> {
        ask::check(cx, &self.kind, self.filter.as_deref())?;
        self.columns.iter().try_for_each(|column| is_path(column))
    }
}

/// Refuses what is no path of an object.
pub fn is_path(path: &str) -> Result<()> {
    let begins = ["metadata.", "spec.", "status."].iter().any(|start| path.starts_with(start));
    if begins && path.len() <= 300 { Ok(()) } else { Err(bad_path(path)) }
}

/// One number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Stat {
    /// The kind that is counted.
    #[field(max = 100, example = "system.runs")]
    pub kind: Option<String>,
    /// Which of its objects, in the grammar of lists (AIP-160).
    #[field(max = 2000, example = "status.phase = \"Failed\"")]
    pub filter: Option<String>,
    /// What is made of them.
    #[field(default = "count")]
    pub aggregate: Aggregate,
    /// The field that is summed up, where objects are not only counted.
    #[field(max = 300, example = "status.metrics.accuracy")]
    pub field: Option<String>,
    /// Or a metric of the platform, as `GET /api/v1/admin/metrics` names them.
    #[field(max = 100, example = "requests.rate")]
    pub metric: Option<String>,
    /// What is written behind the number.
    #[field(max = 40, example = "ms")]
    pub unit: Option<String>,
    /// The most there should be, for a bar from 0 to it.
    pub goal: Option<f64>,
}

/// What is made of many numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// How many objects there are.
    Count,
    /// All of them together.
    Sum,
    /// The mean.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// That of the newest object.
    Latest,
}

impl Stat {
    /// Refuses a number of nothing.
    pub fn check(&self, cx: &Cx) -> Result<()> {
        let unclear = |why: &str| Err(Error::invalid("widget-unclear", why));
        match (&self.kind, &self.metric) {
            (Some(kind), None) => ask::check(cx, kind, self.filter.as_deref())?,
            (None, Some(_)) if self.aggregate == Aggregate::Count && self.filter.is_none() => return Ok(()),
            (None, Some(_)) => return unclear("a metric of the platform has no filter and no aggregate"),
            _ => return unclear("a stat names either a `kind` or a `metric`"),
        }
        match (&self.field, self.aggregate) {
            (None, Aggregate::Count) => Ok(()),
            (Some(_), Aggregate::Count) => unclear("objects are counted without a `field`"),
            (Some(field), _) => is_path(field),
            (None, _) => unclear("what is summed up is said in `field`"),
        }
    }
}

/// Runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Comparison {
    /// These runs.
    #[field(max = 20)]
    pub runs: Vec<String>,
    /// Or the best runs of an experiment.
    #[field(max = 253)]
    pub experiment: Option<String>,
    /// By which metric they are the best.
    #[field(max = 250, example = "accuracy")]
    pub metric: Option<String>,
    /// Whether the lowest is the best.
    #[field(default = false)]
    pub lowest: bool,
    /// How many of the best.
    #[field(min = 2, max = 20, default = 5)]
    pub limit: u32,
}

impl Comparison {
    /// Refuses a comparison of nothing.
    pub fn check(&self) -> Result<()> {
        one_of("comparison", self.experiment.is_some(), !self.runs.is_empty())?;
        if self.experiment.is_some() && self.metric.is_none() {
            return Err(Error::invalid("widget-unclear", "the best runs are the best by a `metric`"));
        }
        if self.runs.len() == 1 {
            return Err(Error::invalid("widget-unclear", "a comparison takes two runs or more"));
        }
        Ok(())
    }
}
