//! What is said of a model: measured on the exported file itself, by the engine that will serve it.

use std::collections::BTreeMap;

use base::{Error, Result};
use ports::{
    infer::{Elements, Model, Tensor},
    learn::Errors,
    table::{Column, ColumnType, Table, Values},
};
use serde_json::Value;
use statistics::quality::{self, Classified};

use crate::{export::input_name, features::Input, metrics, study::Study};

/// Rows that explanations compare with.
const BACKGROUND_MAX: usize = 200;

/// Rows run at a time.
const BATCH: usize = 4_096;

/// Rows of a table as the tensors a model takes.
pub fn tensors(inputs: &[Input], table: &Table, rows: &[usize]) -> Vec<Tensor> {
    let of = |input: &Input| Tensor {
        name: input_name(input),
        shape: vec![rows.len(), 1],
        elements: match &table.columns[input.column].values {
            Values::Numbers(numbers) => Elements::Fp64(rows.iter().map(|&row| numbers[row]).collect()),
            Values::Texts { codes, distinct } => {
                let text =
                    |&row: &usize| codes[row].map_or_else(String::new, |it| distinct[it as usize].clone());
                Elements::Bytes(rows.iter().map(text).collect())
            }
        },
    };
    inputs.iter().map(of).collect()
}

/// Metrics and errors on the held-out rows.
pub fn test(
    study: &Study<'_>,
    inputs: &[Input],
    model: &dyn Model,
) -> Result<(BTreeMap<String, f64>, Errors)> {
    let (mut said, mut numbers) = (Vec::new(), Vec::new());
    for rows in study.held_out.chunks(BATCH) {
        for tensor in model.run(tensors(inputs, study.table, rows))? {
            match tensor.elements {
                Elements::Bytes(labels) => said.extend(labels),
                Elements::Fp32(it) => numbers.extend(it.into_iter().map(f64::from)),
                other => return Err(Error::internal(format!("unexpected output {other:?}"))),
            }
        }
    }
    let classes = &study.target.classes;
    let truth: Vec<f64> = study.held_out.iter().map(|&row| study.target.values[row]).collect();
    if classes.is_empty() {
        return Ok((quality::regression(&truth, &numbers), metrics::residuals(&truth, &numbers)));
    }
    let place = |label: &String| classes.iter().position(|it| it == label);
    let said: Option<Vec<usize>> = said.iter().map(place).collect();
    let classified = Classified {
        classes,
        truth: &truth.iter().map(|&it| it as usize).collect::<Vec<_>>(),
        said: &said.ok_or_else(|| Error::internal("the model names a class nobody taught it"))?,
        chances: &numbers,
    };
    Ok((classified.metrics(), metrics::confusion(&classified)))
}

/// Rows to compare with: a fair sample of those learnt from.
pub fn background(study: &Study<'_>) -> Vec<usize> {
    let step = study.rows.len().div_ceil(BACKGROUND_MAX).max(1);
    study.rows.iter().copied().step_by(step).collect()
}

/// Rows as JSON objects, by input.
pub fn rows(inputs: &[Input], table: &Table, rows: &[usize]) -> Vec<BTreeMap<String, Value>> {
    let cell = |column: &Column, row: usize| match &column.values {
        Values::Texts { codes, distinct } => {
            codes[row].map_or(Value::Null, |it| Value::from(distinct[it as usize].clone()))
        }
        Values::Numbers(numbers) => match (column.kind, numbers[row]) {
            (_, x) if x.is_nan() => Value::Null,
            (ColumnType::Integer | ColumnType::Boolean, x) => Value::from(x as i64),
            (ColumnType::Number | ColumnType::Time | ColumnType::Text, x) => Value::from(x),
        },
    };
    let of = |&row: &usize| {
        let named = |input: &Input| (input_name(input), cell(&table.columns[input.column], row));
        inputs.iter().map(named).collect()
    };
    rows.iter().map(of).collect()
}

/// The mean absolute contribution of each input over some rows, largest first. As many rows are
/// explained as the budget allows, and always a few.
pub fn importance(
    study: &Study<'_>,
    inputs: &[Input],
    model: &dyn Model,
    rows: &[usize],
) -> Result<Vec<(String, f64)>> {
    const FEW: usize = 10;
    let mut sums: BTreeMap<String, f64> = inputs.iter().map(|it| (input_name(it), 0.0)).collect();
    let mut count = 0.0;
    // Chunks lie across the sample, so that stopping early leaves a fair one.
    let chunks = rows.len().div_ceil(FEW).max(1);
    for chunk in 0..chunks {
        if chunk > 0 && study.spent(1.0) {
            break;
        }
        let some: Vec<usize> = rows.iter().copied().skip(chunk).step_by(chunks).collect();
        for told in model.explain(tensors(inputs, study.table, &some))? {
            count += 1.0;
            for (name, phi) in told.contributions {
                *sums.entry(name).or_default() += phi.abs();
            }
        }
    }
    let mut importance: Vec<(String, f64)> =
        sums.into_iter().map(|(name, sum)| (name, sum / f64::max(count, 1.0))).collect();
    importance.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(importance)
}
