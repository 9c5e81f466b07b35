//! A file put and fetched through the proxy of artifacts, beside nginx keeping and serving the same file.

use std::{
    fs,
    io::{Error, Read, Result, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use benches::figures::{at_least, percentile, tell};

use crate::side::{Side, free, listening};

/// How large the file is.
const BYTES: usize = 256 << 20;
/// How often each is timed, in turns.
const ROUNDS: usize = 7;

/// A place a file can be put at and fetched from.
struct Place {
    address: SocketAddr,
    path: String,
    who: String,
}

/// nginx, stopped with this.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Puts and fetches in turns, and prints.
pub fn compare(side: &Side, directory: &Path) -> Result<()> {
    let (theirs, nginx) = nginx(&directory.join("nginx"))?;
    let mut client = side.client()?;
    let experiment = side.experiment(&mut client, "files")?;
    let run = side.run(&mut client, &experiment)?;
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/large.bin");
    let ours = Place { address: side.address, path, who: side.token().to_owned() };
    let mut file = vec![0_u8; BYTES];
    let mut state = 7_u64;
    for eight in file.chunks_exact_mut(8) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        eight.copy_from_slice(&state.to_le_bytes());
    }
    let (mut put, mut got) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..=ROUNDS {
        for (at, place) in [&theirs, &ours].into_iter().enumerate() {
            // Every round is another file: what is there already would be written over.
            file[..8].copy_from_slice(&(round as u64).to_le_bytes());
            let (up, down) = (place.put(&file)?, place.get(BYTES)?);
            if round > 0 {
                put[at].push(up);
                got[at].push(down);
            }
        }
    }
    for (what, figures) in [("put", put), ("get", got)] {
        let [mut theirs, mut ours] = figures;
        let (theirs, ours) = (percentile(&mut theirs, 0.5), percentile(&mut ours, 0.5));
        tell(&format!("{what} of 256 MiB, nginx"), theirs, "MiB/s");
        tell(&format!("{what} of 256 MiB, AIC"), ours, "MiB/s");
        at_least(&format!("{what} of 256 MiB, AIC to nginx"), ours / theirs, 0.7, "times");
    }
    drop(nginx);
    Ok(())
}

impl Place {
    fn head(&self, method: &str, more: &str) -> Vec<u8> {
        let (path, who) = (&self.path, &self.who);
        format!("{method} {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n{who}{more}\r\n")
            .into_bytes()
    }

    /// Puts a file; MiB a second.
    fn put(&self, file: &[u8]) -> Result<f64> {
        let began = Instant::now();
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(&self.head("PUT", &format!("content-length: {}\r\n", file.len())))?;
        stream.write_all(file)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        good(&answer)?;
        Ok(rate(file.len(), began.elapsed()))
    }

    /// Fetches a file; MiB a second.
    fn get(&self, length: usize) -> Result<f64> {
        let began = Instant::now();
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(&self.head("GET", ""))?;
        let (mut piece, mut read) = (vec![0; 256 << 10], 0);
        loop {
            let more = stream.read(&mut piece)?;
            if read == 0 {
                good(&piece[..more])?;
            }
            if more == 0 {
                break;
            }
            read += more;
        }
        if read < length {
            return Err(Error::other(format!("only {read} bytes came")));
        }
        Ok(rate(length, began.elapsed()))
    }
}

fn rate(bytes: usize, took: Duration) -> f64 {
    bytes as f64 / f64::from(1 << 20) / took.as_secs_f64()
}

fn good(answer: &[u8]) -> Result<()> {
    match answer.get(9) {
        Some(b'2') => Ok(()),
        _ => Err(Error::other(String::from_utf8_lossy(&answer[..answer.len().min(500)]).into_owned())),
    }
}

fn nginx(directory: &Path) -> Result<(Place, Nginx)> {
    fs::create_dir_all(directory.join("files"))?;
    let (address, at) = (free()?, directory.display());
    let text = format!(
        "daemon off; master_process off; worker_processes 1; pid {at}/pid; error_log {at}/log; user root;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off; sendfile on; client_max_body_size 0; client_body_temp_path {at}/temporary;\n\
         server {{ listen {address}; root {at}/files; location / {{ dav_methods PUT; create_full_put_path on; }} }} }}\n"
    );
    let file = directory.join("nginx.conf");
    fs::write(&file, text)?;
    let child =
        Command::new("nginx").arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = Nginx(child.map_err(|_| Error::other("nginx is not installed"))?);
    listening(address, 10)?;
    Ok((Place { address, path: "/large.bin".to_owned(), who: String::new() }, child))
}
