//! `aic watch`: the changes to the objects of a kind, as they happen, over server-sent events.

use std::io::BufRead;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::follow::pause;
use super::kinds::{self, Kind};
use super::{Cx, listing};
use crate::client::{Ask, broken};
use crate::failure::{Exit, Failure, Result};
use crate::output::{Format, text};

/// How often a connection is made anew before the server counts as gone.
const ATTEMPTS: u32 = 10;
const AWAY: Duration = Duration::from_secs(1);
/// Longer than any server leaves a watch without a sign of life.
const SILENCE: Duration = Duration::from_secs(300);
/// A connection that held so long was a good one, even if nothing happened.
const HELD: Duration = Duration::from_secs(30);

/// Arguments of `aic watch`.
#[derive(clap::Args)]
pub struct Watch {
    /// The kind and, if only one object is wanted, its name.
    #[arg(required = true, num_args = 1..=2, value_names = ["KIND", "NAME"])]
    target: Vec<String>,
    /// Only those with these labels.
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// The version to start after; without it, from now on.
    #[arg(long, value_name = "VERSION")]
    from: Option<String>,
}

/// Where to begin, and with which objects.
#[derive(Clone)]
pub struct From {
    pub version: String,
    pub name: Option<String>,
    pub selector: Option<String>,
}

/// Prints changes until it is stopped.
pub fn watch(cx: &mut Cx, it: &Watch) -> Result<()> {
    let (kind, mut names) = kinds::targets(cx, &it.target)?;
    if names.len() > 1 {
        return Err(Failure::usage("only one name or all can be watched"));
    }
    let version = match &it.from {
        Some(version) => version.clone(),
        // A watch from no version begins with all there is; a list says which version is now.
        None => {
            let one = listing::Query { limit: Some(1), ..listing::Query::default() };
            text(&listing::list(cx, &kind.path(), &one)?, "metadata.resourceVersion")
        }
    };
    let from = From { version, name: names.pop(), selector: it.selector.clone() };
    follow(cx, &kind, &from)
}

/// Prints changes from a version on, and goes on after a lost connection where it stopped.
pub fn follow(cx: &mut Cx, kind: &Kind, from: &From) -> Result<()> {
    let mut from = from.clone();
    let mut failed = 0;
    let mut seen = false;
    loop {
        let (before, started) = (from.version.clone(), Instant::now());
        let outcome = once(cx, kind, &mut from);
        seen |= outcome.is_ok() || from.version != before;
        failed = if from.version != before || started.elapsed() > HELD { 0 } else { failed + 1 };
        match outcome {
            Err(failure) if failure.exit != Exit::Unavailable || !seen || failed > ATTEMPTS => {
                return Err(failure);
            }
            Ok(()) if failed > ATTEMPTS => {
                return Err(Failure::unavailable("the server ends every watch at once"));
            }
            Ok(()) | Err(_) => (),
        }
        if failed > 0 {
            pause(AWAY);
        }
    }
}

/// One connection, until it ends; `from` moves on with every event.
pub fn once(cx: &mut Cx, kind: &Kind, from: &mut From) -> Result<()> {
    let ask = Ask::get(kind.path())
        .accept("text/event-stream")
        .silence(SILENCE)
        .with("watch", true)
        .with_some("resourceVersion", Some(&from.version).filter(|version| !version.is_empty()))
        .with_some("labelSelector", from.selector.as_deref())
        .with_some("fieldSelector", from.name.as_ref().map(|name| format!("metadata.name={name}")));
    let reader = cx.client.send(ask)?.reader();
    let mut data = String::new();
    let mut id = None;
    let mut refused = false;
    for line in reader.lines() {
        let line = line.map_err(|error| broken(&error))?;
        if let Some(text) = line.strip_prefix("data:") {
            data.push_str(text.strip_prefix(' ').unwrap_or(text));
        } else if let Some(text) = line.strip_prefix("id:") {
            id = Some(text.trim().to_owned());
        } else if let Some(name) = line.strip_prefix("event:") {
            refused = name.trim() == "error";
        } else if line.is_empty() && !data.is_empty() {
            if refused {
                return Err(refusal(&data));
            }
            let event: Value = serde_json::from_str(&data)
                .map_err(|error| Failure::failed(format!("an event is no JSON: {error}")))?;
            data.clear();
            if let Some(id) = id.take().filter(|id| !id.is_empty()) {
                from.version = id;
            }
            print(cx, kind, &event, from)?;
        }
    }
    Ok(())
}

fn print(cx: &mut Cx, kind: &Kind, event: &Value, from: &From) -> Result<()> {
    let change = text(event, "type");
    let Some(object) = event.get("object").filter(|_| change != "BOOKMARK") else {
        return Ok(());
    };
    let name = text(object, "metadata.name");
    // A server that knows no field selector sends all; the person asked for one, by name or uid.
    if from.name.as_ref().is_some_and(|one| *one != name && *one != text(object, "metadata.uid")) {
        return Ok(());
    }
    match cx.out.format {
        Format::Table if cx.out.for_people() => {
            let version = text(object, "metadata.resourceVersion");
            let label = format!("{}/{name}", kind.noun());
            cx.out.line(&format!("{change:<9} {label:<32} {:<12} {version}", listing::state(object)))
        }
        // One event a line, so that programs can read them as they come.
        Format::Json => cx.out.line(&event.to_string()),
        Format::Yaml => {
            cx.out.line("---")?;
            cx.out.value(event, |_| String::new())
        }
        Format::Table | Format::Name => cx.out.value(object, |_| String::new()),
    }
}

/// A problem document in place of an event.
fn refusal(problem: &str) -> Failure {
    let status = serde_json::from_str::<Value>(problem).ok();
    let status = status.and_then(|problem| problem.get("status")?.as_u64());
    Failure::answered(status.and_then(|code| u16::try_from(code).ok()).unwrap_or(500), None, problem)
}
