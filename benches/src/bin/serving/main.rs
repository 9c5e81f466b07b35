//! Serving: what a request costs beside the model's own work, beside `mlserver` and onnxruntime; batches, changes, idle endpoints, explanations.
//!
//! The peers run in the Python environment of `benches/peers/serving`, which also makes the models. Parts can be named:
//! `cost`, `networks`, `changes`, `idle`, `explain`.

#![allow(clippy::print_stdout)]

use std::io::Result;

mod changes;
mod cost;
mod idle;
mod networks;
mod peer;
mod world;

use world::World;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let asked = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let directory = tempfile::tempdir()?;
    let peer = peer::Peer::prepared(directory.path())?;
    let world = World::start(directory.path())?;
    if asked("cost") {
        cost::measure(&world, peer)?;
    }
    if asked("networks") {
        networks::beside_the_library(&world)?;
        networks::batches(&world)?;
    }
    if asked("changes") {
        changes::measure(&world)?;
    }
    if asked("explain") {
        idle::explain(&world)?;
    }
    drop(world);
    if asked("idle") {
        idle::thousand(directory.path())?;
    }
    Ok(())
}
