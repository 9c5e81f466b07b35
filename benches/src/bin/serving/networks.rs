//! Neural networks: one that takes more than a millisecond beside onnxruntime itself, and batches of a small one.

use std::{io::Result, time::Duration};

use benches::figures::{at_least, tell};
use serde_json::json;

use crate::{
    peer::direct_ms,
    world::{World, rows},
};

const LASTING: Duration = Duration::from_secs(8);
/// How many connections ask a small network at once.
const MANY: usize = 64;

/// A network of some milliseconds: served, and run by the library alone.
pub fn beside_the_library(world: &World) -> Result<()> {
    world.version("large", "large.onnx")?;
    let status = world.endpoint("large", json!({"model": "large"}))?;
    println!("the trial chose for the large network: {}", status["runtime"]);
    let asks = world.infers_bytes("large", "x", &rows(20, 1024));
    world.load(&asks, 2, Duration::from_secs(1))?;
    let before = world.server.cpu_s()?;
    let answers = world.load(&asks, 2, LASTING)?.answers as f64;
    let ours = (world.server.cpu_s()? - before) / answers * 1e3;
    let theirs = direct_ms(&world.models.join("large.onnx"), 1024)?;
    tell("large network, onnxruntime alone, processor a row", theirs, "ms");
    tell("large network, AIC, processor a request", ours, "ms");
    at_least("large network, AIC to onnxruntime", theirs / ours, 0.9, "");
    Ok(())
}

/// A small network with and without batches.
pub fn batches(world: &World) -> Result<()> {
    world.version("small", "small.onnx")?;
    let limits =
        |rows: u32| json!({"replicasMax": 2, "queueMax": 1000, "batchRows": rows, "batchTargetMs": 20});
    let mut found = Vec::new();
    for (name, batch) in [("single", 1), ("batched", 64)] {
        let status = world.endpoint(name, json!({"model": "small", "limits": limits(batch)}))?;
        let asks = world.infers(name, "x", &rows(50, 64));
        world.load(&asks, MANY, Duration::from_secs(2))?;
        let before = world.server.cpu_s()?;
        let most = world.load(&asks, MANY, LASTING)?;
        let cpu_ms = (world.server.cpu_s()? - before) / most.answers as f64 * 1e3;
        println!("small network, {name}, by {}:", status["runtime"]);
        tell("requests a second, 64 connections", most.per_second, "/s");
        tell("p99", most.p99_ms, "ms");
        tell("processor a request", cpu_ms, "ms");
        found.push(most);
    }
    at_least("batches, throughput to single requests", found[1].per_second / found[0].per_second, 3.0, "");
    tell("batches, p99 to that of single requests (may be 2)", found[1].p99_ms / found[0].p99_ms, "");
    Ok(())
}
