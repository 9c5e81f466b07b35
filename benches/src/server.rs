//! The release binary, started for a measurement on a directory of its own and stopped with it.

use std::{
    fs,
    io::{BufRead, BufReader, Error, Result},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Client, request},
    processes,
};

/// The first administrator's password in every measurement.
pub const PASSWORD: &str = "measured-once-1";
/// A running server.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// How long it took from being started to its last start-up line.
    pub ready: Duration,
    child: Child,
}

/// The binary that is measured.
#[expect(clippy::disallowed_methods, reason = "`cargo xtask bench` names the binary this way")]
pub fn binary() -> Result<PathBuf> {
    std::env::var_os("AIC_BIN")
        .map(PathBuf::from)
        .ok_or_else(|| Error::other("AIC_BIN names no binary; run this by `cargo xtask bench`"))
}

/// Runs the demonstration, so that the directory holds a trained and deployed model.
pub fn train(directory: &Path) -> Result<()> {
    let mut command = Command::new(binary()?);
    command.args(["demo", "--check", "--budget", "10", "--data-dir"]).arg(directory);
    command.env("AIC_ADMIN_PASSWORD", PASSWORD).stdout(Stdio::null());
    match command.status()?.success() {
        true => Ok(()),
        false => Err(Error::other("the demonstration failed")),
    }
}

impl Server {
    /// Starts on a directory and waits until it is ready.
    pub fn start(directory: &Path) -> Result<Self> {
        Self::started(Command::new(binary()?), directory)
    }

    /// The same with a database elsewhere instead of the file in the directory.
    pub fn start_over(directory: &Path, database_url: &str) -> Result<Self> {
        let mut command = Command::new(binary()?);
        command.env("AIC_DATABASE_URL", database_url);
        Self::started(command, directory)
    }

    /// The same on one core.
    pub fn start_on(directory: &Path, core: &str) -> Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(binary()?).env("AIC_EGRESS", "127.0.0.0/8");
        Self::started(command, directory)
    }

    fn started(mut command: Command, directory: &Path) -> Result<Self> {
        command.args(["up", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory);
        command.env("AIC_ADMIN_PASSWORD", PASSWORD).stdout(Stdio::piped());
        let began = Instant::now();
        let mut child = command.spawn()?;
        let told = child.stdout.take().ok_or_else(|| Error::other("no output"))?;
        let address = address(&mut BufReader::new(told));
        let ready = began.elapsed();
        match address {
            Ok(address) => Ok(Self { address, ready, child }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection.
    pub fn client(&self) -> Result<Client> {
        Client::open(self.address)
    }

    /// The administrator's token.
    pub fn login(&self) -> Result<String> {
        let ask = json!({"username": "admin", "password": PASSWORD});
        let answer = self.client()?.json(&request("POST", "/api/v1/admin/auth/login", "", Some(&ask)))?;
        let token = answer["accessToken"].as_str().ok_or_else(|| Error::other("no token"))?;
        Ok(token.to_owned())
    }

    /// Makes an object, whose kind is served at the path.
    pub fn create(&self, token: &str, path: &str, object: &Value) -> Result<Value> {
        self.client()?.json(&request("POST", path, token, Some(object)))
    }

    /// Seconds of processor time it has used.
    pub fn cpu_s(&self) -> Result<f64> {
        processes::cpu_s(self.child.id())
    }

    /// Its proportional share of memory, in MiB.
    pub fn pss_mib(&self) -> Result<f64> {
        processes::pss_mib(self.child.id())
    }

    /// How many processes it is: itself and its children.
    pub fn processes(&self) -> Result<usize> {
        let mut processes = 1;
        for task in fs::read_dir(self.proc("task"))? {
            processes += fs::read_to_string(task?.path().join("children"))?.split_whitespace().count();
        }
        Ok(processes)
    }

    /// How many threads it has.
    pub fn threads(&self) -> Result<usize> {
        Ok(fs::read_dir(self.proc("task"))?.count())
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child.id()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is made to be killed at any moment.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(told: &mut impl BufRead) -> Result<SocketAddr> {
    let mut line = String::new();
    while told.read_line(&mut line)? > 0 {
        if let Some(address) = line.trim().strip_prefix("ready http://") {
            return address.parse().map_err(Error::other);
        }
        line.clear();
    }
    Err(Error::other("the server ended before it was ready"))
}
