//! What a prediction of one row costs over HTTP, beside what the model itself costs.

#![allow(clippy::print_stdout)]

use std::{
    io::{Error, Result},
    sync::Arc,
    time::Duration,
};

use benches::{
    client::request,
    figures::{at_least, at_most, tell},
    load::Load,
    processes,
    server::{Server, train},
};
use ports::infer::{Infer, Model, Tensor, json};
use serde_json::{Value, json};

/// How many connections ask.
const CONNECTIONS: usize = 8;
/// How long the load lasts.
const LASTING: Duration = Duration::from_secs(10);
/// How often the model is asked alone.
const ALONE: usize = 20_000;

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    train(directory.path())?;
    let server = Server::start(directory.path())?;
    let token = server.login()?;
    let version = get(&server, &token, "/api/v1/catalog/models/credit/versions/1")?;
    let inputs = version.pointer("/spec/signature/inputs").and_then(Value::as_array).cloned();
    let inputs = inputs.ok_or_else(|| Error::other("the version has no signature"))?;
    let rows = held_out(&server, &token, version["spec"]["run"].as_str().unwrap_or_default())?;
    let bodies: Vec<Value> = rows.iter().map(|row| tensors(&inputs, row)).collect();

    let model_ms = alone(&server, &token, &bodies)? * 1e3;
    tell("the model alone, processor a row", model_ms, "ms");
    let asks: Vec<Vec<u8>> =
        bodies.iter().map(|body| request("POST", "/v2/models/credit/infer", &token, Some(body))).collect();
    let load = Load { address: server.address, requests: &asks, connections: CONNECTIONS, lasting: LASTING };
    Load { lasting: Duration::from_secs(1), ..load }.saturate()?;
    let before = server.cpu_s()?;
    let most = load.saturate()?;
    let cpu_s = server.cpu_s()? - before;
    let each_ms = cpu_s / most.answers as f64 * 1e3;
    tell("rows of one over HTTP, saturated", most.per_second, "/s");
    at_least("rows of one, a core of the server", most.answers as f64 / cpu_s, 3_000.0, "/s");
    tell("processor a request", each_ms, "ms");
    at_most("processor a request beside the model's own", each_ms - model_ms, 0.15, "ms");
    tell("a request costs as much as so many models", each_ms / model_ms, "");
    let half = load.at_rate(most.per_second / 2.0)?;
    tell("at half that rate, p50", half.p50_ms, "ms");
    tell("at half that rate, p99", half.p99_ms, "ms");
    Ok(())
}

fn get(server: &Server, token: &str, path: &str) -> Result<Value> {
    server.client()?.json(&request("GET", path, token, None))
}

/// The rows the training has not seen.
fn held_out(server: &Server, token: &str, run: &str) -> Result<Vec<Value>> {
    let mut client = server.client()?;
    let path = format!("/api/v1/catalog/runs/{run}/held-out");
    let status = client.exchange(&request("GET", &path, token, None))?;
    let text = String::from_utf8_lossy(client.body());
    let rows: std::result::Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    match rows {
        Ok(rows) if status == 200 && !rows.is_empty() => Ok(rows),
        _ => Err(Error::other(format!("no held-out rows: {status}"))),
    }
}

/// A row in the words of the Open Inference Protocol.
fn tensors(inputs: &[Value], row: &Value) -> Value {
    let tensors: Vec<Value> = inputs
        .iter()
        .map(|slot| {
            let value = row.get(slot["name"].as_str().unwrap_or_default()).cloned().unwrap_or_default();
            json!({"name": slot["name"], "datatype": slot["datatype"], "shape": [1, 1], "data": [value]})
        })
        .collect();
    json!({"inputs": tensors})
}

/// Seconds of processor the model takes for a row, without a server around it.
fn alone(server: &Server, token: &str, bodies: &[Value]) -> Result<f64> {
    let mut client = server.client()?;
    let path = "/api/v1/catalog/models/credit/versions/1/download";
    client.exchange(&request("GET", path, token, None))?;
    let model = engine_infer::open().load(client.body()).map_err(|error| Error::other(error.to_string()))?;
    let rows: Option<Vec<Vec<Tensor>>> = bodies.iter().map(|body| row(&body["inputs"])).collect();
    let rows = rows.ok_or_else(|| Error::other("a row is none"))?;
    run(&model, &rows, ALONE / 10)?;
    let before = processes::thread_cpu_s()?;
    run(&model, &rows, ALONE)?;
    Ok((processes::thread_cpu_s()? - before) / ALONE as f64)
}

fn run(model: &Arc<dyn Model>, rows: &[Vec<Tensor>], times: usize) -> Result<()> {
    for row in rows.iter().cycle().take(times) {
        let answer = model.run(row.clone()).map_err(|error| Error::other(error.to_string()))?;
        std::hint::black_box(answer);
    }
    Ok(())
}

fn row(inputs: &Value) -> Option<Vec<Tensor>> {
    let tensor = |input: &Value| {
        let (name, datatype, value) = (&input["name"], &input["datatype"], &input["data"][0]);
        json::read(json!({"name": name, "datatype": datatype, "shape": [1, 1], "data": [value]})).ok()
    };
    inputs.as_array()?.iter().map(tensor).collect()
}
