//! The server: puts the parts together, listens, and stops without dropping anybody.

mod ambient;
mod archive;
mod assemble;
mod bundle;
mod collect;
mod faces;
mod gate;
mod generate;
mod leftover;
mod listen;
mod maintenance;
mod measured;
mod outset;
mod pages;
mod programs;
mod python;
mod served;
mod shield;
mod telemetry;
mod tls;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use ports::telemetry::Spans;

use crate::{
    failure::{Failure, Result},
    output::Output,
};

pub use ambient::{Ambient, fresh_password};
pub use assemble::{assemble, fresh_master_key, rekey};
pub use bundle::{KeyFile, restore};
pub use generate::generate;
pub use listen::listen;
pub use programs::Programs;
pub use python::Python;
pub use telemetry::Telemetry;

/// This binary in its other role: it confines itself and becomes the program that the server wants confined. Nothing if
/// the arguments ask for something else; else why it could not.
pub fn confined(mut arguments: impl Iterator<Item = OsString>) -> Option<String> {
    arguments.nth(1).filter(|role| role == engine_sandbox::LAUNCHER)?;
    let all: Vec<OsString> = arguments.collect();
    match all.as_slice() {
        [confines, program, rest @ ..] => {
            Some(engine_sandbox::enter(&confines.to_string_lossy(), program, rest))
        }
        _ => Some("it is the server that confines programs".to_owned()),
    }
}

/// Starts the platform.
#[derive(clap::Args, Clone, Debug)]
pub struct Up {
    /// Where everything is kept [env: AIC_DATA_DIR; default: the user's data directory].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The address to listen on; port 0 picks a free one [env: AIC_LISTEN; default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// A PostgreSQL to keep objects in, instead of SQLite in the data directory [env: AIC_DATABASE_URL].
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// The address people and programs reach the server at, with `https`, when a proxy or a name stands before it;
    /// tokens name it as their issuer [env: AIC_PUBLIC_URL].
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Own hosts, addresses and networks the server may call, with commas between; public ones it may [env: AIC_EGRESS].
    #[arg(long, value_name = "LIST")]
    pub egress: Option<String>,
    /// Certificates to trust in calls beside the public ones (PEM) [env: AIC_EGRESS_CA].
    #[arg(long, value_name = "FILE")]
    pub egress_ca: Option<PathBuf>,
    /// An object store to keep blobs in, such as `s3://bucket/path`, instead of the data directory [env: AIC_BLOBS_URL].
    #[arg(long, value_name = "URL")]
    pub blobs_url: Option<String>,
    /// How many runs are worked on at once; 0 works on none.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub workers: usize,
    /// A certificate chain to serve TLS with (PEM); without one the platform makes its own.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// How models that are code are run.
    #[command(flatten)]
    pub python: Python,
    /// Which programs may be started as servers of models.
    #[command(flatten)]
    pub programs: Programs,
    /// Where spans go.
    #[command(flatten)]
    pub telemetry: Telemetry,
}

/// What was settled for a server.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// A PostgreSQL, if one was named.
    pub database_url: Option<String>,
    /// The address it is reached at, if it is another than the one it listens on.
    pub public_url: Option<String>,
    /// What may be called beside public addresses.
    pub egress: String,
    /// Certificates to trust in calls beside the public ones.
    pub egress_ca: Option<PathBuf>,
    /// An object store, if one was named.
    pub blobs_url: Option<String>,
    /// What the object store is told beside its URL: the settings of its own kind, by name.
    pub blobs_settings: Vec<(String, String)>,
    /// Bytes of columns that searches of runs keep in memory.
    pub tracking_bytes: usize,
    /// How many runs are worked on at once.
    pub workers: usize,
    /// Where backups taken by the API are written.
    pub backup_dir: PathBuf,
    /// Through which mail server messages go, if one was named.
    pub smtp_url: Option<String>,
    /// Where messages go that no mail server is named for.
    pub mail_dir: PathBuf,
    /// Whom messages are from.
    pub mail_from: String,
    /// The first administrator's password, if one was given.
    pub password: Option<String>,
    /// The file of the master key, if it is not the one in the data directory.
    pub master_key_file: Option<PathBuf>,
    /// How models that are code are run.
    pub python: engine_pyfunc::Settings,
    /// Which programs may be started as servers of models.
    pub programs: engine_remote::Settings,
    /// Where spans go, if a collector was named.
    pub telemetry: Option<engine_telemetry::Settings>,
    /// Where onnxruntime's library is.
    pub onnxruntime: engine_onnxruntime::Library,
    /// Networks of proxies that are believed what they say of a request's origin.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// A certificate chain and its key, if they were given.
    pub tls: Option<(PathBuf, PathBuf)>,
}

impl Settled {
    /// Where onnxruntime's library is, and what its answers are bounded by.
    pub fn onnxruntime(&self) -> engine_onnxruntime::Settings {
        let patience = self.python.patience;
        engine_onnxruntime::Settings { library: self.onnxruntime.clone(), patience }
    }
}

impl Up {
    /// For a command on a data directory that no server has open: everything else as it is when nothing is said.
    pub fn of_directory(data_dir: PathBuf) -> Self {
        Self {
            data_dir: Some(data_dir),
            listen: None,
            database_url: None,
            public_url: None,
            egress: None,
            egress_ca: None,
            blobs_url: None,
            workers: 0,
            tls_cert: None,
            tls_key: None,
            python: Python::default(),
            programs: Programs::default(),
            telemetry: Telemetry::default(),
        }
    }

    /// Runs until a signal asks to stop.
    pub fn run(self, output: &mut Output) -> Result<()> {
        let settled = crate::config::settle_server(&self)?;
        let runtime = runtime()?;
        let ended = runtime.block_on(async {
            let assembled = assemble(&settled).await.map_err(|error| Failure::of(&error))?;
            if let Some(password) = &assembled.first_password {
                output.note(&format!("first start: user `admin`, password `{password}` (shown once)"));
            }
            let server = listen(&assembled, settled.listen).await.map_err(|error| Failure::of(&error))?;
            output.line(&format!("ready http://{}", server.address))?;
            stop_asked().await;
            server.stop().await;
            if let Ok(spans) = assembled.platform.port::<dyn Spans>() {
                // What the collector does not take now is lost.
                let _ = tokio::time::timeout(STOP, spans.flush()).await;
            }
            Ok(())
        });
        // Work under way is not waited for: its run is taken up again at the next start.
        runtime.shutdown_timeout(STOP);
        ended
    }
}

/// How long work that blocks may still take once the server has stopped.
pub const STOP: std::time::Duration = std::time::Duration::from_secs(2);

/// The threads everything runs on.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("no threads to run on: {error}")))
}

/// Returns when the process is asked to stop (SIGINT or SIGTERM).
pub async fn stop_asked() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
