//! The first half of the story: people, a dataset, a training, a model version.

use serde_json::{Value, json};

use super::{NAME, Story, TARGET};
use crate::{
    cli::follow,
    client::{Ask, Client},
    failure::{Failure, Result},
    output::text,
};

/// The table the story is about: 4,454 loans of a bank, from `examples/data/`.
const TABLE: &[u8] = include_bytes!("../../../../examples/data/credit.csv");

/// Trades the administrator's password for a token.
pub fn login(client: &Client, password: &str) -> Result<String> {
    let ask = json!({"username": "admin", "password": password});
    let answer = client.json(Ask::call("/api/v1/admin/auth/login").json(&ask))?;
    Ok(text(&answer, "accessToken"))
}

/// Who there is.
pub fn people(story: &mut Story, url: &str, password: &str) -> Result<()> {
    let cx = &mut story.cx;
    cx.out.line(&format!("1. the platform is up at {url}"))?;
    cx.out.line("   organization `default`, project `default`")?;
    cx.out.line(&format!("   user `admin`, password `{password}` (shown once)"))?;
    let account = json!({"metadata": {"name": "scoring-app"}, "spec": {"description": "calls the endpoint"}});
    cx.client.json(Ask::post("/api/v1/admin/service-accounts").json(&account))?;
    let grant = json!({
        "metadata": {"name": "scoring-app-caller"},
        "spec": {"role": "caller", "subject": "service:scoring-app", "project": "default"},
    });
    cx.client.json(Ask::post("/api/v1/admin/grants").json(&grant))?;
    let key =
        cx.client.json(Ask::call("/api/v1/admin/service-accounts/scoring-app/keys").json(&json!({})))?;
    story.caller_key = text(&key, "token");
    cx.out.line(
        "   service account `scoring-app`, granted the role `caller`: it may call endpoints, nothing else",
    )?;
    story.claims.note("the service account has a key", !story.caller_key.is_empty());
    Ok(())
}

/// The table becomes a dataset.
pub fn dataset(story: &mut Story) -> Result<()> {
    let cx = &mut story.cx;
    let dataset = json!({
        "metadata": {"name": NAME},
        "spec": {
            "description": "4,454 loans of a bank: who took them, and whether they were paid back",
            "license": "MIT",
        },
    });
    cx.client.json(Ask::post("/api/v1/catalog/datasets").json(&dataset))?;
    let upload = Ask::call(format!("/api/v1/catalog/datasets/{NAME}/upload"))
        .with("filename", "credit.csv")
        .stream("text/csv", TABLE.len() as u64, TABLE);
    let uploaded = cx.client.json(upload)?;
    follow::follow(cx, &text(&uploaded, "run"))?;
    let version = cx.client.json(Ask::get(format!("/api/v1/catalog/datasets/{NAME}/versions/1")))?;
    let columns = version.pointer("/status/profile/columns").and_then(Value::as_array).map_or(0, Vec::len);
    let rows = version.pointer("/status/rows").and_then(Value::as_u64).unwrap_or(0);
    cx.out.line(&format!(
        "2. dataset `{NAME}`, version 1: {rows} rows, {columns} columns, {} kB, blob {}…",
        TABLE.len() / 1000,
        &text(&version, "spec.blob")[..12],
    ))?;
    let counted = TABLE.iter().filter(|byte| **byte == b'\n').count() as u64 - 1;
    story.claims.note(format!("the dataset has the file's {counted} rows"), rows == counted);
    let digest = base::Digest::of(TABLE).to_string();
    story.claims.note("the blob's name is the BLAKE3 of the file", text(&version, "spec.blob") == digest);
    Ok(())
}

