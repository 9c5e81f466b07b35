//! `aic`: the platform in one binary.
//!
//! The list of commands is the map: the server's own first, then those that are clients of a
//! server. The clients know its HTTP API and nothing else of it.

mod cli;
mod client;
mod config;
mod demo;
mod failure;
mod output;
mod rekey;
mod restore;
mod server;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Requests are answered by one thread and freed by another all the time, which this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line was not understood
  3  not found
  4  not allowed
  5  conflict with what is there
  6  the server is away or too slow

Settings, the first one that is there:
  flag
  environment: AIC_URL, AIC_TOKEN, AIC_PROJECT, AIC_CA_FILE
  .aic.toml here or above
  $XDG_CONFIG_HOME/aic/config.toml
  default: http://127.0.0.1:8080
NO_COLOR switches colours off.";

/// The enterprise AI platform in one binary.
#[derive(Parser)]
#[command(name = "aic", version, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Aic {
    #[command(flatten)]
    flags: config::Flags,
    #[command(subcommand)]
    command: Command,
}

/// Everything `aic` does.
#[derive(Subcommand)]
enum Command {
    /// Start the platform: everything in this one process.
    Up(Box<server::Up>),
    /// Exchange the key above all others; the server must not run.
    RotateMasterKey(rekey::Rekey),
    /// Show the main job on an empty directory: from a table of data to an explained prediction.
    Demo(demo::Demo),
    // Everything that is a client of a running server.
    #[command(flatten)]
    Client(cli::Command),
}

fn main() -> ExitCode {
    if let Some(why) = server::confined(std::env::args_os()) {
        output::Output::standard(None, Vec::new(), false).failure(&failure::Failure::failed(why));
        return ExitCode::FAILURE;
    }
    let aic = Aic::parse();
    start_logging();
    match aic.command {
        Command::Up(up) => finish(|output| up.run(output)),
        Command::RotateMasterKey(it) => finish(|output| it.run(output)),
        Command::Demo(demo) => finish(|output| demo.run(output)),
        Command::Client(command) => cli::main(&aic.flags, command, Aic::command),
    }
}

/// Logs to standard error, as `AIC_LOG` says; and names the one TLS provider.
fn start_logging() {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(config::log_filter()))
        .with_writer(std::io::stderr)
        .init();
    // Only fails when there is one already, which is then the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Runs a command of the server's own and ends with its exit code.
fn finish(run: impl FnOnce(&mut output::Output) -> failure::Result<()>) -> ExitCode {
    let mut output = output::Output::standard(None, Vec::new(), false);
    match run(&mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Aic::command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_says_what_it_does() {
        fn silent(command: &clap::Command, path: &str, found: &mut Vec<String>) {
            for argument in command.get_arguments() {
                if argument.get_help().is_none() && argument.get_long_help().is_none() {
                    found.push(format!("{path} {}", argument.get_id()));
                }
            }
            for sub in command.get_subcommands() {
                let path = format!("{path} {}", sub.get_name());
                if sub.get_about().is_none() {
                    found.push(path.clone());
                }
                silent(sub, &path, found);
            }
        }
        let mut found = Vec::new();
        silent(&Aic::command(), "aic", &mut found);
        assert_eq!(found, [""; 0]);
    }
}
