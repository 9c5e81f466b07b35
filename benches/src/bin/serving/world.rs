//! The platform under measurement, and the few things that are asked of it.

use std::{
    fs,
    io::{Error, Result},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use benches::{
    client::{Client, request},
    load::{Load, Measured, pause},
    server::Server,
};
use serde_json::{Value, json};

/// How long something may take to become so.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server of ours and the models that were made for it.
pub struct World {
    /// The server.
    pub server: Server,
    /// Whom it takes us for.
    pub token: String,
    /// Where the models are.
    pub models: PathBuf,
}

impl World {
    /// Starts one; the models lie in the directory already.
    pub fn start(models: &Path) -> Result<Self> {
        let directory = models.join("aic");
        fs::create_dir_all(&directory)?;
        let server = Server::start(&directory)?;
        let token = server.login()?;
        Ok(Self { server, token, models: models.to_owned() })
    }

    /// A connection.
    pub fn client(&self) -> Result<Client> {
        self.server.client()
    }

    /// Asks for JSON.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        self.client()?.json(&request(method, &format!("/api/v1/catalog/{path}"), &self.token, body))
    }

    /// Registers a file as the next version of a model.
    pub fn version(&self, model: &str, file: &str) -> Result<()> {
        if self.ask("GET", &format!("models/{model}"), None).is_err() {
            self.ask("POST", "models", Some(&json!({"metadata": {"name": model}, "spec": {}})))?;
        }
        let bytes = fs::read(self.models.join(file))?;
        let head = format!(
            "POST /api/v1/catalog/models/{model}/upload HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
             content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            self.token,
            bytes.len()
        );
        self.client()?.json(&[head.as_bytes(), &bytes].concat()).map(|_| ())
    }

    /// An endpoint of a model, once it answers; answers its status.
    pub fn endpoint(&self, name: &str, spec: Value) -> Result<Value> {
        self.ask("POST", "endpoints", Some(&json!({"metadata": {"name": name}, "spec": spec})))?;
        self.until(name, |status| status["phase"] == "Ready")
    }

    /// The status of an endpoint once it is as wanted.
    pub fn until(&self, name: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
        let began = Instant::now();
        loop {
            let status = self.ask("GET", &format!("endpoints/{name}"), None)?["status"].take();
            if is_so(&status) {
                return Ok(status);
            }
            if began.elapsed() > PATIENCE || status["phase"] == "Failed" {
                return Err(Error::other(format!("`{name}` did not become so: {status}")));
            }
            pause(Duration::from_millis(5));
        }
    }

    /// Requests of one row each for an input.
    pub fn infers(&self, endpoint: &str, input: &str, rows: &[Vec<f64>]) -> Vec<Vec<u8>> {
        infers(&self.token, endpoint, input, rows)
    }

    /// The same with the elements as bytes, by the protocol's binary extension.
    pub fn infers_bytes(&self, endpoint: &str, input: &str, rows: &[Vec<f64>]) -> Vec<Vec<u8>> {
        let one = |row: &Vec<f64>| {
            let bytes: Vec<u8> = row.iter().flat_map(|it| (*it as f32).to_le_bytes()).collect();
            let size = json!({"binary_data_size": bytes.len()});
            let tensor =
                json!({"name": input, "datatype": "FP32", "shape": [1, row.len()], "parameters": size});
            let head = json!({"inputs": [tensor]}).to_string();
            let told = format!(
                "POST /v2/models/{endpoint}/infer HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
                 inference-header-content-length: {}\r\ncontent-length: {}\r\n\r\n{head}",
                self.token,
                head.len(),
                head.len() + bytes.len()
            );
            [told.as_bytes(), &bytes].concat()
        };
        rows.iter().map(one).collect()
    }

    /// A load of requests.
    pub fn load(&self, requests: &[Vec<u8>], connections: usize, lasting: Duration) -> Result<Measured> {
        Load { address: self.server.address, requests, connections, lasting }.saturate()
    }
}

/// Requests of one row each, as the Open Inference Protocol writes them.
pub fn infers(token: &str, model: &str, input: &str, rows: &[Vec<f64>]) -> Vec<Vec<u8>> {
    let one = |row: &Vec<f64>| {
        let tensor = json!({"name": input, "datatype": "FP32", "shape": [1, row.len()], "data": row});
        request("POST", &format!("/v2/models/{model}/infer"), token, Some(&json!({"inputs": [tensor]})))
    };
    rows.iter().map(one).collect()
}

/// Rows that are always the same: no two alike, none far from zero.
pub fn rows(count: usize, width: usize) -> Vec<Vec<f64>> {
    let value = |row: usize, at: usize| ((row * 31 + at * 17) % 101) as f64 / 50.0 - 1.0;
    (0..count).map(|row| (0..width).map(|at| value(row, at)).collect()).collect()
}
