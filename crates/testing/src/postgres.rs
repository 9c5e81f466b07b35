//! A PostgreSQL server of one's own: in a temporary directory, on a socket only, gone with its owner.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// A running server.
pub struct Server {
    directory: tempfile::TempDir,
    binaries: PathBuf,
    user: Option<User>,
    process: Child,
    databases: AtomicU32,
}

/// Whom to run as instead of root, whom PostgreSQL refuses.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl Server {
    /// Starts one that keeps what it was told, like in production.
    ///
    /// # Errors
    /// Why there is none: no binaries, or what they said.
    pub fn start() -> Result<Self, String> {
        Self::within(tempfile::tempdir())
    }

    /// The same below a directory, for its disk.
    ///
    /// # Errors
    /// As above; the directory must be open to whom the server runs as.
    pub fn start_in(directory: &Path) -> Result<Self, String> {
        Self::within(tempfile::tempdir_in(directory))
    }

    fn within(directory: std::io::Result<tempfile::TempDir>) -> Result<Self, String> {
        let binaries = binaries().ok_or("no PostgreSQL is installed here")?;
        let directory = directory.map_err(|error| error.to_string())?;
        let user = substitute(directory.path())?;
        if let Some(user) = user {
            chown(directory.path(), Some(user.uid), Some(user.gid)).map_err(|e| e.to_string())?;
        }
        let data = directory.path().join("data");
        let made = command(&binaries, "initdb", user)
            .args(["--username=aic", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .map_err(|error| error.to_string())?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned());
        }
        let process = serve(&binaries, directory.path(), user)?;
        Ok(Self { directory, binaries, user, process, databases: AtomicU32::new(0) })
    }

    /// Makes an empty database and answers how to reach it.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::SeqCst);
        let name = format!("test{number}");
        let socket = self.directory.path();
        let made = command(&self.binaries, "createdb", self.user)
            .args(["--username=aic", "--template=template0", "--host"])
            .arg(socket)
            .arg(&name)
            .output()
            .expect("createdb lies beside initdb");
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "no database: {said}");
        format!("host={} user=aic dbname={name}", socket.display())
    }

    /// The process that has started all others.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Stops it hard, as a crash would, and starts it again.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn crash(&mut self) {
        self.stop();
        self.process =
            serve(&self.binaries, self.directory.path(), self.user).expect("it started here before");
    }

    fn stop(&mut self) {
        // What fails here is a server that has gone already.
        let _ = command(&self.binaries, "pg_ctl", self.user)
            .args(["stop", "--mode=immediate", "-D"])
            .arg(self.directory.path().join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the server's programs lie: on the path, or where Debian puts them.
fn binaries() -> Option<PathBuf> {
    let works = |directory: &Path| {
        let asked = Command::new(directory.join("initdb"))
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    };
    let mut places = vec![PathBuf::new()];
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    places.extend(versions.into_iter().rev());
    places.into_iter().find(|place| works(place))
}

/// Somebody else, if this is root.
fn substitute(directory: &Path) -> Result<Option<User>, String> {
    let owner = fs::metadata(directory).map_err(|error| error.to_string())?.uid();
    if owner != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(|error| error.to_string())?;
    let find = |name: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next() == Some(name);
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            found.then_some(User { uid, gid })
        })
    };
    let user = find("postgres").or_else(|| find("nobody"));
    user.map(Some).ok_or_else(|| "PostgreSQL does not run as root, and there is nobody else".into())
}

fn command(binaries: &Path, program: &str, user: Option<User>) -> Command {
    let mut command = Command::new(binaries.join(program));
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    // The directory this runs in may be closed to somebody else.
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn serve(binaries: &Path, directory: &Path, user: Option<User>) -> Result<Child, String> {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o755));
    let mut process = command(binaries, "postgres", user)
        .arg("-D")
        .arg(directory.join("data"))
        .arg("-k")
        .arg(directory)
        .args(["-c", "listen_addresses=", "-c", "max_connections=100", "-c", "lc_messages=C"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut lines = BufReader::new(process.stderr.take().ok_or("no output")?).lines();
    let mut said = String::new();
    for line in lines.by_ref().map_while(Result::ok) {
        if line.contains("ready to accept connections") {
            // Somebody has to read on, or the server would stop at a full pipe.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(process);
        }
        said.push_str(&line);
        said.push('\n');
    }
    let _ = process.wait();
    Err(said)
}
