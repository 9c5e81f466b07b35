//! A thousand endpoints that nobody asks, and explanations of many trees.

use std::{
    fs,
    io::{Error, Result},
    path::Path,
    time::Duration,
};

use benches::{
    figures::{at_most, tell},
    load::pause,
    processes,
};
use ports::infer::{Elements, Infer, Tensor};
use serde_json::json;

use crate::world::{World, rows};

/// How many endpoints there are.
const ENDPOINTS: usize = 1_000;
/// How many rows are explained.
const ROWS: usize = 200;

/// Memory with a thousand endpoints, each with a model of its own in memory.
pub fn thousand(models: &Path) -> Result<()> {
    fs::remove_dir_all(models.join("aic"))?;
    let world = World::start(models)?;
    let empty = world.server.pss_mib()?;
    for number in 0..ENDPOINTS {
        let name = format!("idle-{number:04}");
        world.version(&name, "tabular.onnx")?;
        world.endpoint(&name, json!({"model": name}))?;
    }
    let asks = world.infers("idle-0999", "X", &rows(1, 30));
    world.client()?.exchange(&asks[0])?;
    pause(Duration::from_secs(5));
    tell("memory without endpoints (PSS)", empty, "MiB");
    at_most("memory with 1,000 idle ONNX endpoints (PSS)", world.server.pss_mib()?, 1_024.0, "MiB");
    Ok(())
}

/// Exact Shapley values of 500 trees of depth 6 over 20 features.
pub fn explain(world: &World) -> Result<()> {
    let failed = |error: base::Error| Error::other(error.to_string());
    let model = engine_infer::open().load(&fs::read(world.models.join("trees.onnx"))?).map_err(failed)?;
    let values: Vec<f32> = rows(ROWS, 20).concat().into_iter().map(|it| it as f32).collect();
    let rows = Tensor { name: "x".to_owned(), shape: vec![ROWS, 20], elements: Elements::Fp32(values) };
    model.explain(vec![rows.clone()]).map_err(failed)?;
    let before = processes::thread_cpu_s()?;
    let explained = model.explain(vec![rows]).map_err(failed)?.len();
    let each = (processes::thread_cpu_s()? - before) / explained as f64 * 1e3;
    at_most("exact explanation of 500 trees, processor a row", each, 1.0, "ms");
    Ok(())
}
