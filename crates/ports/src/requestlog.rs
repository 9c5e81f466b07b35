//! The request log: what endpoints were asked and what they answered, sampled, and what turned out to be true later.
//!
//! A row is one predicted row. Its columns are those of [`COLUMNS`], then `in.NAME` for each input, `out.NAME` for each
//! output, and `why.NAME` for what each input added, where the request was explained.

use std::{collections::BTreeMap, sync::Arc};

use base::{Result, Time, Uid};
use serde_json::{Map, Value, json};

use crate::{
    infer::{Explanation, Tensor},
    table::{Column, ColumnType, Table, Values, cells},
};

/// What every row has, whatever the model: its number in the log, the prediction it is of and its place in it, when, who
/// asked, the version and the revision that answered, and how long that took.
pub const COLUMNS: [(&str, ColumnType); 8] = [
    ("number", ColumnType::Integer),
    ("id", ColumnType::Text),
    ("row", ColumnType::Integer),
    ("at", ColumnType::Time),
    ("caller", ColumnType::Text),
    ("version", ColumnType::Integer),
    ("revision", ColumnType::Integer),
    ("ms", ColumnType::Number),
];

/// What is kept of an endpoint's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Inputs and outputs that are never written.
    pub redact: Vec<String>,
    /// For how many days rows are kept.
    pub days: u32,
    /// How many bytes they may have together; the oldest go first.
    pub bytes: u64,
}

/// One request that was answered, on its way into the log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The endpoint.
    pub endpoint: Uid,
    /// The prediction.
    pub id: Uid,
    /// When it was asked for.
    pub at: Time,
    /// Who asked.
    pub caller: String,
    /// The number of the version that answered.
    pub version: u64,
    /// The number of the revision that answered.
    pub revision: u64,
    /// How long it took.
    pub seconds: f64,
    /// What it was asked for.
    pub inputs: Vec<Tensor>,
    /// What it answered.
    pub outputs: Vec<Tensor>,
    /// The classes in the order of the probabilities.
    pub classes: Arc<[String]>,
    /// Why, one a row; none where it was not explained.
    pub explanations: Vec<Explanation>,
    /// What is kept.
    pub policy: Arc<Policy>,
}

/// Which rows are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Not before this moment.
    pub since: Option<Time>,
    /// Before this moment.
    pub until: Option<Time>,
    /// Behind the row of this number.
    pub after: Option<u64>,
    /// Before the row of this number.
    pub before: Option<u64>,
    /// Whether files are handed out from the newest on; the rows of each go up all the same.
    pub newest_first: bool,
}

/// What turned out to be true of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// The prediction.
    pub id: String,
    /// The place of the row in it.
    pub row: u64,
    /// The class, or the number.
    pub value: Value,
}

/// What became of truths that were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// How many were new.
    pub accepted: u64,
    /// How many had been told before, and the same.
    pub repeated: u64,
    /// How many had been told otherwise before; the last word counts.
    pub changed: u64,
    /// The rows that are not in the log, as `id/row`.
    pub unknown: Vec<String>,
}

/// What is told of one endpoint's log.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extent {
    /// Rows kept.
    pub rows: u64,
    /// Bytes of them on the disk.
    pub bytes: u64,
    /// Files they are in.
    pub files: u64,
    /// When the oldest was asked for.
    pub oldest: Option<Time>,
    /// When the newest was asked for.
    pub newest: Option<Time>,
    /// The number the next row gets.
    pub next: u64,
    /// Rows of which the truth is known.
    pub truths: u64,
}

/// What a column is called in the log, and where it is read from.
pub const INPUT: &str = "in.";
/// What an output is called in the log.
pub const OUTPUT: &str = "out.";
/// What an input added is called in the log.
pub const WHY: &str = "why.";

/// Keeps requests.
pub trait RequestLog: Send + Sync {
    /// Hands a request over and does not wait: false where the queue is full, and the request is not kept.
    fn offer(&self, entry: Entry) -> bool;

    /// Hands out rows, some thousands at a time, until `take` answers false. What was offered before is among them.
    ///
    /// # Errors
    /// Those of `take`; `internal` for a file that cannot be read.
    fn scan(&self, endpoint: &Uid, span: Span, take: &mut dyn FnMut(Table) -> Result<bool>) -> Result<()>;

    /// Takes what turned out to be true, and keeps it before it answers.
    ///
    /// # Errors
    /// `feedback-full` when an endpoint has more of it than is kept; `no-room` when the disk is full.
    fn hear(&self, endpoint: &Uid, truths: &[Truth]) -> Result<Heard>;

    /// What is known to be true, by prediction and row.
    fn truths(&self, endpoint: &Uid) -> Result<Arc<Truths>>;

    /// How much is kept.
    fn extent(&self, endpoint: &Uid) -> Result<Extent>;

    /// Lets go of what is older or more than the endpoint's policy says, as of a moment; answers how many rows went.
    fn trim(&self, endpoint: &Uid, policy: &Policy, now: Time) -> Result<u64>;

    /// Lets go of everything of an endpoint.
    fn forget(&self, endpoint: &Uid) -> Result<()>;
}

/// What is known to be true, by prediction and row.
pub type Truths = BTreeMap<(String, u64), Value>;

/// A column of a table by its name.
pub fn column<'a>(table: &'a Table, name: &str) -> Option<&'a Column> {
    table.columns.iter().find(|column| column.name == name)
}

/// The number of a row in the log.
pub fn number(table: &Table, row: usize) -> u64 {
    match column(table, "number").map(|it| &it.values) {
        Some(Values::Numbers(numbers)) => numbers[row] as u64,
        Some(Values::Texts { .. }) | None => 0,
    }
}

/// The prediction a row is of, and its place in it.
pub fn key(table: &Table, row: usize) -> Option<(String, u64)> {
    let id = cells::text(column(table, "id")?, row)?;
    let place = cells::value(column(table, "row")?, row).as_u64()?;
    Some((id, place))
}

/// A row as JSON.
pub fn shown(table: &Table, row: usize) -> Value {
    let mut told = Map::new();
    let (mut inputs, mut outputs, mut why) = (Map::new(), Map::new(), Map::new());
    for column in &table.columns {
        let value = cells::value(column, row);
        if let Some(name) = column.name.strip_prefix(INPUT) {
            inputs.insert(name.to_owned(), value);
        } else if let Some(name) = column.name.strip_prefix(OUTPUT) {
            outputs.insert(name.to_owned(), value);
        } else if let Some(name) = column.name.strip_prefix(WHY) {
            if !value.is_null() {
                why.insert(name.to_owned(), value);
            }
        } else {
            told.insert(column.name.clone(), value);
        }
    }
    told.insert("inputs".to_owned(), inputs.into());
    told.insert("outputs".to_owned(), outputs.into());
    if !why.is_empty() {
        told.insert("contributions".to_owned(), json!(why));
    }
    told.into()
}
