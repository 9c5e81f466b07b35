//! `aic import mlflow` and `aic export mlflow`: all that an MLflow server holds, brought here, and from here to any other.

use std::path::PathBuf;

use super::Cx;
use crate::failure::{Exit, Failure, Result};

mod compare;
mod copy;
mod database;
mod far;
mod files;
mod ids;
mod register;
mod report;
mod source;
mod spans;

use copy::Copy;
use far::Server;
pub use register::register;
use report::Report;
use source::Source;

/// What can be brought here.
#[derive(clap::Subcommand)]
pub enum Import {
    /// Bring here what an MLflow server or its database holds: experiments, runs with their histories and files,
    /// logged models, traces, registered models, prompts, evaluation datasets and scorers.
    ///
    /// It may be begun again at any time: what was copied whole is passed over, the rest is completed. Each run is
    /// read back and compared before it counts as copied. The exit code is 1 when something was left out.
    Mlflow(From),
}

/// What can be taken from here.
#[derive(clap::Subcommand)]
pub enum Export {
    /// Take to an MLflow server what is here, by MLflow's own REST API; like `aic import mlflow` the other way round.
    Mlflow(To),
}

/// From where.
#[derive(clap::Args)]
pub struct From {
    /// The server's address, such as `https://USER:PASSWORD@mlflow.example`, or its database: `sqlite:///mlflow.db`,
    /// `postgresql://USER:PASSWORD@HOST/NAME`. A login may also stand in `MLFLOW_TRACKING_USERNAME` and
    /// `MLFLOW_TRACKING_PASSWORD`, or in `MLFLOW_TRACKING_TOKEN`.
    pub source: String,
    /// The directory of the files that a database only names, as given to `mlflow server --artifacts-destination`.
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    #[command(flatten)]
    pub how: How,
}

/// To where.
#[derive(clap::Args)]
pub struct To {
    /// The server's address, such as `https://USER:PASSWORD@mlflow.example`. A login may also stand in
    /// `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or in `MLFLOW_TRACKING_TOKEN`.
    pub target: String,
    #[command(flatten)]
    pub how: How,
}

/// How a copy is made.
#[derive(clap::Args)]
pub struct How {
    /// Only this experiment, by its name; may be given more than once.
    #[arg(long = "experiment", value_name = "NAME")]
    pub experiments: Vec<String>,
    /// The workspace at the other server, where it has several.
    #[arg(long, value_name = "NAME")]
    pub workspace: Option<String>,
    /// How much is copied at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub workers: u8,
}

/// Brings something here.
pub fn import(cx: &mut Cx, it: &Import) -> Result<()> {
    let Import::Mlflow(it) = it;
    let target = Server::ours(&cx.settings)?;
    if it.source.starts_with("http://") || it.source.starts_with("https://") {
        let source = Server::other(&it.source, &cx.settings, it.how.workspace.clone())?;
        return copy(cx, (&source, &target), &it.how, "here");
    }
    let source = database::Database::open(&it.source, it.artifacts.as_deref(), it.how.workspace.as_deref())?;
    copy(cx, (&source, &target), &it.how, "here")
}

/// Takes something from here.
pub fn export(cx: &mut Cx, it: &Export) -> Result<()> {
    let Export::Mlflow(it) = it;
    let source = Server::ours(&cx.settings)?;
    let target = Server::other(&it.target, &cx.settings, it.how.workspace.clone())?;
    copy(cx, (&source, &target), &it.how, &target.url)
}

fn copy(cx: &mut Cx, (source, target): (&dyn Source, &Server), how: &How, to: &str) -> Result<()> {
    let copy = Copy {
        source,
        target,
        only: &how.experiments,
        workers: usize::from(how.workers),
        dry_run: cx.settings.dry_run,
        scratch: cx.settings.scratch.clone(),
        report: Report::default(),
    };
    copy.run(&mut cx.out)?;
    let mut told = copy.report.shown((&source.name(), to));
    if cx.settings.dry_run {
        told["dryRun"] = true.into();
    }
    cx.out.value(&told, report::table)?;
    if copy.report.is_whole() {
        return Ok(());
    }
    cx.out.note("something was left out; begin again to complete it");
    Err(Failure::silent(Exit::Failed))
}
