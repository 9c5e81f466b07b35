//! A script with MLflow's own client: a hundred runs of 50 metrics by 20 steps and a model each, by the clock.

use std::{
    io::{Error, Result},
    process::Command,
    time::Instant,
};

use benches::{
    figures::{at_most, tell},
    server::PASSWORD,
};

use crate::side::Side;

const SCRIPT: &str = include_str!("script.py");

/// Runs it against both, and prints.
pub fn compare(theirs: &Side, ours: &Side) -> Result<()> {
    let (stock, mine) = (run(theirs)?, run(ours)?);
    tell("script of 100 runs, MLflow", stock.wall_s, "s");
    tell("script of 100 runs, AIC", mine.wall_s, "s");
    tell("the same, processor of the client", mine.client_s, "s CPU");
    tell("the same, processor of the server, MLflow", stock.server_s, "s CPU");
    tell("the same, processor of the server, AIC", mine.server_s, "s CPU");
    at_most("script of 100 runs, AIC to MLflow", mine.wall_s / stock.wall_s, 0.2, "times");
    at_most("the same, without the client", mine.server_s / stock.server_s, 0.2, "times");
    Ok(())
}

/// What a script took.
struct Taken {
    wall_s: f64,
    client_s: f64,
    server_s: f64,
}

fn run(side: &Side) -> Result<Taken> {
    let (began, before) = (Instant::now(), side.cpu_s());
    let mut command = Command::new("python");
    command.args(["-c", SCRIPT, &format!("http://{}", side.address)]);
    command.env("MLFLOW_DISABLE_TELEMETRY", "true").env("DO_NOT_TRACK", "true");
    command.env("MLFLOW_TRACKING_USERNAME", "admin").env("MLFLOW_TRACKING_PASSWORD", PASSWORD);
    let output = command.output()?;
    if !output.status.success() {
        return Err(Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    // The script tells the seconds between its first request and its last, and its processor's.
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = told.split_whitespace().filter_map(|word| word.parse().ok());
    let (Some(wall_s), Some(client_s)) = (numbers.next(), numbers.next()) else {
        return Err(Error::other(format!("the script told nothing within {:?}: {told}", began.elapsed())));
    };
    Ok(Taken { wall_s, client_s, server_s: side.cpu_s() - before })
}
