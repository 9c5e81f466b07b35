//! Following durable work to its end: progress while it runs, its output or its reason when it is over.

use std::time::Duration;

use serde_json::Value;

use super::Cx;
use crate::client::{Ask, encoded};
use crate::failure::{Exit, Failure, Result};
use crate::output::{at, text};

/// How often a run is looked at: soon at first, then once a second.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(1);
/// How long a server may be away, for example to be restarted, before we stop waiting.
const PATIENCE: u32 = 60;

/// Waits; nothing else here may.
#[expect(
    clippy::disallowed_methods,
    reason = "a terminal looks again after a while; there is no clock to advance"
)]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Where runs are.
pub fn path(run: &str) -> String {
    format!("/api/v1/system/runs/{}", encoded(run))
}

/// Shows the progress of a run until it is over; answers the run if it succeeded.
pub fn follow(cx: &mut Cx, run: &str) -> Result<Value> {
    let mut wait = SOON;
    let mut away = 0;
    let mut seen = false;
    let mut said = String::new();
    if cx.out.is_live() && cx.out.for_people() {
        cx.out.note(&format!("run {run}; Ctrl-C stops watching, not the run"));
    }
    loop {
        let object = match cx.client.json(Ask::get(path(run))) {
            Ok(object) => object,
            // The run goes on, or goes on later; only the view of it is lost.
            Err(failure) if seen && failure.exit == Exit::Unavailable && away < PATIENCE => {
                away += 1;
                cx.out.draw("the server is away, waiting for it");
                pause(LATER);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        away = 0;
        seen = true;
        match text(&object, "status.phase").as_str() {
            "Succeeded" => return Ok(object),
            "Failed" => return Err(reason(&object, run)),
            "Cancelled" => {
                return Err(Failure::failed(format!("the run `{run}` was cancelled"))
                    .hint(format!("who did it is in `aic history run {run}`")));
            }
            _ => show(cx, &object, &mut said),
        }
        pause(wait);
        wait = (wait * 3 / 2).min(LATER);
    }
}

fn show(cx: &mut Cx, object: &Value, said: &mut String) {
    let line = progress(object);
    if cx.out.is_live() {
        cx.out.draw(&line);
        return;
    }
    // A log gets a line for every step, not for every look.
    let step = running_step(object);
    if !step.is_empty() && step != *said {
        cx.out.note(&format!("{}: {step}", text(object, "status.phase")));
        *said = step;
    }
}

/// One line about how far it is.
pub fn progress(object: &Value) -> String {
    const CELLS: usize = 24;
    let number = |path: &str| at(object, path).and_then(Value::as_f64).unwrap_or(0.0);
    let (done, total) = (number("status.progress.done"), number("status.progress.total"));
    let message = Some(text(object, "status.progress.message")).filter(|message| !message.is_empty());
    let message = message.unwrap_or_else(|| running_step(object));
    if total <= 0.0 {
        return format!("{} {message}", text(object, "status.phase")).trim_end().to_owned();
    }
    let share = (done / total).clamp(0.0, 1.0);
    // Both casts are of small numbers that were just bounded.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and CELLS")]
    let full = (share * CELLS as f64).round() as usize;
    let bar = format!("{}{}", "█".repeat(full), "░".repeat(CELLS - full));
    let unit = text(object, "status.progress.unit");
    format!("{bar} {:>3.0}% {done}/{total} {unit} {message}", share * 100.0).trim_end().to_owned()
}

fn running_step(object: &Value) -> String {
    let steps = at(object, "status.steps").and_then(Value::as_array);
    let running = steps.into_iter().flatten().find(|step| text(step, "phase") == "Running");
    running.map(|step| text(step, "name")).unwrap_or_default()
}

/// Why a run failed: the error of the step that did.
pub fn reason(object: &Value, run: &str) -> Failure {
    let steps = at(object, "status.steps").and_then(Value::as_array);
    let failed = steps.into_iter().flatten().find(|step| text(step, "phase") == "Failed");
    let why = match failed {
        Some(step) => format!("step `{}`: {}", text(step, "name"), error_text(step.get("error"))),
        None => error_text(at(object, "status.error").or_else(|| at(object, "status.message"))),
    };
    Failure::failed(format!("the run `{run}` failed: {why}")).hint(format!("read `aic runs logs {run}`"))
}

fn error_text(error: Option<&Value>) -> String {
    let Some(error) = error else {
        return "no reason was kept".to_owned();
    };
    let detail = ["detail", "message"].iter().map(|name| text(error, name)).find(|text| !text.is_empty());
    detail.unwrap_or_else(|| crate::output::shown(error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn progress_is_a_bar_when_the_end_is_known() {
        let run = json!({"status": {"phase": "Running", "progress": {"done": 1, "total": 2, "unit": "trees", "message": "fold 1"}}});
        let line = progress(&run);
        assert!(line.contains(" 50% 1/2 trees fold 1"), "{line}");
        assert_eq!(line.matches('█').count(), 12);
        let run = json!({"status": {"phase": "Running", "steps": [{"name": "profile", "phase": "Running"}]}});
        assert_eq!(progress(&run), "Running profile");
    }

    #[test]
    fn a_failure_names_its_step() {
        let run = json!({"status": {"steps": [{"name": "read", "phase": "Failed", "error": {"detail": "row 7 is ragged"}}]}});
        let shown = reason(&run, "r1").to_string();
        assert!(shown.starts_with("the run `r1` failed: step `read`: row 7 is ragged\n"), "{shown}");
    }
}
