//! The one front door of the project: `demo`, `test`, `tidy`, `bless`, `console`, `bench`.
//!
//! It installs what it needs, shows what it does, and ends with one exit code. It is built
//! before anything else, so it stays small: no async, no argument parser, no JSON.

mod bench;
mod bless;
mod build;
mod clients;
mod console;
mod demo;
mod place;
mod report;
mod shell;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use place::Place;

const HELP: &str = "\
The one front door of the project.

  cargo xtask demo [-- ARGS]   Builds the release binary and runs `aic demo` in front of you; ARGS go to it.
  cargo xtask test [--quick]   Runs every check and test, installing what it needs; --quick leaves out what needs servers or Python.
  cargo xtask tidy             Checks what the compiler cannot: arrows between floors, lengths, words, error pages.
  cargo xtask bless            Rewrites what is generated (`api/`) and formats; read the diff before you commit it.
  cargo xtask console          Checks and builds the web console with Node; commit `console/dist` with its sources. --check builds it aside and compares.
  cargo xtask bench [NAME]     Runs the measurements under `benches/` in release, all of them or one.
  cargo xtask clients [NAME]   Runs the tests that drive the binary with strangers' clients, all of them or one.

Exit code: 0 when all went well, 1 when something failed, 2 when the command line was not understood.
The build goes where CARGO_TARGET_DIR says, Python environments to $XDG_CACHE_HOME/aic.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let place = match Place::find() {
        Ok(place) => place,
        Err(sentence) => return failed(&sentence),
    };
    let outcome = match words.as_slice() {
        [] | ["help" | "-h" | "--help", ..] | [_, "-h" | "--help"] => {
            report::say(HELP.trim_end());
            Ok(())
        }
        ["demo", rest @ ..] => demo::run(&place, without_dashes(rest)),
        ["test"] => test::run(&place, test::Reach::Everything),
        ["test", "--quick"] => test::run(&place, test::Reach::Quick),
        ["tidy"] => tidy::run(&place),
        ["bless"] => bless::run(&place),
        ["console"] => console::run(&place),
        ["console", "--check"] => console::check(&place),
        ["bench", rest @ ..] => bench::run(&place, rest),
        ["clients"] => clients::run(&place, None),
        ["clients", name] => clients::run(&place, Some(name)),
        other => {
            report::warn(&format!("`{}` is not a command here", other.join(" ")));
            report::warn(HELP.trim_end());
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => failed(&sentence),
    }
}

fn failed(sentence: &str) -> ExitCode {
    report::warn(&format!("xtask: {sentence}"));
    ExitCode::FAILURE
}

/// `cargo xtask demo -- --check` and `cargo xtask demo --check` mean the same.
fn without_dashes<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    match words {
        ["--", rest @ ..] => rest,
        rest => rest,
    }
}
