//! Tables of columns: how a file of rows is read, typed and profiled.

use std::{io::Write, ops::Range, path::Path};

use base::Result;
use serde::{Deserialize, Serialize};

use crate::Watch;

pub mod cells;
pub mod urn;

/// How the bytes of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values with a header row (RFC 4180), UTF-8.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Whole numbers.
    Integer,
    /// Numbers with a fraction.
    Number,
    /// `true` and `false`.
    Boolean,
    /// Moments or dates.
    Time,
    /// Anything else.
    Text,
}

/// The values of one column; a missing value is `NaN` or `None`.
#[derive(Clone, Debug)]
pub enum Values {
    /// Integers, numbers, booleans (0 and 1) and times (seconds since 1970).
    Numbers(Vec<f64>),
    /// Texts, each an index into the distinct ones.
    Texts {
        /// The index of each row's text.
        codes: Vec<Option<u32>>,
        /// The distinct texts in order of first appearance.
        distinct: Vec<String>,
    },
}

/// One column in memory.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its header.
    pub name: String,
    /// What its values are.
    pub kind: ColumnType,
    /// The values, one a row.
    pub values: Values,
}

/// A table in memory, column by column, all of one length.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The columns in file order.
    pub columns: Vec<Column>,
    /// How many rows.
    pub rows: usize,
}

/// What is known of one column after a pass over it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnProfile {
    /// The header.
    pub name: String,
    /// The type all non-missing values have.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Rows with a value.
    pub count: u64,
    /// Rows without one.
    pub missing: u64,
    /// Distinct values; exact up to 10,000, estimated above.
    pub distinct: u64,
    /// Smallest value of numbers.
    pub min: Option<f64>,
    /// Largest value of numbers.
    pub max: Option<f64>,
    /// Arithmetic mean of numbers.
    pub mean: Option<f64>,
    /// Sample standard deviation of numbers.
    pub deviation: Option<f64>,
    /// Values at 0 %, 10 %, … 100 % of the order, of numbers; from a bounded sample on long columns.
    pub deciles: Vec<f64>,
    /// The most frequent values with their counts, at most 20.
    pub top: Vec<(String, u64)>,
}

impl ColumnProfile {
    /// Of a column of which no more is known than its type.
    pub fn of(name: String, kind: ColumnType, count: u64) -> Self {
        let (missing, distinct, deciles, top) = (0, 0, Vec::new(), Vec::new());
        Self {
            name,
            kind,
            count,
            missing,
            distinct,
            min: None,
            max: None,
            mean: None,
            deviation: None,
            deciles,
            top,
        }
    }
}

/// What is known of a whole file after one pass, in bounded memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Rows, the header not counted.
    pub rows: u64,
    /// One entry a column, in file order.
    pub columns: Vec<ColumnProfile>,
}

/// Reads files of rows.
pub trait Tables: Send + Sync {
    /// Reads a file once, whatever its size, in bounded memory, and says what is in it.
    ///
    /// # Errors
    /// `table-empty`, `table-ragged`, `table-not-utf8`, `table-duplicate-column`, `table-too-wide`
    /// and `table-unreadable`, each naming the line (the header is line 1) where there is one.
    fn profile(&self, format: Format, path: &Path, watch: &dyn Watch) -> Result<Profile>;

    /// Reads a range of rows (the first is 0; what lies behind the end is left out), typed as the profile says.
    fn read(&self, format: Format, path: &Path, profile: &Profile, rows: Range<u64>) -> Result<Table>;

    /// Hands out all rows in order, some thousands at a time, typed as the profile says: memory does not
    /// grow with the file. What `take` answers ends the reading.
    ///
    /// # Errors
    /// Those of `profile` and of `take`; `cancelled` when the watch says so.
    fn scan(
        &self,
        file: (Format, &Path),
        profile: &Profile,
        watch: &dyn Watch,
        take: &mut dyn FnMut(Table) -> Result<()>,
    ) -> Result<()>;

    /// Begins a file that tables of the same columns are appended to.
    fn begin(&self, format: Format, out: Box<dyn Write + Send>) -> Box<dyn Rows>;

    /// Writes a table in a format.
    ///
    /// # Errors
    /// `no-room` when the disk is full.
    fn write(&self, format: Format, table: &Table, path: &Path) -> Result<()>;
}

/// A file of rows being written.
pub trait Rows: Send {
    /// Appends rows; the first table settles the columns.
    ///
    /// # Errors
    /// `no-room` when the disk is full.
    fn append(&mut self, table: &Table) -> Result<()>;

    /// Writes what is left. A file nothing was appended to stays empty.
    fn finish(self: Box<Self>) -> Result<()>;
}
