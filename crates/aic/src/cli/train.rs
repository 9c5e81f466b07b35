//! `aic train`: from a dataset to a model, in front of the user.

use serde_json::{Value, json};

use super::{Cx, follow};
use crate::client::{Ask, encoded};
use crate::failure::{Failure, Result};
use crate::output::{shown, text};

const PATH: &str = "/api/v1/system/training/jobs";

/// Arguments of `aic train`.
#[derive(clap::Args)]
pub struct Train {
    /// The dataset to learn from.
    dataset: String,
    /// The column to predict.
    #[arg(short, long, value_name = "COLUMN")]
    target: String,
    /// How long it may take: `60s`, `5m`, `1h`.
    #[arg(short, long, default_value = "60s", value_parser = seconds)]
    budget: u64,
    /// What to call the model; without it, as the dataset.
    #[arg(short, long, value_name = "MODEL")]
    name: Option<String>,
    /// Start it and do not wait.
    #[arg(long)]
    detach: bool,
}

/// Starts a training and follows it to its model.
pub fn train(cx: &mut Cx, it: &Train) -> Result<()> {
    let model = it.name.as_ref().unwrap_or(&it.dataset);
    let job = json!({
        "metadata": {"generateName": format!("{model}-")},
        "spec": {"dataset": it.dataset, "target": it.target, "budgetSeconds": it.budget, "model": model},
    });
    let job = cx.client.json(Ask::post(PATH).json(&job))?;
    if cx.settings.dry_run {
        return cx.out.value(&job, |_| "the training could start (dry run)\n".to_owned());
    }
    let name = text(&job, "metadata.name");
    let run = run_of(cx, &job, &name)?;
    if it.detach {
        return cx.out.value(&job, |_| format!("started; follow it with `aic runs logs -f {run}`\n"));
    }
    let done = follow::follow(cx, &run)?;
    cx.out.value(&done, |done| result(done, model))
}

/// The run that does the work: the job's status names it, at once or as soon as a worker saw it.
pub fn run_of(cx: &Cx, job: &Value, name: &str) -> Result<String> {
    const LOOKS: u32 = 50;
    let mut run = text(job, "status.run");
    for _ in 0..LOOKS {
        if !run.is_empty() {
            return Ok(run);
        }
        follow::pause(std::time::Duration::from_millis(100));
        let seen = cx.client.json(Ask::get(format!("{PATH}/{}", encoded(name))))?;
        run = text(&seen, "status.run");
    }
    Err(Failure::unavailable(format!("nobody works on the training `{name}` yet"))
        .hint(format!("look again with `aic get training-jobs {name}`")))
}

fn result(done: &Value, model: &str) -> String {
    let mut lines = String::new();
    let output = done.pointer("/status/output").and_then(Value::as_object);
    for (name, value) in output.into_iter().flatten() {
        match value.as_object() {
            Some(inner) => {
                lines.push_str(&format!("{name}:\n"));
                lines.extend(inner.iter().map(|(name, value)| format!("  {name}: {}\n", shown(value))));
            }
            None => lines.push_str(&format!("{name}: {}\n", shown(value))),
        }
    }
    // The output names it as `model.number`.
    let version = text(done, "status.output.modelVersion");
    let version = version.rsplit('.').next().unwrap_or_default();
    let flag = if version.is_empty() { String::new() } else { format!(" --version {version}") };
    lines.push_str(&format!("next: aic endpoint deploy {model} --model {model}{flag}\n"));
    lines
}

/// A length of time as people write it, in seconds.
fn seconds(text: &str) -> std::result::Result<u64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        other => return Err(format!("`{other}` is no unit; write 60s, 5m or 1h")),
    };
    let number: u64 = number.parse().map_err(|_| "write it like 60s, 5m or 1h".to_owned())?;
    number.checked_mul(factor).filter(|all| *all > 0).ok_or_else(|| "it must be more than nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_written_as_people_do() {
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("5m"), Ok(300));
        for wrong in ["", "m", "5d", "-1s", "0s", "99999999999999999999h"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_result_says_how_to_go_on() {
        let done = json!({"status": {"output": {"metrics": {"accuracy": 0.93}, "modelVersion": "churn.3"}}});
        assert_eq!(
            result(&done, "churn"),
            "metrics:\n  accuracy: 0.93\nmodelVersion: churn.3\nnext: aic endpoint deploy churn --model churn --version 3\n"
        );
    }
}
