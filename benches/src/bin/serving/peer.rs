//! The peers: `mlserver`, and onnxruntime called by a program of its own. Their environment is in front of the search path.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Error, Result, Write},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use benches::{client::request, load::pause, processes};
use serde_json::Value;

const MODELS: &str = include_str!("../../../peers/serving/models.py");
const DIRECT: &str = include_str!("../../../peers/serving/direct.py");
const GRPC: &str = include_str!("../../../peers/serving/grpc_load.py");
/// How long a peer may take to be ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where `mlserver` will listen, and what it serves.
pub struct Peer {
    directory: PathBuf,
    /// Its REST.
    pub http: SocketAddr,
    /// Its gRPC.
    pub grpc: SocketAddr,
}

/// A running `mlserver`, stopped with this.
pub struct Running(Child);

fn free() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn python(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("python");
    command.args(["-c", program]).args(arguments);
    command
}

impl Peer {
    /// Makes the models, and what `mlserver` is told of them.
    pub fn prepared(directory: &Path) -> Result<Self> {
        let (http, grpc, metrics) = (free()?, free()?, free()?);
        let ports = [http, grpc, metrics].map(|it| it.port().to_string());
        let place = directory.to_string_lossy();
        let arguments: Vec<&str> = std::iter::once(&*place).chain(ports.iter().map(String::as_str)).collect();
        match python(MODELS, &arguments).status()?.success() {
            true => Ok(Self { directory: directory.to_owned(), http, grpc }),
            false => Err(Error::other("the models were not made")),
        }
    }

    /// Starts it.
    pub fn start(&self) -> Result<Running> {
        let log = File::create(self.directory.join("mlserver.log"))?;
        let mut command = Command::new("mlserver");
        command
            .arg("start")
            .arg(self.directory.join("peer"))
            .env("PYTHONPATH", &self.directory)
            .current_dir(&self.directory);
        let child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let running = Running(child);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let ready = benches::client::Client::open(self.http)
                .and_then(|mut client| client.exchange(&request("GET", "/v2/health/ready", "", None)));
            if matches!(ready, Ok(200)) {
                return Ok(running);
            }
            pause(Duration::from_millis(200));
        }
        let said = fs::read_to_string(self.directory.join("mlserver.log"))?;
        Err(Error::other(format!("mlserver is not ready: {said}")))
    }
}

impl Running {
    /// Seconds of processor time it and its children have used.
    pub fn cpu_s(&self) -> f64 {
        processes::tree_cpu_s(self.0.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Milliseconds of processor time that onnxruntime takes for a row, called directly in one thread.
pub fn direct_ms(model: &Path, width: usize) -> Result<f64> {
    let (path, width) = (model.to_string_lossy(), width.to_string());
    let told = python(DIRECT, &[&path, &width]).output()?;
    let told: Value = serde_json::from_slice(&told.stdout).map_err(Error::other)?;
    told["cpu_ms"].as_f64().ok_or_else(|| Error::other("onnxruntime told nothing"))
}

/// Milliseconds of a server's processor time that a request by gRPC takes; `cpu_s` tells what the server has used.
pub fn grpc_ms(
    (address, model, token): (SocketAddr, &str, Option<&str>),
    rows: &Path,
    cpu_s: &dyn Fn() -> Result<f64>,
) -> Result<f64> {
    const SECONDS: &str = "8";
    let (address, rows) = (address.to_string(), rows.to_string_lossy());
    let mut arguments = vec![&*address, model, &*rows, SECONDS];
    arguments.extend(token);
    let mut child = python(GRPC, &arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let told = child.stdout.take().ok_or_else(|| Error::other("no output"))?;
    let mut lines = BufReader::new(told).lines();
    let mut line = || lines.next().unwrap_or_else(|| Err(Error::other("the client by gRPC ended")));
    line()?;
    let before = cpu_s()?;
    child.stdin.take().ok_or_else(|| Error::other("no input"))?.write_all(b"go\n")?;
    let count: f64 = line()?.parse().map_err(Error::other)?;
    let used = cpu_s()? - before;
    child.wait()?;
    Ok(used / count * 1e3)
}
