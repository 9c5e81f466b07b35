//! How fast the server is ready, how much it takes while idle, and how fast it answers reads.

#![allow(clippy::print_stdout)]

use std::{io::Result, time::Duration};

use benches::{
    client::request,
    figures::{at_most, percentile, tell},
    load::{Load, pause},
    server::Server,
};
use serde_json::json;

/// How many objects the directory holds.
const OBJECTS: usize = 1_000;
/// How often it is started.
const STARTS: usize = 9;
/// How many connections ask.
const CONNECTIONS: usize = 8;
/// How long each load lasts.
const LASTING: Duration = Duration::from_secs(8);
/// How long it has nothing to do before its memory is read.
const IDLE: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let server = Server::start(directory.path())?;
    tell("ready on an empty directory", server.ready.as_secs_f64(), "s");
    fill(&server)?;
    drop(server);
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(Server::start(directory.path())?.ready.as_secs_f64());
    }
    at_most("ready on an existing directory, median", percentile(&mut times, 0.5), 0.5, "s");
    let server = Server::start(directory.path())?;
    pause(IDLE);
    let before = server.cpu_s()?;
    pause(IDLE);
    tell("processor while idle", (server.cpu_s()? - before) / IDLE.as_secs_f64() * 100.0, "% of a core");
    at_most("memory while idle (PSS)", server.pss_mib()?, 100.0, "MiB");
    at_most("processes", server.processes()? as f64, 1.0, "");
    tell("threads", server.threads()? as f64, "");
    reads(&server)?;
    tell("memory after the loads (PSS)", server.pss_mib()?, "MiB");
    Ok(())
}

fn fill(server: &Server) -> Result<()> {
    let token = server.login()?;
    let items: Vec<_> = (0..OBJECTS)
        .map(|number| {
            let name = format!("set-{number:04}");
            let object = json!({"metadata": {"name": name}, "spec": {"description": "a table of loans"}});
            json!({"verb": "create", "object": object})
        })
        .collect();
    for items in items.chunks(100) {
        server.create(&token, "/api/v1/catalog/datasets/bulk", &json!({"items": items}))?;
    }
    Ok(())
}

fn reads(server: &Server) -> Result<()> {
    let token = server.login()?;
    let requests: Vec<Vec<u8>> = (0..OBJECTS)
        .map(|number| request("GET", &format!("/api/v1/catalog/datasets/set-{number:04}"), &token, None))
        .collect();
    let asked =
        Load { address: server.address, requests: &requests, connections: CONNECTIONS, lasting: LASTING };
    let before = server.cpu_s()?;
    let most = asked.saturate()?;
    let cpu = server.cpu_s()? - before;
    tell("GET of an object, saturated", most.per_second, "/s");
    tell("GET of an object, processor a request", cpu / most.answers as f64 * 1e3, "ms");
    tell("GET of an object, a core of the server", most.answers as f64 / cpu, "/s");
    // What the machine itself does to a request at this rate.
    let live = Load { requests: &[request("GET", "/healthz", "", None)], ..asked };
    let floor = live.at_rate(most.per_second / 2.0)?;
    tell("GET /healthz at half that rate, p50", floor.p50_ms, "ms");
    tell("GET /healthz at half that rate, p99", floor.p99_ms, "ms");
    let half = asked.at_rate(most.per_second / 2.0)?;
    tell("GET of an object at half that rate, p50", half.p50_ms, "ms");
    at_most("GET of an object at half that rate, p99", half.p99_ms, 2.0, "ms");
    Ok(())
}
