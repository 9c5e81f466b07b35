//! How long it takes until a thousand watchers know of a change.

#![allow(clippy::print_stdout)]

use std::{
    io::{Error, Result},
    net::SocketAddr,
    time::{Duration, Instant},
};

use benches::{
    client::request,
    figures::{at_most, percentile, tell},
    server::Server,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    sync::mpsc,
    time::timeout,
};

/// How many watch.
const WATCHERS: usize = 1_000;
/// How many changes they are told.
const CHANGES: usize = 20;
/// How long anything may take before the measurement gives up.
const PATIENCE: Duration = Duration::from_secs(30);
/// What ends an event (the HTML standard, section 9.2).
const END: &[u8] = b"\n\n";

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let server = Server::start(directory.path())?;
    let token = server.login()?;
    let path = "/api/v1/catalog/datasets";
    server.create(&token, path, &json!({"metadata": {"name": "watched"}, "spec": {}}))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (told, mut events) = mpsc::unbounded_channel();
    let ask = format!(
        "GET {path}?watch=true HTTP/1.1\r\nhost: bench\r\naccept: text/event-stream\r\n\
         authorization: Bearer {token}\r\n\r\n"
    );
    let before = server.pss_mib()?;
    for _ in 0..WATCHERS {
        runtime.spawn(watch(server.address, ask.clone(), told.clone()));
    }
    // Each is told of the object that is there, and where the journal stands.
    all(&runtime, &mut events, 2 * WATCHERS)?;
    tell("memory a watcher (PSS)", (server.pss_mib()? - before) / WATCHERS as f64 * 1024.0, "KiB");

    let mut client = server.client()?;
    let (mut from_asked, mut from_answered) = (Vec::new(), Vec::new());
    let cpu = server.cpu_s()?;
    for number in 0..CHANGES {
        let patch = json!({"spec": {"description": format!("change {number}")}});
        let ask = request("PATCH", &format!("{path}/watched"), &token, Some(&patch));
        let asked = Instant::now();
        client.json(&ask)?;
        let answered = Instant::now();
        let last = all(&runtime, &mut events, WATCHERS)?;
        from_asked.push(last.duration_since(asked).as_secs_f64() * 1e3);
        from_answered.push(last.saturating_duration_since(answered).as_secs_f64() * 1e3);
    }
    let cpu = (server.cpu_s()? - cpu) / (CHANGES * WATCHERS) as f64;
    tell("processor a watcher and change", cpu * 1e6, "us");
    tell("until all have it, from the answer, p50", percentile(&mut from_answered, 0.5), "ms");
    tell("until all have it, from the request, p50", percentile(&mut from_asked, 0.5), "ms");
    at_most("until all have it, from the request, slowest", percentile(&mut from_asked, 1.0), 100.0, "ms");
    Ok(())
}

/// Waits for so many events; answers when the last one came.
fn all(runtime: &Runtime, events: &mut mpsc::UnboundedReceiver<Instant>, count: usize) -> Result<Instant> {
    let mut last = Instant::now();
    for seen in 0..count {
        let event = runtime.block_on(async { timeout(PATIENCE, events.recv()).await });
        let missing = || Error::other(format!("{seen} of {count} events came"));
        last = event.map_err(|_| missing())?.ok_or_else(missing)?;
    }
    Ok(last)
}

/// Watches, and tells of every event when it came.
async fn watch(address: SocketAddr, ask: String, told: mpsc::UnboundedSender<Instant>) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(ask.as_bytes()).await?;
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await? > 0 {
        let mut begin = 0;
        while let Some(end) = bytes[begin..].windows(2).position(|two| two == END) {
            begin += end + END.len();
            let _ = told.send(Instant::now());
        }
        bytes.drain(..begin);
    }
    Ok(())
}
