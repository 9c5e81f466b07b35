//! `aic runs`: durable work, its steps and logs, and stopping it.

use std::io::Read;

use serde_json::{Value, json};

use super::{Cx, follow, listing};
use crate::client::{Ask, broken};
use crate::failure::Result;
use crate::output::text;

/// What one can do with runs.
#[derive(clap::Subcommand)]
pub enum Runs {
    /// List them, newest first.
    List(listing::Query),
    /// Print one with its steps.
    Get {
        /// The run.
        name: String,
    },
    /// Print what it wrote.
    Logs {
        /// The run.
        name: String,
        /// Go on until the run is over.
        #[arg(short, long)]
        follow: bool,
        /// The line to begin with, counted from 0.
        #[arg(long, value_name = "N")]
        from: Option<u64>,
        /// Put before each line when it was written.
        #[arg(long)]
        timestamps: bool,
    },
    /// Wait until one is over, and show its progress.
    Wait {
        /// The run.
        name: String,
    },
    /// Stop one; steps that are done stay done.
    Cancel {
        /// The run.
        name: String,
    },
    /// Take one up again that has ended; steps that are done stay done.
    Retry {
        /// The run.
        name: String,
        /// The step to begin at: it and all that follow it are done again.
        #[arg(long, value_name = "STEP")]
        from: Option<String>,
    },
}

/// Runs one of them.
pub fn run(cx: &mut Cx, it: &Runs) -> Result<()> {
    match it {
        Runs::List(query) => {
            let newest = Some("-metadata.creationTimestamp".to_owned());
            let query = listing::Query {
                sort: query.sort.clone().or(newest),
                limit: query.limit.or(Some(50)),
                ..query.clone()
            };
            let found = listing::list(cx, "/api/v1/system/runs", &query)?;
            cx.out.value(&found, |found| {
                listing::columns(
                    found,
                    &[
                        ("NAME", "metadata.name"),
                        ("PHASE", "status.phase"),
                        ("DONE", "status.progress.done"),
                        ("OF", "status.progress.total"),
                        ("MESSAGE", "status.progress.message"),
                        ("CREATED", "metadata.creationTimestamp"),
                    ],
                )
            })
        }
        Runs::Get { name } => {
            let found = cx.client.json(Ask::get(follow::path(name)))?;
            cx.out.value(&found, one)
        }
        Runs::Logs { name, follow, from, timestamps } => {
            let ask = Ask::get(format!("{}/logs", follow::path(name))).accept("text/plain");
            let ask = ask.with_some("from", *from).with("follow", *follow).with("timestamps", *timestamps);
            logs(cx, ask)
        }
        Runs::Wait { name } => {
            let done = follow::follow(cx, name)?;
            cx.out.value(&done, one)
        }
        Runs::Cancel { name } => {
            let ask = Ask::post(format!("{}/cancel", follow::path(name))).json(&json!({}));
            let answer = cx.client.json(ask)?;
            cx.out.value(&answer, |_| format!("run/{name} is being cancelled\n"))
        }
        Runs::Retry { name, from } => {
            let ask = Ask::post(format!("{}/retry", follow::path(name))).json(&json!({"from": from}));
            let answer = cx.client.json(ask)?;
            cx.out.value(&answer, |_| format!("run/{name} is taken up again\n"))
        }
    }
}

fn one(run: &Value) -> String {
    let steps = run.pointer("/status/steps").cloned().unwrap_or_else(|| json!([]));
    let mut out = format!("{}: {}\n", text(run, "metadata.name"), follow::progress(run));
    if steps.as_array().is_some_and(|steps| !steps.is_empty()) {
        out.push_str(&listing::columns(
            &json!({"items": steps}),
            &[
                ("STEP", "name"),
                ("PHASE", "phase"),
                ("ATTEMPT", "attempt"),
                ("STARTED", "startedAt"),
                ("FINISHED", "finishedAt"),
                ("ERROR", "error.message|error"),
            ],
        ));
    }
    if let Some(output) = run.pointer("/status/output").filter(|output| !output.is_null()) {
        out.push_str(&format!("output: {output}\n"));
    }
    out
}

fn logs(cx: &mut Cx, ask: Ask) -> Result<()> {
    let mut reader = cx.client.send(ask)?.reader();
    let mut bytes = [0; 8 * 1024];
    loop {
        let read = reader.read(&mut bytes).map_err(|error| broken(&error))?;
        if read == 0 {
            return Ok(());
        }
        cx.out.bytes(&bytes[..read])?;
    }
}
