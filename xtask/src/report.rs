//! What the user sees: headings while steps run, and one summary when they are over. The only printer here.

use std::time::{Duration, Instant};

/// How a step ended.
pub enum End {
    /// It did what it should; the text may add what it found.
    Passed(String),
    /// It was not done, and why.
    Skipped(String),
    /// It went wrong, and how.
    Failed(String),
}

impl From<Result<(), String>> for End {
    fn from(outcome: Result<(), String>) -> Self {
        outcome.map_or_else(Self::Failed, |()| Self::Passed(String::new()))
    }
}

/// The steps so far.
pub struct Report {
    total: usize,
    started: Instant,
    done: Vec<Done>,
}

struct Done {
    name: &'static str,
    end: End,
    took: Duration,
}

impl Report {
    /// A report of so many steps.
    pub fn of(total: usize) -> Self {
        Self { total, started: Instant::now(), done: Vec::new() }
    }

    /// Runs one step between a heading and its outcome.
    pub fn step(&mut self, name: &'static str, work: impl FnOnce() -> End) {
        let number = format!("[{}/{}]", self.done.len() + 1, self.total);
        say(&format!("\n{number} {name}"));
        let started = Instant::now();
        let end = work();
        let took = started.elapsed();
        say(&format!("{number} {name}: {}", sentence(&end, took)));
        self.done.push(Done { name, end, took });
    }

    /// Prints the summary and answers whether all is well.
    pub fn finish(self) -> Result<(), String> {
        say("\nsummary");
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for step in &self.done {
            match &step.end {
                End::Passed(_) => passed += 1,
                End::Skipped(_) => skipped += 1,
                End::Failed(_) => failed += 1,
            }
            say(&format!("  {:<24} {}", step.name, sentence(&step.end, step.took)));
        }
        let took = shown(self.started.elapsed());
        say(&format!("{passed} passed, {failed} failed, {skipped} skipped in {took}"));
        match failed {
            0 => Ok(()),
            1 => Err("one step failed; its output is above".to_owned()),
            more => Err(format!("{more} steps failed; their output is above")),
        }
    }
}

fn sentence(end: &End, took: Duration) -> String {
    match end {
        End::Passed(note) if note.is_empty() => format!("ok in {}", shown(took)),
        End::Passed(note) => format!("ok in {} ({note})", shown(took)),
        End::Skipped(reason) => format!("skipped: {reason}"),
        End::Failed(how) => format!("FAILED after {}: {how}", shown(took)),
    }
}

fn shown(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

/// One line, or several, on standard output.
#[expect(clippy::print_stdout, reason = "the front door talks to a person")]
pub fn say(text: &str) {
    println!("{text}");
}

/// One line, or several, on standard error.
#[expect(clippy::print_stderr, reason = "the front door talks to a person")]
pub fn warn(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_fails_when_one_step_did_and_not_when_one_was_skipped() {
        let mut report = Report::of(2);
        report.step("good", || End::Passed(String::new()));
        report.step("left out", || End::Skipped("no server".to_owned()));
        assert!(report.finish().is_ok());

        let mut report = Report::of(1);
        report.step("bad", || End::Failed("exit status 101".to_owned()));
        assert!(report.finish().unwrap_err().contains("one step failed"));
    }

    #[test]
    fn times_are_shown_the_way_people_say_them() {
        assert_eq!(shown(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(shown(Duration::from_secs(125)), "2 min 5 s");
    }
}
