//! The main job, in front of the user: from a table of data to a governed, explained endpoint.
//!
//! Everything goes through the server's HTTP faces, as a stranger's client would. With `--check`
//! every printed claim is verified, and the exit code says whether all of them held.

mod claims;
mod data;
mod serve;
mod trace;

use std::path::PathBuf;

use serde_json::Value;

use crate::{
    cli::Cx,
    client::Client,
    config::{self, Flags, Settings},
    failure::{Failure, Result},
    output::Output,
    server::{self, Up},
};

use claims::Claims;

/// Shows the main job from a table of data to a prediction.
#[derive(clap::Args, Clone, Debug)]
pub struct Demo {
    /// Where everything is kept; must be empty [default: `aic-demo` beside the user's data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The address to listen on; port 0 picks a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    listen: Option<std::net::SocketAddr>,
    /// Verify every printed claim, then end; uses a free port.
    #[arg(long)]
    check: bool,
    /// Seconds the training may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    budget: u64,
}

/// What the steps hand on.
pub struct Story {
    /// The client, the output, the settings.
    pub cx: Cx,
    /// What was claimed, and whether it held.
    pub claims: Claims,
    /// Seconds the training may take.
    pub budget: u64,
    /// A key that may only call endpoints.
    pub caller_key: String,
    /// The model version that was registered.
    pub version: Value,
    /// The experiment run it came from.
    pub run: Value,
    /// The rows that were held out.
    pub held_out: Vec<Value>,
}

/// The name everything in the story has.
pub const NAME: &str = "credit";
/// The column that is predicted.
pub const TARGET: &str = "status";

impl Demo {
    /// Tells the story, then leaves the server running or, with `--check`, ends.
    pub fn run(self, output: &mut Output) -> Result<()> {
        let data_dir = self.data_dir.clone().unwrap_or_else(config::demo_home);
        if data_dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Failure::usage(format!("`{}` is not empty", data_dir.display())).hint(format!(
                "start what is there with `aic up --data-dir {0}`, or remove it, or choose another with `--data-dir`",
                data_dir.display()
            )));
        }
        let free = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let listen = if self.check { Some(free) } else { self.listen };
        let up = Up { listen, workers: 2, ..Up::of_directory(data_dir) };
        let settled = config::settle_server(&up)?;
        let runtime = server::runtime()?;
        let (assembled, listening) = runtime.block_on(async {
            let assembled = server::assemble(&settled).await.map_err(|error| Failure::of(&error))?;
            let listening = match server::listen(&assembled, settled.listen).await {
                Err(error) if error.code() == "address-unusable" && self.listen.is_none() => {
                    server::listen(&assembled, free).await
                }
                other => other,
            };
            Ok::<_, Failure>((assembled, listening.map_err(|error| Failure::of(&error))?))
        })?;
        let password = assembled.first_password.clone().or(settled.password.clone()).unwrap_or_default();
        let url = format!("http://{}", listening.address);
        let mut story = begin(&url, &password, self.budget)?;
        tell(&mut story, &url, &password, &settled.data_dir)?;
        if self.check {
            runtime.block_on(listening.stop());
            runtime.shutdown_timeout(server::STOP);
            return story.claims.verdict(output);
        }
        output.line(&format!("ready {url}"))?;
        runtime.block_on(async {
            server::stop_asked().await;
            listening.stop().await;
        });
        runtime.shutdown_timeout(server::STOP);
        Ok(())
    }
}

/// Logs in as the administrator.
fn begin(url: &str, password: &str, budget: u64) -> Result<Story> {
    let flags = Flags { url: Some(url.to_owned()), token: None, ..Flags::default() };
    let mut settings = Settings::settle(&flags)?;
    settings.token = None;
    let client = Client::new(&settings)?;
    let token = data::login(&client, password)?;
    settings.token = Some(token);
    let client = Client::new(&settings)?;
    let out = Output::standard(None, Vec::new(), settings.colour);
    Ok(Story {
        cx: Cx { settings, client, out },
        claims: Claims::default(),
        budget,
        caller_key: String::new(),
        version: Value::Null,
        run: Value::Null,
        held_out: Vec::new(),
    })
}

/// The story in its order.
fn tell(story: &mut Story, url: &str, password: &str, data_dir: &std::path::Path) -> Result<()> {
    data::people(story, url, password)?;
    data::dataset(story)?;
    data::train(story)?;
    data::version(story)?;
    serve::endpoint(story)?;
    serve::predict(story)?;
    serve::explain(story)?;
    trace::lineage(story)?;
    trace::audit(story)?;
    trace::onward(story, url, data_dir)
}
