//! Measures the stores against the disk they stand on: durable creates, and pages out of a million objects.
//!
//! `bench-stores [--seconds 5] [--clients 64] [--objects 1000000] [--dir DIR] [--database URL]`;
//! 0 objects leave the pages out; without a database, PostgreSQL is started for the purpose.

#![allow(clippy::print_stdout)]

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use kernel::store::Store;
use testing::postgres::Server;

mod creates;
mod disk;
mod pages;

/// What to measure.
pub struct Settings {
    seconds: Duration,
    clients: usize,
    objects: usize,
    directory: PathBuf,
    database: Option<String>,
}

fn settings() -> Result<Settings, String> {
    let mut settings = Settings {
        seconds: Duration::from_secs(5),
        clients: 64,
        objects: 1_000_000,
        directory: PathBuf::from("."),
        database: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("`{word}` wants a value"))?;
        let number = || value.parse::<usize>().map_err(|error| format!("`{word}`: {error}"));
        match word.as_str() {
            "--seconds" => settings.seconds = Duration::from_secs(number()? as u64),
            "--clients" => settings.clients = number()?,
            "--objects" => settings.objects = number()?,
            "--dir" => settings.directory = PathBuf::from(&value),
            "--database" => settings.database = Some(value),
            _ => return Err(format!("`{word}` is no setting")),
        }
    }
    Ok(settings)
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let settings = settings()?;
    let directory = tempfile::tempdir_in(&settings.directory).map_err(|error| error.to_string())?;
    // PostgreSQL may run as somebody else.
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755))
        .map_err(|error| error.to_string())?;
    let rate = disk::fsyncs_per_second(directory.path(), Duration::from_secs(2));
    println!("disk       serial fsync of 4 KiB   {rate:>10.0} /s   {:.3} ms each", 1e3 / rate);
    let sqlite = store_sqlite::open(directory.path()).map_err(|error| format!("{error:?}"))?;
    measure("sqlite", sqlite, &settings, rate).await;
    let server = match &settings.database {
        Some(_) => None,
        None => match Server::start_in(directory.path()) {
            Ok(server) => Some(server),
            Err(why) => {
                println!("postgres   left out: {why}");
                return Ok(());
            }
        },
    };
    let url = server.as_ref().map(Server::database).or(settings.database.clone());
    let store = store_postgres::open(&url.unwrap_or_default()).await.map_err(|error| format!("{error:?}"))?;
    measure("postgres", store, &settings, rate).await;
    Ok(())
}

async fn measure(name: &str, store: Arc<dyn Store>, settings: &Settings, fsyncs: f64) {
    let one = creates::run(&store, 1, settings.seconds).await;
    println!("{name:<10} creates, 1 client       {:>10.0} /s   p50 {:.3} ms", one.per_second, one.p50_ms);
    let all = creates::run(&store, settings.clients, settings.seconds).await;
    println!(
        "{name:<10} creates, {} clients     {:>10.0} /s   p50 {:.3} ms   p99 {:.3} ms   {:.1} x serial fsync   p50 = {:.1} fsyncs",
        settings.clients,
        all.per_second,
        all.p50_ms,
        all.p99_ms,
        all.per_second / fsyncs,
        all.p50_ms * fsyncs / 1e3,
    );
    if settings.objects > 0 {
        pages::run(name, &*store, settings.objects).await;
    }
}

/// The value below which a part of the sorted values lies.
pub fn percentile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (last as f64 * part).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
