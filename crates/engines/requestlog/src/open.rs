//! The rows that are not in Parquet yet: a table in memory, and the same as lines of a file that is read after a crash.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use base::{Error, Result, Time};
use ports::table::{Column, ColumnType, Table, Values};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    rows::{Head, Rows},
    unusable,
};

/// A line that names columns which the rows behind it have beside those named before.
#[derive(Serialize, Deserialize)]
struct Heads {
    columns: Vec<Head>,
}

/// A table that grows.
pub struct Open {
    /// The number of its first row.
    pub first: u64,
    /// The table.
    pub table: Table,
    /// The code of each text, by column.
    places: Vec<HashMap<String, u32>>,
    /// When its rows were asked for, from the earliest to the latest.
    pub when: Option<(Time, Time)>,
    /// Bytes of its file.
    pub bytes: u64,
    path: PathBuf,
    file: Option<File>,
}

impl Open {
    /// An empty one whose first row gets a number.
    pub fn new(directory: &Path, first: u64) -> Self {
        Self {
            first,
            table: Table::default(),
            places: Vec::new(),
            when: None,
            bytes: 0,
            path: directory.join(format!("open-{first:016}.jsonl")),
            file: None,
        }
    }

    /// What was written before a crash; a line that was cut ends it.
    pub fn read(directory: &Path, first: u64) -> Result<Self> {
        let mut open = Self::new(directory, first);
        let file = File::open(&open.path).map_err(|error| unusable(&open.path, &error))?;
        for line in BufReader::new(file).lines() {
            let Ok(line) = line else { break };
            if let Ok(heads) = serde_json::from_str::<Heads>(&line) {
                for head in heads.columns {
                    open.add(head);
                }
            } else if let Ok(row) = serde_json::from_str::<Vec<Value>>(&line) {
                open.push(&row);
            } else {
                break;
            }
        }
        Ok(open)
    }

    /// Whether rows of these columns can stand in the table: no column has another type there.
    pub fn takes(&self, heads: &[Head]) -> bool {
        let same = |(name, kind): &Head| {
            self.table.columns.iter().find(|it| it.name == *name).is_none_or(|it| it.kind == *kind)
        };
        heads.iter().all(same)
    }

    /// Appends rows, to the file first.
    pub fn append(&mut self, rows: Rows) -> Result<()> {
        let known = |name: &String| self.table.columns.iter().any(|it| it.name == *name);
        let new: Vec<Head> = rows.heads.iter().filter(|(name, _)| !known(name)).cloned().collect();
        let mut text = String::new();
        if !new.is_empty() {
            text = json!(Heads { columns: new.clone() }).to_string();
            text.push('\n');
        }
        for head in new {
            self.add(head);
        }
        let place = |column: &Column| rows.heads.iter().position(|(name, _)| *name == column.name);
        let places: Vec<Option<usize>> = self.table.columns.iter().map(place).collect();
        let next = self.first + self.table.rows as u64;
        let mut made = Vec::with_capacity(rows.rows.len());
        for (number, row) in (next..).zip(&rows.rows) {
            let mut told: Vec<Value> =
                places.iter().map(|at| at.map_or(Value::Null, |at| row[at].clone())).collect();
            if let Some(first) = told.first_mut() {
                *first = json!(number);
            }
            text.push_str(&Value::Array(told.clone()).to_string());
            text.push('\n');
            made.push(told);
        }
        self.write(&text)?;
        for row in &made {
            self.push(row);
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let failed = |error: std::io::Error| unusable(&self.path, &error);
        if self.file.is_none() {
            let made = OpenOptions::new().create(true).append(true).open(&self.path);
            self.file = Some(made.map_err(failed)?);
        }
        let file = self.file.as_mut().ok_or_else(|| Error::internal("the file was opened above"))?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Adds a column that the rows so far do not have.
    fn add(&mut self, (name, kind): Head) {
        let rows = self.table.rows;
        let values = match kind {
            ColumnType::Text => Values::Texts { codes: vec![None; rows], distinct: Vec::new() },
            ColumnType::Integer | ColumnType::Number | ColumnType::Boolean | ColumnType::Time => {
                Values::Numbers(vec![f64::NAN; rows])
            }
        };
        self.table.columns.push(Column { name, kind, values });
        self.places.push(HashMap::new());
    }

    fn push(&mut self, row: &[Value]) {
        for (at, column) in self.table.columns.iter_mut().enumerate() {
            let value = row.get(at).unwrap_or(&Value::Null);
            match &mut column.values {
                Values::Numbers(numbers) => numbers.push(value.as_f64().unwrap_or(f64::NAN)),
                Values::Texts { codes, distinct } => {
                    let code = value.as_str().map(|text| match self.places[at].get(text) {
                        Some(code) => *code,
                        None => {
                            let code = distinct.len() as u32;
                            distinct.push(text.to_owned());
                            self.places[at].insert(text.to_owned(), code);
                            code
                        }
                    });
                    codes.push(code);
                }
            }
            if column.name == "at"
                && let Some(seconds) = value.as_f64()
            {
                let time = Time::from_micros((seconds * 1e6).round() as i64);
                let (from, to) = self.when.unwrap_or((time, time));
                self.when = Some((from.min(time), to.max(time)));
            }
        }
        self.table.rows += 1;
    }

    /// Removes the file.
    pub fn remove(self) {
        drop(self.file);
        // One that is not there is as good as removed.
        let _ = fs::remove_file(&self.path);
    }
}
