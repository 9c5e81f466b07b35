//! The second half of the story: an endpoint, its predictions, and why.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{NAME, Story, TARGET};
use crate::{
    cli::follow,
    client::{Ask, Client},
    failure::{Failure, Result},
    output::text,
};

/// Deploys an endpoint, and waits until it answers.
pub fn endpoint(story: &mut Story) -> Result<()> {
    let cx = &mut story.cx;
    let began = Instant::now();
    let endpoint = json!({"metadata": {"name": NAME}, "spec": {"model": NAME, "version": "1"}});
    cx.client.json(Ask::post("/api/v1/catalog/endpoints").json(&endpoint))?;
    let mut phase = String::new();
    for _ in 0..200 {
        phase = text(&cx.client.json(Ask::get(format!("/api/v1/catalog/endpoints/{NAME}")))?, "status.phase");
        if phase != "Pending" {
            break;
        }
        follow::pause(Duration::from_millis(20));
    }
    cx.out.line(&format!("5. endpoint `{NAME}` is {phase} after {} ms", began.elapsed().as_millis()))?;
    story.claims.note("the endpoint is ready", phase == "Ready");
    // From here on the calls are the service account's.
    let mut settings = crate::config::Settings::settle(&crate::config::Flags {
        url: Some(cx.settings.url.clone()),
        token: Some(story.caller_key.clone()),
        ..Default::default()
    })?;
    settings.token = Some(story.caller_key.clone());
    let caller = Client::new(&settings)?;
    let refused = caller.json(Ask::get("/api/v1/catalog/datasets"));
    story.claims.note("the service account may not read datasets", refused.is_err());
    story.held_out = held_out(story)?;
    Ok(())
}

/// The rows that were held out, from the run's record.
fn held_out(story: &Story) -> Result<Vec<Value>> {
    let run = text(&story.run, "metadata.name");
    let ask = Ask::get(format!("/api/v1/catalog/runs/{run}/held-out")).accept("application/jsonl");
    let lines = story.cx.client.send(ask)?.text()?;
    lines
        .lines()
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|error| Failure::failed(format!("a row does not parse: {error}")))
        })
        .collect()
}

/// A row without the column that is predicted and those the model does not take.
fn features(story: &Story, row: &Value) -> Value {
    let mut fields = row.as_object().cloned().unwrap_or_default();
    let inputs = inputs(story);
    fields.retain(|name, _| inputs.iter().any(|slot| slot["name"] == *name));
    Value::Object(fields)
}

fn inputs(story: &Story) -> Vec<Value> {
    story.version.pointer("/spec/signature/inputs").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// One row as a request of the Open Inference Protocol v2.
fn tensors(story: &Story, row: &Value) -> Value {
    let tensors: Vec<Value> = inputs(story)
        .iter()
        .map(|slot| {
            let value = row.get(slot["name"].as_str().unwrap_or_default()).cloned().unwrap_or_default();
            json!({"name": slot["name"], "datatype": slot["datatype"], "shape": [1, 1], "data": [value]})
        })
        .collect();
    json!({"inputs": tensors})
}

/// Predicts every held-out row over HTTP, one by one, and all at once by the other route.
pub fn predict(story: &mut Story) -> Result<()> {
    let rows = story.held_out.clone();
    let mut times = Vec::new();
    let mut labels = Vec::new();
    for row in &rows {
        let ask = Ask::call(format!("/v2/models/{NAME}/infer")).json(&tensors(story, row));
        let began = Instant::now();
        let answer = story.cx.client.json(ask)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let outputs = answer["outputs"].as_array().cloned().unwrap_or_default();
        let label = outputs.iter().find(|output| output["name"] == "label");
        labels.push(label.and_then(|output| output["data"][0].as_str()).unwrap_or_default().to_owned());
    }
    let right = rows.iter().zip(&labels).filter(|(row, label)| row[TARGET] == label.as_str()).count();
    let accuracy = right as f64 / rows.len().max(1) as f64;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    story.cx.out.line(&format!(
        "   {} held-out rows over HTTP (Open Inference Protocol v2), one by one: accuracy {accuracy:.3}, \
         latency p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms",
        rows.len(),
        at(0.5),
        at(0.95),
        at(0.99),
    ))?;
    let recorded = story.run.pointer("/status/metrics/accuracy").and_then(Value::as_f64).unwrap_or(-1.0);
    story.claims.note(
        format!("accuracy over HTTP ({accuracy:.4}) is the one the training recorded ({recorded:.4})"),
        (accuracy - recorded).abs() < 1e-9,
    );
    let all: Vec<Value> = rows.iter().map(|row| features(story, row)).collect();
    let ask = Ask::call(format!("/api/v1/catalog/endpoints/{NAME}/predict")).json(&json!({"rows": all}));
    let answer = story.cx.client.json(ask)?;
    let same = answer["predictions"].as_array().is_some_and(|it| {
        it.len() == labels.len() && it.iter().zip(&labels).all(|(one, label)| one["label"] == label.as_str())
    });
    story.claims.note("both routes give the same labels", same);
    Ok(())
}

/// Explains one row, and checks that the parts sum to the whole.
pub fn explain(story: &mut Story) -> Result<()> {
    let Some(row) = story.held_out.first().cloned() else { return Ok(()) };
    let ask = json!({"rows": [features(story, &row)]});
    let answer =
        story.cx.client.json(Ask::call(format!("/api/v1/catalog/endpoints/{NAME}/explain")).json(&ask))?;
    let why = &answer["explanations"][0];
    let number = |name: &str| why[name].as_f64().unwrap_or(f64::NAN);
    let mut parts: Vec<(String, f64)> = why["contributions"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_f64().unwrap_or(f64::NAN)))
        .collect();
    parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let sum = number("base") + parts.iter().map(|(_, value)| value).sum::<f64>();
    let out = &mut story.cx.out;
    out.line(&format!(
        "   why the first row is `{}` ({}; log-odds): base {:+.3}",
        answer["predictions"][0]["label"].as_str().unwrap_or_default(),
        why["method"].as_str().unwrap_or_default(),
        number("base"),
    ))?;
    for (name, value) in parts.iter().take(5) {
        let given = row.get(name).map_or_else(|| "missing".to_owned(), Value::to_string);
        out.line(&format!("     {value:+.3}  {name} = {given}"))?;
    }
    let rest: f64 = parts.iter().skip(5).map(|(_, value)| value).sum();
    out.line(&format!("     {rest:+.3}  all others; sum {sum:+.3} = margin {:+.3}", number("margin")))?;
    let close = (sum - number("margin")).abs() <= 1e-9 * number("margin").abs().max(1.0);
    story.claims.note("base and contributions sum to the margin", close && !parts.is_empty());
    Ok(())
}
