//! `aic predict`: asks an endpoint about rows, and why it answered so.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::csv::Csv;
use super::{Cx, endpoint};
use crate::client::Ask;
use crate::failure::{Failure, Result};
use crate::output::{self, shown, text};

/// Rows in one request: enough to be quick, few enough to stay far below any limit.
const BATCH: usize = 500;

/// Arguments of `aic predict`.
#[derive(clap::Args)]
pub struct Predict {
    /// The endpoint.
    endpoint: String,
    /// A row as JSON: `{"age": 41, "plan": "basic"}`; may be given several times.
    #[arg(short, long = "row", value_name = "JSON", required_unless_present = "file")]
    rows: Vec<String>,
    /// Rows of a CSV file.
    #[arg(short, long, value_name = "FILE", conflicts_with = "rows")]
    file: Option<PathBuf>,
    /// Say for each row what each column added to the answer.
    #[arg(short, long)]
    explain: bool,
}

/// Sends the rows in batches and prints one answer a row.
pub fn predict(cx: &mut Cx, it: &Predict) -> Result<()> {
    let (action, list) = if it.explain { ("explain", "explanations") } else { ("predict", "predictions") };
    let path = format!("{}/{action}", endpoint::item(&it.endpoint));
    let mut rows = Rows::of(it)?;
    let mut whole = json!({});
    let mut answers = Vec::new();
    loop {
        let batch = rows.batch()?;
        if batch.is_empty() {
            break;
        }
        let asked = answers.len();
        let mut answer = cx.client.json(Ask::call(path.as_str()).json(&json!({"rows": batch})))?;
        match answer.get_mut(list).map(Value::take) {
            Some(Value::Array(items)) if items.len() == batch.len() => answers.extend(items),
            _ => {
                return Err(Failure::failed(format!(
                    "the endpoint did not answer each of the rows from {}",
                    asked + 1
                )));
            }
        }
        whole = answer;
        cx.out.draw(&format!("{} rows", answers.len()));
    }
    if answers.is_empty() {
        return Err(Failure::usage("there are no rows"));
    }
    whole[list] = Value::Array(answers);
    cx.out.value(&whole, |whole| {
        let items = whole.get(list).and_then(Value::as_array);
        let items: Vec<&Value> = items.into_iter().flatten().collect();
        if it.explain { explained(&items) } else { predicted(&items) }
    })
}

/// The rows to come, from the command line or a file that is never held whole.
enum Rows {
    Given(Vec<Value>),
    File(Csv<BufReader<File>>),
}

impl Rows {
    fn of(it: &Predict) -> Result<Self> {
        match &it.file {
            Some(path) => Ok(Self::File(Csv::open(open(path)?)?)),
            None => {
                let rows = it.rows.iter().map(|row| match serde_json::from_str(row) {
                    Ok(row @ Value::Object(_)) => Ok(row),
                    Ok(_) => Err(Failure::usage(format!("`{row}` is no object of columns"))),
                    Err(error) => Err(Failure::usage(format!("`{row}` is no JSON: {error}"))),
                });
                Ok(Self::Given(rows.collect::<Result<_>>()?))
            }
        }
    }

    fn batch(&mut self) -> Result<Vec<Value>> {
        match self {
            Self::Given(rows) => {
                let many = rows.len().min(BATCH);
                Ok(rows.drain(..many).collect())
            }
            Self::File(csv) => {
                let mut batch = Vec::new();
                while batch.len() < BATCH
                    && let Some(row) = csv.row()?
                {
                    batch.push(row);
                }
                Ok(batch)
            }
        }
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    File::open(path).map(BufReader::new).map_err(|error| Failure::file(path.display(), &error))
}

fn predicted(items: &[&Value]) -> String {
    let rows: Vec<Vec<String>> = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let label = text(item, "label");
            let answer = if label.is_empty() { text(item, "prediction") } else { label.clone() };
            // Looked up whole, for a class may be called `1.5`.
            let probability =
                item.get("probabilities").and_then(|all| all.get(&label)).and_then(Value::as_f64);
            let probability = probability.map(|p| format!("{p:.4}")).unwrap_or_default();
            vec![(index + 1).to_string(), answer, probability]
        })
        .collect();
    output::table(&["ROW", "PREDICTION", "PROBABILITY"], &rows)
}

/// What each column added, largest first; base and contributions sum to the answer.
fn explained(items: &[&Value]) -> String {
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        let mut parts: Vec<(String, f64)> = match item.get("contributions") {
            Some(Value::Object(map)) => {
                map.iter().map(|(name, part)| (name.clone(), part.as_f64().unwrap_or(0.0))).collect()
            }
            Some(Value::Array(list)) => list
                .iter()
                .map(|part| {
                    (text(part, "feature"), part.get("contribution").and_then(Value::as_f64).unwrap_or(0.0))
                })
                .collect(),
            _ => Vec::new(),
        };
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let mut rows = vec![vec!["(base)".to_owned(), text(item, "base")]];
        rows.extend(parts.into_iter().map(|(name, part)| vec![name, format!("{part:+.4}")]));
        rows.push(vec!["(answer)".to_owned(), item.get("prediction").map(shown).unwrap_or_default()]);
        out.push_str(&format!("row {}\n{}", index + 1, output::table(&["COLUMN", "ADDED"], &rows)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_comes_with_its_probability_and_a_number_alone() {
        let class = json!({"label": "yes", "probabilities": {"yes": 0.75, "no": 0.25}});
        let number = json!({"prediction": 12.5});
        assert_eq!(
            predicted(&[&class, &number]),
            "ROW  PREDICTION  PROBABILITY\n1    yes         0.7500\n2    12.5\n"
        );
    }

    #[test]
    fn the_largest_contribution_comes_first() {
        let item = json!({"base": 0.5, "contributions": {"a": 0.1, "b": -0.4}, "prediction": 0.2});
        let shown = explained(&[&item]);
        assert!(shown.find("b ").unwrap() < shown.find("a ").unwrap(), "{shown}");
    }
}