/// A model is learned.
pub fn train(story: &mut Story) -> Result<()> {
    let cx = &mut story.cx;
    cx.out.line(&format!("3. training on `{TARGET}`, at most {} s …", story.budget))?;
    let job = json!({
        "metadata": {"name": format!("{NAME}-first")},
        "spec": {"dataset": NAME, "target": TARGET, "budgetSeconds": story.budget, "model": NAME},
    });
    cx.client.json(Ask::post("/api/v1/system/training/jobs").json(&job))?;
    let path = format!("/api/v1/system/training/jobs/{NAME}-first");
    let mut run = String::new();
    for _ in 0..100 {
        run = text(&cx.client.json(Ask::get(&path))?, "status.run");
        if !run.is_empty() {
            break;
        }
        follow::pause(std::time::Duration::from_millis(50));
    }
    if run.is_empty() {
        return Err(Failure::unavailable("nobody works on the training"));
    }
    let done = follow::follow(cx, &run)?;
    let name = text(&done, "status.output.experimentRun");
    let local = name.rsplit('.').next().unwrap_or_default();
    let experiment = cx.client.json(Ask::get(format!("/api/v1/catalog/experiments/{NAME}/runs/{local}")))?;
    for trial in experiment.pointer("/status/trials").and_then(Value::as_array).into_iter().flatten().take(4)
    {
        let number = |name: &str| trial[name].as_f64().unwrap_or(f64::NAN);
        cx.out.line(&format!(
            "   {:<26} score {:.4} ± {:.4}   {:.1} s",
            trial["learner"].as_str().unwrap_or_default(),
            number("score"),
            number("deviation"),
            number("seconds"),
        ))?;
    }
    metrics(story, &experiment)?;
    let steps = story.cx.client.json(Ask::get(format!("/api/v1/catalog/runs/{name}/metrics")))?;
    let points = steps["items"].as_array().map_or(0, Vec::len);
    story.claims.note("metrics by step are on record", points > 0);
    story.run = experiment;
    Ok(())
}

/// Prints the metrics and the confusion matrix.
fn metrics(story: &mut Story, run: &Value) -> Result<()> {
    let cx = &mut story.cx;
    let told: Vec<String> = run
        .pointer("/status/metrics")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name} {:.3}", value.as_f64().unwrap_or(f64::NAN)))
        .collect();
    cx.out.line(&format!("   on held-out rows: {}", told.join(", ")))?;
    let errors = run.pointer("/status/errors").cloned().unwrap_or_default();
    let classes: Vec<&str> =
        errors["classes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut total = 0;
    for (class, row) in classes.iter().zip(errors["counts"].as_array().into_iter().flatten()) {
        let counts: Vec<u64> = row.as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        total += counts.iter().sum::<u64>();
        let cells: Vec<String> =
            classes.iter().zip(&counts).map(|(predicted, count)| format!("{count} as {predicted}")).collect();
        cx.out.line(&format!("   truly {class}: {}", cells.join(", ")))?;
    }
    story.claims.note("the confusion matrix counts every held-out row", total > 0);
    Ok(())
}

/// The model version that was registered.
pub fn version(story: &mut Story) -> Result<()> {
    let cx = &mut story.cx;
    let version = cx.client.json(Ask::get(format!("/api/v1/catalog/models/{NAME}/versions/1")))?;
    let onnx = cx.client.send(
        Ask::get(format!("/api/v1/catalog/models/{NAME}/versions/1/download"))
            .accept("application/octet-stream"),
    )?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut onnx.reader(), &mut bytes)
        .map_err(|error| Failure::failed(format!("the model could not be read: {error}")))?;
    let digest = base::Digest::of(&bytes).to_string();
    cx.out.line(&format!(
        "4. model `{NAME}`, version 1: ONNX, {} kB, digest {}…, with signature, example, metrics and card",
        bytes.len() / 1000,
        &digest[..12],
    ))?;
    let card = cx.client.json(Ask::get(format!("/api/v1/catalog/models/{NAME}/versions/1/card")))?;
    story.claims.note("the ONNX file is the one its version names", text(&version, "spec.blob") == digest);
    story.claims.note(
        "the card names the data the model saw",
        card.pointer("/trainingData/digest").and_then(Value::as_str)
            == Some(&*base::Digest::of(TABLE).to_string()),
    );
    story.claims.note("the version has a signature", version.pointer("/spec/signature/inputs").is_some());
    story.version = version;
    Ok(())
}
