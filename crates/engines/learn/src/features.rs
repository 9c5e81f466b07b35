//! How columns become the numbers a learner sees, and which columns are left out.
//!
//! Numbers stay as they are, missing ones as NaN. A text of few categories becomes one column of
//! zeros and ones a category; one of many becomes the category's rank by frequency (trees) or the
//! zeros and ones of its most frequent categories (linear models). A missing text is a category of
//! its own where the learner met it; a category never met is none of the known ones.

use std::collections::HashMap;

use base::{Error, Result};
use ports::{
    Watch,
    learn::Lesson,
    table::{Column, ColumnType, Table, Values},
};

/// Trees see at most so many categories of a column one by one.
const TREE_HOT_MAX: usize = 10;

/// Linear models see at most so many.
const LINEAR_HOT_MAX: usize = 40;

/// Ranks are given to so many categories; the rest share one.
const RANKS_MAX: usize = 255;

/// The rank of every category that has none of its own.
pub const UNRANKED: f64 = -1.0;

/// Who will see the features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Trees,
    Linear,
}

/// How one column is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Encoding {
    Number,
    Hot(Vec<String>),
    Ranked(Vec<String>),
}

/// One column that a model takes.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its place in the table.
    pub column: usize,
    pub name: String,
    pub encoding: Encoding,
    /// Whether it was missing in some row.
    pub optional: bool,
    /// Its categories by frequency, a missing text among them as the empty one.
    pub categories: Vec<String>,
}

/// Features in memory, column by column.
pub struct Matrix {
    pub data: Vec<f64>,
    pub rows: usize,
    pub columns: usize,
}

impl Matrix {
    /// One feature.
    pub fn column(&self, at: usize) -> &[f64] {
        &self.data[at * self.rows..][..self.rows]
    }

    /// The features of some rows alone, so that they lie close together.
    pub fn of(&self, rows: &[usize]) -> Self {
        let columns = (0..self.columns).flat_map(|at| {
            let column = self.column(at);
            rows.iter().map(|&row| column[row])
        });
        Self { data: columns.collect(), rows: rows.len(), columns: self.columns }
    }
}

/// The columns that can teach something, as the rows to learn from show them.
pub fn inputs(lesson: &Lesson, table: &Table, rows: &[usize], watch: &dyn Watch) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        if column.name == lesson.target || lesson.ignore.contains(&column.name) {
            continue;
        }
        match input(at, column, rows) {
            Ok(input) => inputs.push(input),
            Err(why) => watch.line(&format!("column `{}` is left out: {why}", column.name)),
        }
    }
    if inputs.is_empty() {
        return Err(Error::invalid("no-usable-columns", "no column can teach anything about the target")
            .hint("columns that are constant, empty or identifiers are left out; bring others"));
    }
    Ok(inputs)
}

/// One column as an input, or why it is none.
fn input(at: usize, column: &Column, rows: &[usize]) -> Result<Input, &'static str> {
    let named = |categories: Vec<String>, optional| Input {
        column: at,
        name: column.name.clone(),
        encoding: Encoding::Number,
        optional,
        categories,
    };
    match &column.values {
        Values::Numbers(numbers) => {
            let known: Vec<f64> = rows.iter().map(|&row| numbers[row]).filter(|x| !x.is_nan()).collect();
            let first = known.first().ok_or("it has no values")?;
            let optional = known.len() < rows.len();
            if known.iter().all(|x| x == first) && !optional {
                return Err("it has the same value in every row");
            }
            let counts_rows = known.len() > 50 && known.windows(2).all(|pair| pair[1] - pair[0] >= 1.0);
            if column.kind == ColumnType::Integer && counts_rows {
                return Err("it only numbers the rows");
            }
            Ok(named(Vec::new(), optional))
        }
        Values::Texts { codes, distinct } => {
            let mut counts: HashMap<Option<u32>, usize> = HashMap::new();
            for &row in rows {
                *counts.entry(codes[row]).or_default() += 1;
            }
            let missing = counts.get(&None).copied().unwrap_or(0);
            let kinds = counts.len() - usize::from(missing > 0);
            if counts.len() < 2 {
                return Err(if kinds == 0 {
                    "it has no values"
                } else {
                    "it has the same value in every row"
                });
            }
            if kinds > 50 && kinds * 10 > (rows.len() - missing) * 9 {
                return Err("it looks like an identifier, nearly every row has its own value");
            }
            let text = |code: &Option<u32>| code.map_or("", |it| distinct[it as usize].as_str());
            let mut by_count: Vec<(&str, usize)> = counts.iter().map(|(code, &n)| (text(code), n)).collect();
            by_count.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            let categories = by_count.into_iter().map(|(text, _)| text.to_owned()).collect();
            Ok(named(categories, missing > 0))
        }
    }
}

