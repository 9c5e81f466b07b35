//! Changes: from a file to the first answer, from zero to an answer, back to what was, and a hundred roll-outs under load.

use std::{
    io::{Error, Result},
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use benches::{
    client::{Client, request},
    figures::{at_most, percentile, tell},
    load::pause,
    server::binary,
};
use serde_json::json;

use crate::world::{World, rows};

/// How often an endpoint changes under load, and how many ask it meanwhile.
const ROLLOUTS: usize = 100;
const ASKING: usize = 4;

/// All of them.
pub fn measure(world: &World) -> Result<()> {
    deployed(world)?;
    woken(world)?;
    changed(world)
}

/// `aic deploy` of a file, and the first answer.
fn deployed(world: &World) -> Result<()> {
    let asks = world.infers("fresh", "x", &rows(1, 64));
    let began = Instant::now();
    let mut command = Command::new(binary()?);
    command.arg("deploy").arg(world.models.join("small.onnx")).args(["--name", "fresh", "--url"]);
    command.arg(format!("http://{}", world.server.address)).env("AIC_TOKEN", &world.token);
    let told = command.output()?;
    let status = world.client()?.exchange(&asks[0])?;
    let took = began.elapsed().as_secs_f64();
    if status != 200 {
        return Err(Error::other(format!("{status}: {}", String::from_utf8_lossy(&told.stderr))));
    }
    at_most("`aic deploy` of a file to its first answer", took, 2.0, "s");
    Ok(())
}

/// An endpoint that rests is asked.
fn woken(world: &World) -> Result<()> {
    let limits = json!({"replicasMin": 0, "replicasMax": 2, "idleSeconds": 1});
    // A model of its own: what another endpoint answers with stays in memory.
    world.version("resting", "small.onnx")?;
    world.endpoint("resting", json!({"model": "resting", "limits": limits}))?;
    let asks = world.infers("resting", "x", &rows(1, 64));
    let mut client = world.client()?;
    let mut times = Vec::new();
    for _ in 0..5 {
        client.exchange(&asks[0])?;
        // It rests a second after the last request, and a tick later this is seen.
        pause(Duration::from_millis(3_200));
        let began = Instant::now();
        let status = client.exchange(&asks[0])?;
        times.push(began.elapsed().as_secs_f64());
        if status != 200 {
            return Err(Error::other(format!("woken with {status}")));
        }
    }
    at_most("woken from zero, slowest of 5", percentile(&mut times, 1.0), 0.3, "s");
    Ok(())
}

/// What came of asking while things change.
#[derive(Default)]
struct Asked {
    stop: AtomicBool,
    answered: AtomicUsize,
    failed: AtomicUsize,
}

impl Asked {
    fn ask(&self, mut client: Client, ask: &[u8]) -> Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            let count = if client.exchange(ask)? == 200 { &self.answered } else { &self.failed };
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Deployments one after the other while others ask, each put back at once.
fn changed(world: &World) -> Result<()> {
    world.version("changing", "small.onnx")?;
    world.version("changing", "small.onnx")?;
    world.endpoint("changing", json!({"model": "changing", "version": "1"}))?;
    let asks = world.infers("changing", "x", &rows(1, 64));
    let asked = Asked::default();
    let mut reverts = Vec::new();
    thread::scope(|scope| -> Result<()> {
        let asking: Vec<_> = (0..ASKING)
            .map(|_| {
                Ok(scope.spawn({
                    let client = world.client()?;
                    let (asked, ask) = (&asked, &asks[0]);
                    move || asked.ask(client, ask)
                }))
            })
            .collect::<Result<_>>()?;
        let done = (0..ROLLOUTS / 2).try_for_each(|_| back_and_forth(world, &asks[0], &mut reverts));
        asked.stop.store(true, Ordering::Relaxed);
        for one in asking {
            one.join().map_err(|_| Error::other("an asking thread ended"))??;
        }
        done
    })?;
    at_most(
        "put back: until the next answer is the old one's, median",
        percentile(&mut reverts, 0.5),
        0.1,
        "s",
    );
    tell("the slowest of them", percentile(&mut reverts, 1.0), "s");
    tell("requests answered during the changes", asked.answered.load(Ordering::Relaxed) as f64, "");
    at_most("requests that failed during 100 changes", asked.failed.load(Ordering::Relaxed) as f64, 0.0, "");
    Ok(())
}

/// To the other version, and back by one write; how long that took until it was seen.
fn back_and_forth(world: &World, ask: &[u8], reverts: &mut Vec<f64>) -> Result<()> {
    world.ask("POST", "endpoints/changing/deploy", Some(&json!({"version": "2"})))?;
    world.until("changing", |status| status["serving"] == "changing.2")?;
    let mut client = world.client()?;
    let back = request("POST", "/api/v1/catalog/endpoints/changing/revert", &world.token, Some(&json!({})));
    let began = Instant::now();
    client.json(&back)?;
    while client.json(ask)?["model_version"] != "1" {}
    reverts.push(began.elapsed().as_secs_f64());
    Ok(())
}
