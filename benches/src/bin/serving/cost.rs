//! What a request costs: beside the model's own work, and beside `mlserver` with the same model.

use std::{fs, io::Error, io::Result, time::Duration};

use benches::{
    figures::{at_least, at_most, tell},
    load::Load,
    processes,
};
use ports::infer::{Elements, Infer, Tensor};
use serde_json::json;

use crate::{
    peer::{Peer, grpc_ms},
    world::{World, infers},
};

/// How many connections ask, and how long.
const CONNECTIONS: usize = 4;
const LASTING: Duration = Duration::from_secs(8);
/// How often the model is asked alone.
const ALONE: usize = 20_000;

/// Everything about a request's cost.
pub fn measure(world: &World, peer: Peer) -> Result<()> {
    world.version("tabular", "tabular.onnx")?;
    world.endpoint("native", json!({"model": "tabular", "engine": {"runtime": "native"}}))?;
    let chosen = world.endpoint("tabular", json!({"model": "tabular"}))?;
    println!("the trial chose for the tabular model: {}", chosen["runtime"]);
    let path = world.models.join("rows.json");
    let rows: Vec<Vec<f64>> = serde_json::from_slice(&fs::read(&path)?).map_err(Error::other)?;
    let own_ms = alone(world, &rows)?;
    tell("the model alone, processor a row", own_ms, "ms");

    let asks = world.infers("native", "X", &rows);
    world.load(&asks, CONNECTIONS, Duration::from_secs(1))?;
    let before = world.server.cpu_s()?;
    let most = world.load(&asks, CONNECTIONS, LASTING)?;
    let rest_ms = (world.server.cpu_s()? - before) / most.answers as f64 * 1e3;
    at_most("REST, processor beside the model's own", rest_ms - own_ms, 0.1, "ms");
    let cpu_s = || world.server.cpu_s();
    let grpc = grpc_ms((world.server.address, "native", Some(&world.token)), &path, &cpu_s)?;
    at_most("gRPC, processor beside the model's own", grpc - own_ms, 0.08, "ms");
    let half =
        Load { address: world.server.address, requests: &asks, connections: CONNECTIONS, lasting: LASTING };
    let half = half.at_rate(most.per_second / 2.0)?;
    tell("REST, requests a second, saturated", most.per_second, "/s");
    tell("REST at half of that, p50", half.p50_ms, "ms");
    at_most("REST at half of that, p99", half.p99_ms, 2.0, "ms");

    let asks = world.infers("tabular", "X", &rows);
    let before = world.server.cpu_s()?;
    let ours = world.load(&asks, CONNECTIONS, LASTING)?;
    let ours_ms = (world.server.cpu_s()? - before) / ours.answers as f64 * 1e3;
    let running = peer.start()?;
    for name in ["tabular-sklearn", "tabular-onnx"] {
        let input = if name == "tabular-sklearn" { "predict" } else { "X" };
        let asks = infers("", name, input, &rows);
        let load = Load { address: peer.http, requests: &asks, connections: CONNECTIONS, lasting: LASTING };
        Load { lasting: Duration::from_secs(1), ..load }.saturate()?;
        let before = running.cpu_s();
        let answers = load.saturate()?.answers as f64;
        let theirs_ms = (running.cpu_s() - before) / answers * 1e3;
        tell(&format!("{name}, mlserver, processor a request"), theirs_ms, "ms");
        tell("AIC, processor a request", ours_ms, "ms");
        at_least(&format!("{name}, AIC to mlserver"), theirs_ms / ours_ms, 10.0, "");
    }
    let theirs = grpc_ms((peer.grpc, "tabular-onnx", None), &path, &|| Ok(running.cpu_s()))?;
    let ours = grpc_ms((world.server.address, "tabular", Some(&world.token)), &path, &cpu_s)?;
    at_least("by gRPC, AIC to mlserver", theirs / ours, 10.0, "");
    Ok(())
}

/// Milliseconds of processor the model takes for a row in the platform's own runtime, without a server around it.
fn alone(world: &World, rows: &[Vec<f64>]) -> Result<f64> {
    let failed = |error: base::Error| Error::other(error.to_string());
    let file = fs::read(world.models.join("tabular.onnx"))?;
    let model = engine_infer::open().load(&file).map_err(failed)?;
    let tensor = |row: &Vec<f64>| Tensor {
        name: "X".to_owned(),
        shape: vec![1, row.len()],
        elements: Elements::Fp32(row.iter().map(|it| *it as f32).collect()),
    };
    let rows: Vec<Tensor> = rows.iter().map(tensor).collect();
    let run = |times: usize| -> Result<()> {
        for row in rows.iter().cycle().take(times) {
            std::hint::black_box(model.run(vec![row.clone()]).map_err(failed)?);
        }
        Ok(())
    };
    run(ALONE / 10)?;
    let before = processes::thread_cpu_s()?;
    run(ALONE)?;
    Ok((processes::thread_cpu_s()? - before) / ALONE as f64 * 1e3)
}
