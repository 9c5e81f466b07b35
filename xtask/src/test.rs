//! `cargo xtask test`: every check and test there is, one summary, one exit code.

use std::path::PathBuf;

use crate::build::{self, Profile};
use crate::place::Place;
use crate::report::{End, Report};
use crate::{bless, clients, console, shell, tidy, tools};

/// How much to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of it, installing servers and Python environments where they are missing.
    Everything,
    /// What needs neither a server nor Python.
    Quick,
}

const NOT_QUICK: &str = "left out by --quick";

/// Runs every step, also after one has failed, and sums up.
pub fn run(place: &Place, reach: Reach) -> Result<(), String> {
    let mut report = Report::of(11);
    let cargo = |words: &[&str]| End::from(shell::show(&mut shell::cargo(&place.root, words)));
    report.step("tools", || tools::ready(place, reach));
    report.step("format", || cargo(&["fmt", "--all", "--check"]));
    report.step("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    report.step("tidy", || End::from(tidy::run(place)));
    report.step("licences and bans", || deny(place));
    report.step("tests and transcripts", || End::from(nextest(place, reach)));
    report.step("documentation tests", || doc_tests(place));
    let mut aic = None;
    report.step("build aic", || built(place, &mut aic));
    report.step("generated files", || match &aic {
        Some(aic) => bless::up_to_date(place, aic),
        None => End::Skipped("there is no binary to ask".to_owned()),
    });
    report.step("console", || match reach {
        Reach::Quick => End::Skipped(NOT_QUICK.to_owned()),
        Reach::Everything => console::up_to_date(place),
    });
    report.step("strangers' clients", || match (&aic, reach) {
        (_, Reach::Quick) => End::Skipped(NOT_QUICK.to_owned()),
        (None, Reach::Everything) => End::Skipped("there is no binary to drive".to_owned()),
        (Some(aic), Reach::Everything) => clients::drive(place, aic, None),
    });
    report.finish()
}

/// The tests of PostgreSQL's store start a server of their own, so a quick run leaves them out.
fn nextest(place: &Place, reach: Reach) -> Result<(), String> {
    let mut words = vec!["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests", "warn"];
    if reach == Reach::Quick {
        words.extend(["-E", "not package(store-postgres)"]);
    }
    shell::show_on_stdout(&mut shell::cargo(&place.root, &words))
}

fn deny(place: &Place) -> End {
    if !shell::succeeds(&mut shell::cargo(&place.root, &["deny", "--version"])) {
        return End::Skipped("cargo-deny is not installed (`cargo install --locked cargo-deny`)".to_owned());
    }
    // Advisories need a download, so they are asked for by hand: `cargo deny check advisories`.
    let words = ["deny", "--workspace", "check", "bans", "licenses", "sources"];
    End::from(shell::show(&mut shell::cargo(&place.root, &words)))
}

/// Compiling for documentation tests costs a link per crate, so it is done only where there are some.
fn doc_tests(place: &Place) -> End {
    if !tidy::has_doc_tests(place) {
        return End::Skipped("no code stands in the documentation comments".to_owned());
    }
    End::from(shell::show(&mut shell::cargo(&place.root, &["test", "--workspace", "--doc"])))
}

fn built(place: &Place, aic: &mut Option<PathBuf>) -> End {
    if !place.has_aic() {
        return End::Skipped("this checkout has no `crates/aic` yet".to_owned());
    }
    match build::aic(place, Profile::Dev) {
        Ok(path) => {
            let note = path.display().to_string();
            *aic = Some(path);
            End::Passed(note)
        }
        Err(how) => End::Failed(how),
    }
}
