//! A PostgreSQL server of our own for one test run: on a free port, in a directory that goes away with it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place::Place;
use crate::{shell, tools};

/// What the directories are called, before the process that made them.
const PREFIX: &str = "aic-postgres-";

/// A running server; dropping it stops it and removes its files.
pub struct Postgres {
    programs: PathBuf,
    dir: PathBuf,
    as_root: bool,
    url: String,
}

impl Postgres {
    /// Makes an empty cluster and starts it.
    pub fn start(place: &Place) -> Result<Self, String> {
        sweep();
        let programs = tools::postgres_programs().ok_or("PostgreSQL's `initdb` is missing")?;
        let dir = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(&dir).map_err(|error| format!("`{}`: {error}", dir.display()))?;
        let as_root = shell::ask(shell::command("id", &place.root).arg("-u")).as_deref() == Some("0");
        let port = free_port()?;
        let url = format!("postgres://aic@127.0.0.1:{port}/postgres");
        let server = Self { programs, dir, as_root, url };
        if as_root {
            // PostgreSQL refuses to run as root; Debian's package made this user for it.
            shell::show(shell::command("chown", Path::new("/")).arg("postgres").arg(&server.dir))?;
        }
        server.quietly(server.command("initdb").arg("-D").arg(server.data()).args([
            "--username=aic",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]))?;
        // Durability is what the stores' own tests are about, not what this server is for.
        let settings = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off -c max_connections=200",
            server.dir.display()
        );
        let log = server.dir.join("log");
        server.quietly(
            server
                .command("pg_ctl")
                .arg("-D")
                .arg(server.data())
                .arg("-l")
                .arg(log)
                .args(["-w", "-o"])
                .arg(settings)
                .arg("start"),
        )?;
        Ok(server)
    }

    /// Where it listens; its user may create databases.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        if !self.as_root {
            return shell::command(path, &self.dir);
        }
        let mut command = shell::command("runuser", &self.dir);
        command.args(["-u", "postgres", "--"]).arg(path);
        command
    }

    fn quietly(&self, command: &mut Command) -> Result<(), String> {
        // The server inherits what its starter had open: a pipe would never end, so nothing is piped.
        let output = fs::File::create(self.dir.join("start")).and_then(|file| {
            let errors = file.try_clone()?;
            command.stdout(file).stderr(errors).status()
        });
        match output {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                let text = fs::read_to_string(self.dir.join("start")).unwrap_or_default();
                Err(format!("PostgreSQL did not start, {status}: {}", text.trim()))
            }
            Err(error) => Err(format!("PostgreSQL cannot be run: {error}")),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        shell::succeeds(stop.arg("-D").arg(self.data()).args(["-m", "immediate", "-w", "stop"]));
        // What is left is in the temporary directory, and the system clears that.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Stops servers whose test run was killed before it could: their maker is no longer a process.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(maker) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if Path::new("/proc").join(maker).exists() {
            continue;
        }
        // The first line of this file is the server's own process.
        let server = fs::read_to_string(entry.path().join("data/postmaster.pid")).ok();
        if let Some(server) = server.as_deref().and_then(|text| text.lines().next()) {
            shell::succeeds(shell::command("kill", Path::new("/")).args(["-QUIT", server]));
        }
        // Another user's directory stays; it is theirs to clear.
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// A port nobody listens on now; it is taken again at once, so the gap hardly matters.
fn free_port() -> Result<u16, String> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}