/// How a family of learners sees the inputs: numbers first, then zeros and ones, then ranks.
pub fn encode(inputs: &[Input], family: Family) -> Vec<Input> {
    let mut encoded: Vec<Input> = inputs.iter().cloned().map(|it| it.seen_by(family)).collect();
    encoded.sort_by_key(|it| match it.encoding {
        Encoding::Number => 0,
        Encoding::Hot(_) => 1,
        Encoding::Ranked(_) => 2,
    });
    encoded
}

impl Input {
    fn seen_by(mut self, family: Family) -> Self {
        let mut kept = self.categories.clone();
        self.encoding = match (family, kept.len()) {
            (_, 0) => Encoding::Number,
            // Of two categories the rarer says it all.
            (_, 2) => Encoding::Hot(vec![kept.swap_remove(1)]),
            (Family::Trees, ..=TREE_HOT_MAX) => Encoding::Hot(kept),
            (Family::Trees, _) => {
                kept.truncate(RANKS_MAX);
                Encoding::Ranked(kept)
            }
            (Family::Linear, _) => {
                kept.truncate(LINEAR_HOT_MAX);
                Encoding::Hot(kept)
            }
        };
        self
    }

    /// How many features it becomes.
    pub fn width(&self) -> usize {
        match &self.encoding {
            Encoding::Number | Encoding::Ranked(_) => 1,
            Encoding::Hot(categories) => categories.len(),
        }
    }
}

/// The features of some rows of a table.
pub fn matrix(inputs: &[Input], table: &Table, rows: &[usize]) -> Matrix {
    let columns = inputs.iter().map(Input::width).sum();
    let mut data = Vec::with_capacity(columns * rows.len());
    for input in inputs {
        match (&input.encoding, &table.columns[input.column].values) {
            (Encoding::Number, Values::Numbers(numbers)) => {
                data.extend(rows.iter().map(|&row| numbers[row]));
            }
            (Encoding::Hot(categories), Values::Texts { codes, distinct }) => {
                let place = places(categories, distinct);
                for at in 0..categories.len() {
                    let hot = |&row: &usize| f64::from(u8::from(place(codes[row]) == Some(at)));
                    data.extend(rows.iter().map(hot));
                }
            }
            (Encoding::Ranked(categories), Values::Texts { codes, distinct }) => {
                let place = places(categories, distinct);
                let rank = |&row: &usize| place(codes[row]).map_or(UNRANKED, |at| at as f64);
                data.extend(rows.iter().map(rank));
            }
            // Encodings were made from these very columns.
            (Encoding::Number, Values::Texts { .. })
            | (Encoding::Hot(_) | Encoding::Ranked(_), Values::Numbers(_)) => {
                debug_assert!(false, "an encoding of another column");
                data.resize(data.len() + input.width() * rows.len(), f64::NAN);
            }
        }
    }
    Matrix { data, rows: rows.len(), columns }
}

/// From a code of a column to the place of its category; a missing text is the empty one.
fn places(categories: &[String], distinct: &[String]) -> impl Fn(Option<u32>) -> Option<usize> {
    let by_text: HashMap<&str, usize> = categories.iter().map(String::as_str).zip(0..).collect();
    let missing = by_text.get("").copied();
    let by_code: Vec<Option<usize>> = distinct.iter().map(|it| by_text.get(it.as_str()).copied()).collect();
    move |code| code.map_or(missing, |it| by_code[it as usize])
}
