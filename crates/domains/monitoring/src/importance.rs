//! What a model's answers depend on: permutation importance and partial dependence, over rows of its baseline.

use std::collections::BTreeMap;

use asking::{Predicted, Row, class_of};
use base::Chance;
use kernel::prelude::*;

use crate::{baseline::Baseline, sight::Watched};

/// How often each column is shuffled.
const REPEATS: u64 = 5;
/// Values of a column that are tried at most.
const VALUES_MAX: usize = 20;

/// What is asked of importance.
pub struct Asked<'a> {
    /// The endpoint.
    pub it: &'a Watched,
    /// Its baseline.
    pub baseline: &'a Baseline,
    /// Rows that are looked at, at most.
    pub rows: usize,
}

impl Asked<'_> {
    fn some(&self) -> Vec<Row> {
        let count = self.baseline.rows.len();
        let most = count.min(self.rows);
        (0..most).map(|at| self.baseline.rows[at * count / most.max(1)].clone()).collect()
    }
}

/// How right predictions are: the accuracy of classes, the share of variance explained of numbers.
fn score(rows: &[Row], target: &str, predictions: &[Predicted]) -> Option<f64> {
    let truth = |row: &Row| row.get(target).filter(|it| !it.is_null()).cloned();
    let pairs: Vec<(Value, &Predicted)> =
        rows.iter().zip(predictions).filter_map(|(row, said)| Some((truth(row)?, said))).collect();
    if pairs.is_empty() {
        return None;
    }
    if pairs[0].1.label.is_some() {
        let right = pairs.iter().filter(|(truth, said)| class_of(truth) == said.label).count();
        return Some(right as f64 / pairs.len() as f64);
    }
    let pairs: Vec<(f64, f64)> =
        pairs.iter().filter_map(|(truth, said)| Some((truth.as_f64()?, said.prediction?))).collect();
    let (truth, said): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    statistics::quality::regression(&truth, &said).get("r2").copied()
}

/// How much worse the model gets when a column is shuffled among the rows: Breiman, "Random forests", Machine Learning 45
/// (2001), of any model.
pub async fn permuted(cx: &Cx, ask: &Asked<'_>) -> Result<Value> {
    let target = ask.baseline.target.clone().ok_or_else(|| {
        Error::conflict("no-background", "it is not known which column the model predicts")
            .hint("register the version with its `target`")
    })?;
    let rows = ask.some();
    let whole = score(&rows, &target, &ask.it.known.predicted(cx, &ask.it.version, &rows).await?);
    let whole = whole.ok_or_else(|| {
        Error::conflict("no-background", format!("no row of the baseline has a value of `{target}`"))
    })?;
    let mut items = Vec::new();
    for column in &ask.it.known.inputs {
        let mut losses = Vec::new();
        for turn in 0..REPEATS {
            let mut shuffled = rows.clone();
            for (at, from) in Chance::from(turn).order(rows.len()).into_iter().enumerate() {
                let value = rows[from].get(column).cloned().unwrap_or(Value::Null);
                shuffled[at].insert(column.clone(), value);
            }
            // The truth is that of the rows as they were.
            let predictions = ask.it.known.predicted(cx, &ask.it.version, &shuffled).await?;
            losses.push(whole - score(&rows, &target, &predictions).unwrap_or(0.0));
        }
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        let squares: f64 = losses.iter().map(|it| (it - mean) * (it - mean)).sum();
        let deviation = (squares / losses.len() as f64).sqrt();
        items.push((mean, json!({"column": column, "importance": mean, "deviation": deviation})));
    }
    items.sort_by(|a, b| b.0.total_cmp(&a.0));
    let metric = if ask.it.known.classes.is_empty() { "r2" } else { "accuracy" };
    Ok(json!({
        "version": ask.it.version,
        "metric": metric,
        "score": whole,
        "rows": rows.len(),
        "repeats": REPEATS,
        "baseline": ask.baseline.from,
        "items": items.into_iter().map(|it| it.1).collect::<Vec<Value>>(),
    }))
}

/// The mean answer when a column has one value in all rows: Friedman, "Greedy function approximation: a gradient boosting
/// machine", Annals of Statistics 29 (2001).
pub async fn dependence(cx: &Cx, ask: &Asked<'_>, (column, class): (&str, Option<&str>)) -> Result<Value> {
    if !ask.it.known.inputs.iter().any(|it| it == column) {
        let shown: String = column.chars().take(60).collect();
        return Err(Error::invalid("unknown-column", format!("the model knows no column `{shown}`"))
            .at("column")
            .hint(format!("its columns are: {}", ask.it.known.inputs.join(", "))));
    }
    let class = match (class, ask.it.known.classes.last()) {
        (Some(class), Some(_)) if !ask.it.known.classes.iter().any(|it| it == class) => {
            return Err(Error::invalid("unknown-value", "the model knows no such class")
                .at("class")
                .hint(format!("its classes are: {}", ask.it.known.classes.join(", "))));
        }
        (Some(class), Some(_)) => Some(class.to_owned()),
        (None, last) => last.cloned(),
        (Some(_), None) => None,
    };
    let rows = ask.some();
    let mut items = Vec::new();
    for value in values(&ask.baseline.rows, column) {
        let mut changed = rows.clone();
        for row in &mut changed {
            row.insert(column.to_owned(), value.clone());
        }
        let predictions = ask.it.known.predicted(cx, &ask.it.version, &changed).await?;
        let number = |it: &Predicted| match &class {
            Some(class) => it.probabilities.get(class).copied(),
            None => it.prediction,
        };
        let numbers: Vec<f64> = predictions.iter().filter_map(number).collect();
        let mean = numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
        items.push(json!({"value": value, "mean": mean}));
    }
    Ok(json!({
        "version": ask.it.version,
        "column": column,
        "class": class,
        "rows": rows.len(),
        "baseline": ask.baseline.from,
        "items": items,
    }))
}

/// The values to try: those of classes, most frequent first, or numbers that part the rows evenly.
fn values(rows: &[Row], column: &str) -> Vec<Value> {
    let mut numbers: Vec<f64> = rows.iter().filter_map(|row| row.get(column)?.as_f64()).collect();
    if numbers.is_empty() {
        let texts = rows.iter().filter_map(|row| class_of(row.get(column)?));
        let mut counts = BTreeMap::<String, u64>::new();
        texts.for_each(|text| *counts.entry(text).or_default() += 1);
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        return counts.into_iter().take(VALUES_MAX).map(|it| Value::String(it.0)).collect();
    }
    numbers.sort_unstable_by(f64::total_cmp);
    let last = numbers.len() - 1;
    let of = |at: usize| numbers[at * last / (VALUES_MAX - 1)];
    let mut chosen: Vec<f64> = (0..VALUES_MAX).map(of).collect();
    chosen.dedup();
    chosen.into_iter().map(|x| json!(x)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[Value]) -> Vec<Row> {
        values.iter().map(|value| Row::from_iter([("x".to_owned(), value.clone())])).collect()
    }

    #[test]
    fn numbers_are_tried_evenly_and_classes_by_how_many_have_them() {
        let numbers: Vec<Value> = (0..100).map(|x| json!(x - 50)).collect();
        let tried = values(&rows(&numbers), "x");
        assert_eq!((tried.len(), &tried[0], &tried[19]), (20, &json!(-50.0), &json!(49.0)));
        assert_eq!(values(&rows(&[json!(2), json!(2)]), "x"), [json!(2.0)]);
        let classes = [json!("b"), json!("a"), json!("b"), Value::Null];
        assert_eq!(values(&rows(&classes), "x"), [json!("b"), json!("a")]);
    }
}
