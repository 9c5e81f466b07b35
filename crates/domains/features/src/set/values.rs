//! The values of features: worked out from rows, and measured as they pass.

use std::collections::HashMap;

use kernel::prelude::*;
use ports::table::{Column, ColumnType, Table, Values};

use super::{Feature, Op};

/// The numbers of one column; texts have none.
fn numbers(table: &Table, name: &str) -> Option<Vec<f64>> {
    let column = table.columns.iter().find(|it| it.name == name)?;
    match &column.values {
        Values::Numbers(numbers) => Some(numbers.clone()),
        Values::Texts { .. } => None,
    }
}

fn missing(column: &Column, row: usize) -> bool {
    match &column.values {
        Values::Numbers(numbers) => numbers[row].is_nan(),
        Values::Texts { codes, .. } => codes[row].is_none(),
    }
}

/// The numbers of a feature that is worked out row by row; none of a column of texts.
pub fn row_wise(feature: &Feature, table: &Table) -> Option<Vec<f64>> {
    if feature.op == Op::IsMissing {
        let column = table.columns.iter().find(|it| it.name == feature.columns[0])?;
        return Some((0..table.rows).map(|row| f64::from(u8::from(missing(column, row)))).collect());
    }
    let first = numbers(table, &feature.columns[0])?;
    let second = feature.columns.get(1).map(|name| numbers(table, name));
    let second = match second {
        Some(None) => return None,
        Some(Some(second)) => second,
        None => first.clone(),
    };
    let value = |(a, b): (&f64, &f64)| {
        let value = match feature.op {
            Op::Column => *a,
            Op::Sum => a + b,
            Op::Difference => a - b,
            Op::Product => a * b,
            Op::Ratio => a / b,
            Op::Absolute => a.abs(),
            Op::Log => a.ln_1p(),
            Op::IsMissing | Op::MeanOf | Op::SumOf | Op::MinOf | Op::MaxOf | Op::CountOf => f64::NAN,
        };
        if value.is_finite() { value } else { f64::NAN }
    };
    Some(first.iter().zip(&second).map(value).collect())
}

/// The most entities that are aggregated over.
const GROUPS_MAX: usize = 1_000_000;

/// A feature aggregated over entities.
pub struct Groups<'a> {
    feature: &'a Feature,
    by: &'a [String],
    groups: HashMap<[u8; 16], (u64, f64)>,
}

impl<'a> Groups<'a> {
    /// Nothing yet.
    pub fn new(feature: &'a Feature, entity: &'a [String]) -> Self {
        let by = if feature.by.is_empty() { entity } else { &feature.by };
        Self { feature, by, groups: HashMap::new() }
    }

    /// Takes some rows in.
    pub fn add(&mut self, table: &Table) -> Result<()> {
        let Some(column) = table.columns.iter().find(|it| it.name == self.feature.columns[0]) else {
            return Ok(());
        };
        let keys: Vec<&Column> =
            self.by.iter().filter_map(|name| table.columns.iter().find(|it| it.name == *name)).collect();
        for row in 0..table.rows {
            let (count, sum) = self.groups.entry(key(&keys, row)).or_insert((0, f64::NAN));
            if missing(column, row) {
                continue;
            }
            let x = match &column.values {
                Values::Numbers(numbers) => numbers[row],
                Values::Texts { .. } => 1.0,
            };
            *sum = match self.feature.op {
                _ if *count == 0 => x,
                Op::MinOf => sum.min(x),
                Op::MaxOf => sum.max(x),
                _ => *sum + x,
            };
            *count += 1;
        }
        if self.groups.len() > GROUPS_MAX {
            return Err(Error::invalid("too-many-rows", format!("more than {GROUPS_MAX} entities")));
        }
        Ok(())
    }

    /// One number an entity.
    pub fn finish(self) -> Vec<f64> {
        let value = |(count, sum): &(u64, f64)| match self.feature.op {
            Op::CountOf => *count as f64,
            Op::MeanOf => sum / *count as f64,
            _ => *sum,
        };
        self.groups.values().map(value).collect()
    }
}

