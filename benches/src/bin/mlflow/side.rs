//! One of the servers that are asked the same: where it is, whom it takes us for, which processes it is.

use std::{
    fs::{self, File},
    io::{Error, Result},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use benches::{
    client::Client,
    load::pause,
    processes,
    server::{PASSWORD, Server},
};
use serde_json::{Value, json};
use testing::postgres;

/// A server, however it is run.
pub struct Side {
    /// What it is called in the figures.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it is shown, a line of a request's head.
    token: String,
    /// The roots of the trees of processes it is.
    roots: Vec<u32>,
    /// Ours, stopped with this.
    _server: Option<Server>,
}

/// A stock MLflow server, stopped with this.
pub struct Stock {
    address: SocketAddr,
    child: Child,
}

/// The header by which a name and a password are shown.
pub fn basic() -> String {
    format!("authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("admin:{PASSWORD}")))
}

impl Side {
    /// Ours, on a directory and perhaps a database.
    pub fn ours(name: &'static str, directory: &Path, database: Option<&postgres::Server>) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let server = match database {
            Some(database) => Server::start_over(directory, &database.database())?,
            None => Server::start(directory)?,
        };
        let token = format!("authorization: Bearer {}\r\n", server.login()?);
        let roots = std::iter::once(server.pid()).chain(database.map(postgres::Server::pid)).collect();
        Ok(Self { name, address: server.address, token, roots, _server: Some(server) })
    }

    /// Seconds of processor time it has used.
    pub fn cpu_s(&self) -> f64 {
        self.roots.iter().map(|root| processes::tree_cpu_s(*root)).sum()
    }

    /// Its memory in MiB.
    pub fn pss_mib(&self) -> f64 {
        self.roots.iter().map(|root| processes::tree_pss_mib(*root)).sum()
    }

    /// A connection.
    pub fn client(&self) -> Result<Client> {
        Client::open(self.address)
    }

    /// A request of MLflow's API written out.
    pub fn request(&self, method: &str, path: &str, body: &Value) -> Vec<u8> {
        shown(&self.token, method, path, body)
    }

    /// Asks, and answers the JSON.
    pub fn ask(&self, client: &mut Client, path: &str, body: &Value) -> Result<Value> {
        client.json(&self.request("POST", path, body))
    }

    /// Makes an experiment.
    pub fn experiment(&self, client: &mut Client, name: &str) -> Result<String> {
        text(&self.ask(client, "experiments/create", &json!({"name": name}))?["experiment_id"])
    }

    /// Begins a run.
    pub fn run(&self, client: &mut Client, experiment: &str) -> Result<String> {
        let asked = json!({"experiment_id": experiment, "start_time": 1_700_000_000_000_u64});
        text(&self.ask(client, "runs/create", &asked)?["run"]["info"]["run_id"])
    }

    /// The line of a request's head by which it knows us.
    pub fn token(&self) -> &str {
        &self.token
    }
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| Error::other("an answer without an identifier"))
}

/// A request written out, with a line that says who asks.
pub fn shown(who: &str, method: &str, path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = format!(
        "{method} /api/2.0/mlflow/{path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{who}content-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

/// A port nobody listens on.
pub fn free() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// Waits until somebody listens.
pub fn listening(address: SocketAddr, seconds: u64) -> Result<()> {
    for _ in 0..seconds * 10 {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        pause(Duration::from_millis(100));
    }
    Err(Error::other(format!("nobody listens at {address}")))
}

impl Stock {
    /// Starts one with one worker, on a directory of its own.
    pub fn start(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let (address, log) = (free()?, File::create(directory.join("log"))?);
        let mut command = Command::new("python");
        command.args(["-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]);
        command.args(["--port", &address.port().to_string()]);
        command.arg("--backend-store-uri").arg(format!("sqlite:///{}/mlflow.db", directory.display()));
        command.arg("--artifacts-destination").arg(directory.join("artifacts"));
        command.env("MLFLOW_DISABLE_TELEMETRY", "true").env("DO_NOT_TRACK", "true");
        command.env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false").env_remove("MLFLOW_TRACKING_URI");
        command.current_dir(directory).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let stock = Self { address, child: command.spawn()? };
        listening(address, 90)?;
        Ok(stock)
    }

    /// It, as one to be asked.
    pub fn side(&self) -> Result<Side> {
        let side = Side {
            name: "MLflow",
            address: self.address,
            token: String::new(),
            roots: vec![self.child.id()],
            _server: None,
        };
        // The first answer is the one for which it loads what it needs.
        side.experiment(&mut side.client()?, "first")?;
        Ok(side)
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        // Whoever started the workers goes first, so that it starts none in their place.
        for pid in processes::tree(self.child.id()) {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
        let _ = self.child.wait();
    }
}
