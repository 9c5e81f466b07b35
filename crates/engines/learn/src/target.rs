//! The target column: which task it sets, and its values as numbers.

use base::{Error, Result};
use ports::{
    learn::{Lesson, Task},
    table::{Column, ColumnType, Table, Values},
};

/// A whole-number target with at most so many values names classes.
const WHOLE_CLASSES_MAX: usize = 10;

/// More classes than this are not learnt.
const CLASSES_MAX: usize = 100;

/// Fewer rows than this teach nothing.
pub const ROWS_MIN: usize = 20;

/// What is to be predicted.
pub struct Target {
    pub task: Task,
    /// The classes in order; empty for regression. Of two, the second is the positive one.
    pub classes: Vec<String>,
    /// For every row of the table: the place of its class, or its number; NaN where it is missing.
    pub values: Vec<f64>,
    /// The rows that have a target.
    pub rows: Vec<usize>,
}

impl Target {
    /// Reads the target of a lesson.
    pub fn read(lesson: &Lesson, table: &Table) -> Result<Self> {
        let column = table.columns.iter().find(|it| it.name == lesson.target);
        let column = column.ok_or_else(|| {
            let message = format!("the table has no column `{}`", lesson.target);
            Error::invalid("target-missing", message).at("target").hint("name one of the table's columns")
        })?;
        let labels = labels(column);
        let mut classes: Vec<&String> = labels.iter().flatten().collect();
        classes.sort_unstable();
        classes.dedup();
        let numeric = matches!(column.values, Values::Numbers(_));
        if classes.len() < 2 {
            return Err(one_class(column, classes.first()));
        }
        let task = lesson.task.unwrap_or_else(|| task_of(column, classes.len()));
        let target = if task == Task::Regression {
            let Values::Numbers(values) = &column.values else {
                return Err(not_numeric(column));
            };
            Self::new(task, Vec::new(), values.clone())
        } else {
            let most = if task == Task::Binary { 2 } else { CLASSES_MAX };
            if classes.len() > most {
                return Err(too_many(column, classes.len(), most));
            }
            if numeric {
                let height = |it: &str| it.parse::<f64>().unwrap_or(f64::NAN);
                classes.sort_by(|a, b| height(a).total_cmp(&height(b)));
            }
            let place = |it: &String| classes.iter().position(|&class| class == it);
            let values = labels.iter().map(|it| it.as_ref().and_then(place).map_or(f64::NAN, |at| at as f64));
            let classes = classes.iter().map(ToString::to_string).collect();
            Self::new(task, classes, values.collect())
        };
        if target.rows.len() < ROWS_MIN {
            let message = format!("{} rows have a target, {ROWS_MIN} are the least", target.rows.len());
            return Err(Error::invalid("too-few-rows", message).hint("bring more rows"));
        }
        Ok(target)
    }

    fn new(task: Task, classes: Vec<String>, values: Vec<f64>) -> Self {
        Self { task, classes, rows: (0..values.len()).filter(|&row| !values[row].is_nan()).collect(), values }
    }
}

fn task_of(column: &Column, distinct: usize) -> Task {
    let classes = match column.kind {
        ColumnType::Text | ColumnType::Boolean => true,
        ColumnType::Integer => distinct <= WHOLE_CLASSES_MAX,
        ColumnType::Number => distinct == 2,
        ColumnType::Time => false,
    };
    match (classes, distinct) {
        (false, _) => Task::Regression,
        (true, 2) => Task::Binary,
        (true, _) => Task::Multiclass,
    }
}

/// Each row's value as it is called.
fn labels(column: &Column) -> Vec<Option<String>> {
    match &column.values {
        Values::Texts { codes, distinct } => {
            codes.iter().map(|code| code.map(|it| distinct[it as usize].clone())).collect()
        }
        Values::Numbers(numbers) => numbers
            .iter()
            .map(|x| {
                (!x.is_nan()).then(|| match column.kind {
                    ColumnType::Boolean => (*x != 0.0).to_string(),
                    _ => x.to_string(),
                })
            })
            .collect(),
    }
}

fn one_class(column: &Column, only: Option<&&String>) -> Error {
    let message = match only {
        Some(only) => format!("every row of `{}` says `{only}`", column.name),
        None => format!("no row of `{}` has a value", column.name),
    };
    Error::invalid("target-one-class", message)
        .at("target")
        .hint("there is nothing to learn unless the target differs between rows")
}

fn too_many(column: &Column, classes: usize, most: usize) -> Error {
    let message = format!("`{}` has {classes} classes, {most} are the most", column.name);
    Error::invalid("target-too-many-classes", message)
        .at("target")
        .hint("choose another target, or merge its rare values")
}

fn not_numeric(column: &Column) -> Error {
    let message = format!("`{}` holds texts, a regression needs numbers", column.name);
    Error::invalid("target-not-numeric", message)
        .at("task")
        .hint("leave the task out, or choose a target of numbers")
}
