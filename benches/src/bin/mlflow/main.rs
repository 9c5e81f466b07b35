//! MLflow's own server and the platform beside each other: what a request costs, how long a script takes, files through the proxy.
//!
//! Both are asked the same, one after another, over one kept connection; what counts is the servers' own processor
//! time, with that of all processes they have started (and of PostgreSQL, where the platform stands on it).
//! The stock server's environment is that of `clients/mlflow`. Parts can be named: `logging`, `large`, `script`, `files`.

#![allow(clippy::print_stdout)]

use std::io::{Error, Result};

use benches::figures::{at_most, tell};

mod files;
mod large;
mod logging;
mod script;
mod side;

use side::{Side, Stock};

/// How many runs a search is about when nothing is said; `large=1000000` says another number.
const LARGE: usize = 100_000;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let asked =
        |part: &str| words.is_empty() || words.iter().any(|word| word.split('=').next() == Some(part));
    let directory = tempfile::tempdir()?;
    let root = directory.path();
    let ours = Side::ours("AIC", &root.join("aic"), None)?;
    if asked("logging") || asked("script") {
        let stock = Stock::start(&root.join("stock"))?;
        let theirs = stock.side()?;
        if asked("logging") {
            let database = testing::postgres::Server::start().map_err(Error::other)?;
            let over = Side::ours("AIC on PostgreSQL", &root.join("aic-postgres"), Some(&database))?;
            beside(&theirs, &ours, &over)?;
        }
        if asked("script") {
            script::compare(&theirs, &ours)?;
        }
        tell("memory after that (PSS), MLflow", theirs.pss_mib(), "MiB");
        tell("memory after that (PSS), AIC", ours.pss_mib(), "MiB");
    }
    if asked("large") {
        let runs = words.iter().find_map(|word| word.strip_prefix("large=")?.parse().ok()).unwrap_or(LARGE);
        large::search(&ours, runs)?;
        tell("memory after that (PSS), AIC", ours.pss_mib(), "MiB");
    }
    if asked("files") {
        files::compare(&ours, root)?;
    }
    Ok(())
}

/// Processor time a request, MLflow's first.
fn beside(theirs: &Side, ours: &Side, over: &Side) -> Result<()> {
    let stock = logging::measure(theirs, logging::Amount::of_stock())?;
    for side in [ours, over] {
        let costs = logging::measure(side, logging::Amount::of_ours())?;
        let target = |of: f64| if side.name == ours.name { Some(1.0 / of) } else { None };
        for (what, mine, stock, of) in [
            ("log-metric", costs.metric_ms, stock.metric_ms, 30.0),
            ("log-metric, 16 clients", costs.crowd_ms, stock.crowd_ms, 30.0),
            ("log-batch of 1,000 metrics", costs.batch_ms, stock.batch_ms, 20.0),
            ("search of 500 runs", costs.search_ms, stock.search_ms, 30.0),
        ] {
            tell(&format!("{what}, MLflow"), stock, "ms CPU");
            tell(&format!("{what}, {}", side.name), mine, "ms CPU");
            let name = format!("{what}, {} to MLflow", side.name);
            match target(of) {
                Some(target) => at_most(&name, mine / stock, target, "times"),
                None => tell(&name, mine / stock, "times"),
            }
        }
        tell(&format!("log-metric with a password, {}", side.name), costs.basic_ms, "ms CPU");
        tell(&format!("log-metric, wall, {}", side.name), costs.wall_ms, "ms");
        tell(&format!("log-metric, 16 clients, {}", side.name), costs.crowd_rate, "a second");
    }
    tell("log-metric, wall, MLflow", stock.wall_ms, "ms");
    tell("log-metric, 16 clients, MLflow", stock.crowd_rate, "a second");
    Ok(())
}