/// Sixteen bytes that tell entities apart.
fn key(columns: &[&Column], row: usize) -> [u8; 16] {
    let mut bytes = Vec::new();
    for column in columns {
        match &column.values {
            Values::Numbers(numbers) => bytes.extend(numbers[row].to_bits().to_le_bytes()),
            Values::Texts { codes, distinct } => {
                let text = codes[row].map_or("", |code| distinct[code as usize].as_str());
                bytes.extend((text.len() as u64).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
        }
    }
    let mut front = [0; 16];
    front.copy_from_slice(&Digest::of(&bytes).bytes()[..16]);
    front
}

/// What is known of some numbers after one pass (Welford 1962).
#[derive(Clone, Default)]
pub struct Sums {
    count: u64,
    missing: u64,
    mean: f64,
    squares: f64,
    min: Option<f64>,
    max: Option<f64>,
}

impl Sums {
    /// Takes one number in.
    pub fn add(&mut self, x: f64) {
        if x.is_nan() {
            self.missing += 1;
            return;
        }
        self.count += 1;
        let apart = x - self.mean;
        self.mean += apart / self.count as f64;
        self.squares += apart * (x - self.mean);
        self.min = Some(self.min.map_or(x, |min| min.min(x)));
        self.max = Some(self.max.map_or(x, |max| max.max(x)));
    }

    /// The smallest and the largest.
    pub fn range(&self) -> Option<(f64, f64)> {
        self.min.zip(self.max)
    }

    /// As people read it.
    pub fn shown(&self) -> Value {
        let some = |value: f64, from: u64| if self.count >= from { json!(value) } else { Value::Null };
        json!({
            "count": self.count,
            "missing": self.missing,
            "mean": some(self.mean, 1),
            "deviation": some((self.squares / self.count.saturating_sub(1).max(1) as f64).sqrt(), 2),
            "min": self.min,
            "max": self.max,
        })
    }
}

/// Numbers counted by equal parts of their range.
pub struct Histogram {
    low: f64,
    width: f64,
    counts: Vec<u64>,
}

impl Histogram {
    /// Over a range.
    pub fn new((low, high): (f64, f64), bins: usize) -> Self {
        let width = if high > low { (high - low) / bins as f64 } else { 1.0 };
        Self { low, width, counts: vec![0; bins] }
    }

    /// Takes one number in.
    pub fn add(&mut self, x: f64) {
        if x.is_nan() || x < self.low {
            return;
        }
        let last = self.counts.len() - 1;
        let bin = ((x - self.low) / self.width) as usize;
        self.counts[bin.min(last)] += 1;
    }

    /// As people read it: where each part begins, and how many numbers it has.
    pub fn shown(&self) -> Value {
        let edges: Vec<f64> = (0..=self.counts.len()).map(|i| self.low + self.width * i as f64).collect();
        json!({"edges": edges, "counts": self.counts})
    }
}

/// Pearson's correlation of two columns of numbers, over the rows that have both.
#[derive(Clone, Default)]
pub struct Together {
    count: u64,
    means: (f64, f64),
    squares: (f64, f64),
    product: f64,
}

impl Together {
    /// Takes one row in.
    pub fn add(&mut self, x: f64, y: f64) {
        if x.is_nan() || y.is_nan() {
            return;
        }
        self.count += 1;
        let (dx, dy) = (x - self.means.0, y - self.means.1);
        self.means.0 += dx / self.count as f64;
        self.means.1 += dy / self.count as f64;
        self.squares.0 += dx * (x - self.means.0);
        self.squares.1 += dy * (y - self.means.1);
        self.product += dx * (y - self.means.1);
    }

    /// From -1 to 1; none where one of the two never changes.
    pub fn correlation(&self) -> Option<f64> {
        let scale = (self.squares.0 * self.squares.1).sqrt();
        (self.count > 1 && scale > 0.0).then(|| (self.product / scale).clamp(-1.0, 1.0))
    }
}

/// Rows as a caller sends them, as a table of the columns that are needed; what is no number is missing where one
/// is wanted.
pub fn table(rows: &[Value], columns: &[(&str, ColumnType)]) -> Table {
    let column = |(name, kind): &(&str, ColumnType)| {
        let values = match kind {
            ColumnType::Text => {
                let mut distinct = Vec::new();
                let codes = rows
                    .iter()
                    .map(|row| {
                        let text = row[*name].as_str()?.to_owned();
                        distinct.push(text);
                        Some(distinct.len() as u32 - 1)
                    })
                    .collect();
                Values::Texts { codes, distinct }
            }
            _ => Values::Numbers(
                rows.iter()
                    .map(|row| match &row[*name] {
                        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
                        Value::Bool(truth) => f64::from(u8::from(*truth)),
                        Value::String(text) => {
                            let time = text.parse::<Time>().ok();
                            time.map_or(f64::NAN, |time| time.micros() as f64 / 1e6)
                        }
                        Value::Null | Value::Array(_) | Value::Object(_) => f64::NAN,
                    })
                    .collect(),
            ),
        };
        Column { name: (*name).to_owned(), kind: *kind, values }
    };
    Table { rows: rows.len(), columns: columns.iter().map(column).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_in_one_pass_is_right() {
        let (mut sums, mut together, mut histogram) =
            (Sums::default(), Together::default(), Histogram::new((1.0, 5.0), 4));
        for (x, y) in [(1.0, 2.0), (2.0, 4.0), (3.0, f64::NAN), (5.0, 10.0)] {
            sums.add(x);
            together.add(x, y);
            histogram.add(x);
        }
        sums.add(f64::NAN);
        assert_eq!(sums.shown()["mean"], 2.75);
        assert_eq!((sums.shown()["count"].clone(), sums.shown()["missing"].clone()), (json!(4), json!(1)));
        assert!((together.correlation().unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(histogram.shown()["counts"], json!([1, 1, 1, 1]));
        assert_eq!(Together::default().correlation(), None);
    }
}
