//! The commands that are clients of a running server, listed in the order a user meets them.

mod access;
mod api;
mod apply;
mod audit;
mod backup;
mod changes;
mod csv;
mod dataset;
mod delete;
mod deploy;
mod device;
mod documents;
mod edit;
mod endpoint;
pub mod follow;
mod get;
mod history;
mod kinds;
mod listing;
mod maintenance;
mod mlflow;
mod model;
mod predict;
mod runs;
mod search;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
mod train;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;

use crate::client::Client;
use crate::config::{Flags, Settings};
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Client commands.
#[derive(Subcommand)]
pub enum Command {
    /// Log in and keep the token for this server.
    Login(access::Login),
    /// List the objects of a kind, or print one.
    Get(get::Get),
    /// Print all there is to know about one object.
    Describe(get::Describe),
    /// Make objects be as files say, field by field.
    Apply(apply::Apply),
    /// Change an object in your editor.
    Edit(edit::Edit),
    /// Put objects in the trash; `restore` brings them back.
    Delete(delete::Delete),
    /// Follow the changes to the objects of a kind.
    Watch(watch::Watch),
    /// Show what changed between two versions, or what applying a file would change.
    Diff(history::Diff),
    /// Show who did what to an object.
    History(history::History),
    /// Bring an object back from the trash.
    Restore(delete::Restore),
    /// Set an object back to an earlier version.
    Rollback(history::Rollback),
    /// Ask whether you may, and which rule says so.
    CanI(access::CanI),
    /// Read the journal of the whole platform, or verify it.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Durable work: what runs, its logs, and stopping it.
    #[command(subcommand, visible_alias = "run")]
    Runs(runs::Runs),
    /// Tables of data.
    #[command(subcommand, visible_alias = "datasets")]
    Dataset(dataset::Dataset),
    /// Train a model on a dataset and follow the progress.
    Train(train::Train),
    /// Let an endpoint answer with a model from files: an ONNX file, or a directory that MLflow saved.
    Deploy(deploy::Deploy),
    /// Models and their versions.
    #[command(subcommand, visible_alias = "models")]
    Model(model::Model),
    /// Where models answer.
    #[command(subcommand, visible_alias = "endpoints")]
    Endpoint(endpoint::Endpoint),
    /// Ask an endpoint about rows.
    Predict(predict::Predict),
    /// Find objects of all kinds by their words.
    Search(search::Search),
    /// Bring here what another server holds.
    #[command(subcommand)]
    Import(mlflow::Import),
    /// Take what is here to another server.
    #[command(subcommand)]
    Export(mlflow::Export),
    /// Copy everything into one file, or start again from one.
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Let nobody but administrators change anything for a while.
    #[command(subcommand)]
    Maintenance(maintenance::Maintenance),
    /// Print a kubeconfig with which `kubectl` works here.
    Kubeconfig,
    /// Print a credential for `kubectl`, which runs this by itself when its kubeconfig says so.
    KubeCredential,
    /// Print the completions for a shell.
    Completion(access::Completion),
    /// What the server serves: kinds, their fields, and any request.
    #[command(subcommand)]
    Api(api::Api),
}

/// What every command works with.
pub struct Cx {
    /// What was settled before the command began.
    pub settings: Settings,
    /// The server.
    pub client: Client,
    /// Where results go.
    pub out: Output,
}

/// Runs one command and turns its end into an exit code.
pub fn main(flags: &Flags, command: Command, parser: fn() -> clap::Command) -> ExitCode {
    let early = |failure: Failure| {
        Output::standard(None, Vec::new(), false).failure(&failure);
        ExitCode::from(failure.exit as u8)
    };
    let settled = Settings::settle(flags).and_then(|mut settings| {
        // Whoever logs in anew needs no old token.
        if !matches!(command, Command::Login(_)) {
            device::renew(&mut settings)?;
        }
        Ok(settings)
    });
    let settings = match settled {
        Ok(settings) => settings,
        Err(failure) => return early(failure),
    };
    let client = match Client::new(&settings) {
        Ok(client) => client,
        Err(failure) => return early(failure),
    };
    let out = Output::standard(settings.format, settings.fields.clone(), settings.colour);
    let mut cx = Cx { settings, client, out };
    match run(&mut cx, command, parser) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            cx.out.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn run(cx: &mut Cx, command: Command, parser: fn() -> clap::Command) -> Result<()> {
    match command {
        Command::Login(it) => access::login(cx, &it),
        Command::Get(it) => get::get(cx, &it),
        Command::Describe(it) => get::describe(cx, &it),
        Command::Apply(it) => apply::apply(cx, &it),
        Command::Edit(it) => edit::edit(cx, &it),
        Command::Delete(it) => delete::delete(cx, &it),
        Command::Watch(it) => watch::watch(cx, &it),
        Command::Diff(it) => history::diff(cx, &it),
        Command::History(it) => history::history(cx, &it),
        Command::Restore(it) => delete::restore(cx, &it),
        Command::Rollback(it) => history::rollback(cx, &it),
        Command::CanI(it) => access::can_i(cx, &it),
        Command::Audit(it) => audit::run(cx, &it),
        Command::Runs(it) => runs::run(cx, &it),
        Command::Dataset(it) => dataset::run(cx, &it),
        Command::Train(it) => train::train(cx, &it),
        Command::Deploy(it) => deploy::deploy(cx, &it),
        Command::Model(it) => model::run(cx, &it),
        Command::Endpoint(it) => endpoint::run(cx, &it),
        Command::Predict(it) => predict::predict(cx, &it),
        Command::Search(it) => search::run(cx, &it),
        Command::Import(it) => mlflow::import(cx, &it),
        Command::Export(it) => mlflow::export(cx, &it),
        Command::Backup(it) => backup::run(cx, &it),
        Command::Maintenance(it) => maintenance::run(cx, &it),
        Command::Kubeconfig => access::kubeconfig(cx),
        Command::KubeCredential => device::kube_credential(cx),
        Command::Completion(it) => access::completion(cx, &it, parser),
        Command::Api(it) => api::run(cx, &it),
    }
}
