//! `aic predict`: asks an endpoint about rows, and why it answered so.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::csv::Csv;
use super::{Cx, endpoint};
use crate::client::Ask;
use crate::failure::{Failure, Result};
use crate::output::{self, text};

/// Rows in one request: enough to be quick, few enough to stay far below any limit.
const BATCH: usize = 500;

/// What an answer calls its two lists.
const PREDICTED: &str = "predictions";
const EXPLAINED: &str = "explanations";

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
    let action = if it.explain { "explain" } else { "predict" };
    let path = format!("{}/{action}", endpoint::item(&it.endpoint));
    let mut rows = Rows::of(cx, it)?;
    let mut whole = json!({});
    let mut told: Vec<(&str, Vec<Value>)> = if it.explain {
        vec![(PREDICTED, Vec::new()), (EXPLAINED, Vec::new())]
    } else {
        vec![(PREDICTED, Vec::new())]
    };
    let mut done = 0;
    loop {
        let batch = rows.batch()?;
        if batch.is_empty() {
            break;
        }
        let mut answer = cx.client.json(Ask::call(path.as_str()).json(&json!({"rows": batch})))?;
        for (name, all) in &mut told {
            match answer.get_mut(*name).map(Value::take) {
                Some(Value::Array(items)) if items.len() == batch.len() => all.extend(items),
                _ => {
                    let sentence =
                        format!("the endpoint gave not one of `{name}` for each row from {}", done + 1);
                    return Err(Failure::failed(sentence));
                }
            }
        }
        done += batch.len();
        whole = answer;
        cx.out.draw(&format!("{done} rows"));
    }
    if done == 0 {
        return Err(Failure::usage("there are no rows"));
    }
    for (name, all) in told {
        whole[name] = Value::Array(all);
    }
    cx.out.value(&whole, |whole| {
        let list = |name: &str| whole.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        if it.explain { explained(&list(PREDICTED), &list(EXPLAINED)) } else { predicted(&list(PREDICTED)) }
    })
}

/// The rows to come, from the command line or a file that is never held whole.
enum Rows {
    Given(Vec<Value>),
    File(Csv<BufReader<File>>, Inputs),
}

/// What an endpoint takes: for each column of a file, the input's datatype, if it is an input.
struct Inputs(Vec<Option<String>>);

impl Rows {
    fn of(cx: &mut Cx, it: &Predict) -> Result<Self> {
        match &it.file {
            Some(path) => {
                let csv = Csv::open(open(path)?)?;
                let inputs = Inputs::of(cx, &it.endpoint, csv.headings())?;
                Ok(Self::File(csv, inputs))
            }
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
            Self::File(csv, inputs) => {
                let mut batch = Vec::new();
                while batch.len() < BATCH
                    && let Some(fields) = csv.row()?
                {
                    batch.push(inputs.object(csv.headings(), &fields));
                }
                Ok(batch)
            }
        }
    }
}

impl Inputs {
    /// Asks the endpoint; columns it does not take, such as the target, are left out and named.
    fn of(cx: &mut Cx, endpoint: &str, headings: &[String]) -> Result<Self> {
        let schema = cx.client.json(Ask::get(format!("{}/schema", endpoint::item(endpoint))))?;
        let slots = schema.get("inputs").and_then(Value::as_array).cloned().unwrap_or_default();
        let datatype = |name: &String| {
            slots.iter().find(|slot| text(slot, "name") == *name).map(|slot| text(slot, "datatype"))
        };
        let inputs: Vec<Option<String>> = headings.iter().map(datatype).collect();
        let left_out: Vec<&str> = headings
            .iter()
            .zip(&inputs)
            .filter(|(_, it)| it.is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        if left_out.len() == headings.len() {
            let takes: Vec<String> = slots.iter().map(|slot| text(slot, "name")).collect();
            return Err(Failure::usage("no column of the file is an input of the endpoint")
                .hint(format!("it takes {}", takes.join(", "))));
        }
        if !left_out.is_empty() {
            cx.out
                .note(&format!("left out, because the endpoint does not take them: {}", left_out.join(", ")));
        }
        Ok(Self(inputs))
    }

    fn object(&self, headings: &[String], fields: &[String]) -> Value {
        let all = headings.iter().zip(fields).zip(&self.0);
        let taken = all.filter_map(|((name, field), it)| Some((name.clone(), typed(field, it.as_ref()?))));
        Value::Object(taken.collect())
    }
}

/// A field as the input wants it; what does not fit is sent as text, so that the server can say so.
fn typed(field: &str, datatype: &str) -> Value {
    let other = || Value::String(field.to_owned());
    match (field, datatype) {
        ("", _) => Value::Null,
        (_, "BYTES") => other(),
        ("true" | "True" | "TRUE" | "1", "BOOL") => Value::Bool(true),
        ("false" | "False" | "FALSE" | "0", "BOOL") => Value::Bool(false),
        _ => serde_json::from_str(field).map_or_else(|_| other(), Value::Number),
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    File::open(path).map(BufReader::new).map_err(|error| Failure::file(path.display(), &error))
}

fn predicted(items: &[Value]) -> String {
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

/// What each column added, largest first; base and parts sum to the margin.
fn explained(predictions: &[Value], reasons: &[Value]) -> String {
    let mut out = predicted(predictions);
    for (index, reason) in reasons.iter().enumerate() {
        let parts = reason.get("contributions").and_then(Value::as_object);
        let mut parts: Vec<(&String, f64)> =
            parts.into_iter().flatten().map(|(name, part)| (name, part.as_f64().unwrap_or(0.0))).collect();
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let number = |name: &str| {
            reason.get(name).and_then(Value::as_f64).map(|n| format!("{n:+.4}")).unwrap_or_default()
        };
        let mut rows = vec![vec!["(base)".to_owned(), number("base")]];
        rows.extend(parts.into_iter().map(|(name, part)| vec![name.clone(), format!("{part:+.4}")]));
        rows.push(vec!["(margin)".to_owned(), number("margin")]);
        let class = Some(text(reason, "class")).filter(|class| !class.is_empty());
        let what = class.map(|class| format!(", for `{class}`")).unwrap_or_default();
        out.push_str(&format!("\nrow {}{what}\n{}", index + 1, output::table(&["COLUMN", "ADDED"], &rows)));
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
            predicted(&[class, number]),
            "ROW  PREDICTION  PROBABILITY\n1    yes         0.7500\n2    12.5\n"
        );
    }

    #[test]
    fn the_largest_contribution_comes_first_and_all_sum_to_the_margin() {
        let reason =
            json!({"class": "yes", "base": 0.5, "contributions": {"a": 0.1, "b": -0.4}, "margin": 0.2});
        let shown = explained(&[json!({"label": "yes"})], &[reason]);
        assert!(shown.ends_with(
            "row 1, for `yes`\nCOLUMN    ADDED\n(base)    +0.5000\nb         -0.4000\na         +0.1000\n(margin)  +0.2000\n"
        ), "{shown}");
    }

    #[test]
    fn a_field_becomes_what_the_input_wants() {
        assert_eq!(typed("007", "BYTES"), json!("007"));
        assert_eq!(typed("7", "BYTES"), json!("7"));
        assert_eq!(typed("-1.5e2", "FP32"), json!(-150.0));
        assert_eq!(typed("many", "FP32"), json!("many"));
        assert_eq!(typed("True", "BOOL"), json!(true));
        assert_eq!(typed("", "INT64"), Value::Null);
    }
}
