//! Settings: the only module that reads the environment and the configuration files.
//!
//! The first one that is there counts: flag, environment, `.aic.toml` here or above, the user's
//! file, the default. Tokens are kept apart, readable by their owner only, each for its server.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::output::Format;
use crate::server::{Settled, Up};

const DEFAULT_URL: &str = "http://127.0.0.1:8080";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// What every client command understands.
#[derive(clap::Args, Clone, Default)]
pub struct Flags {
    /// Where the server is [env: AIC_URL].
    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    pub url: Option<String>,
    /// The token to present [env: AIC_TOKEN]; better kept by `aic login`.
    #[arg(long, global = true, value_name = "TOKEN", help_heading = "Settings", hide_default_value = true)]
    pub token: Option<String>,
    /// The project to work in [env: AIC_PROJECT].
    #[arg(short = 'p', long, global = true, value_name = "NAME", help_heading = "Settings")]
    pub project: Option<String>,
    /// A file of certificates to trust instead of the public ones [env: AIC_CA_FILE].
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    pub ca_file: Option<PathBuf>,
    /// How to print.
    #[arg(short, long, global = true, value_name = "FORMAT", help_heading = "Output")]
    pub output: Option<Format>,
    /// Print only these fields, as JSON: `metadata.name,spec.pool`.
    #[arg(long, global = true, value_name = "FIELDS", value_delimiter = ',', help_heading = "Output")]
    pub json: Vec<String>,
    /// Let the server check everything and change nothing.
    #[arg(long, global = true, help_heading = "Output")]
    pub dry_run: bool,
}

/// What was settled.
pub struct Settings {
    /// Where the server is, without a slash at the end.
    pub url: String,
    /// What to present to it.
    pub token: Option<String>,
    /// The project; the server's default if none.
    pub project: Option<String>,
    /// Certificates to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// How to print, if it was said.
    pub format: Option<Format>,
    /// The fields to print, if only some.
    pub fields: Vec<String>,
    /// Whether the server is to change nothing.
    pub dry_run: bool,
    /// Whether colours are wanted where a terminal shows them.
    pub colour: bool,
    /// The program to edit with, and its arguments.
    pub editor: String,
    /// Where a file may lie that nobody else is to read or to replace.
    pub scratch: PathBuf,
    /// Where tokens are kept.
    credentials: PathBuf,
    /// When the token ends, if it is a kept one that can be renewed.
    ends: Option<i64>,
}

/// What a configuration file may say. It holds no token: files like it are shared.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    url: Option<String>,
    project: Option<String>,
    ca_file: Option<PathBuf>,
    output: Option<Format>,
}

/// Tokens by the address of their server.
type Tokens = BTreeMap<String, Kept>;

/// A token, and what renews it if it can be renewed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    /// The token.
    pub token: String,
    /// The refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
    /// When the token ends, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

impl Kept {
    /// A token that nothing renews.
    pub fn of(token: String) -> Self {
        Self { token, refresh: None, expires: None }
    }
}

/// A reader of the environment; tests bring their own.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Settles everything from flags, the environment and the files there are.
    pub fn settle(flags: &Flags) -> Result<Self> {
        let here = std::env::current_dir().map_err(|error| Failure::file(".", &error))?;
        Self::settle_from(flags, &environment, &here)
    }

    fn settle_from(flags: &Flags, environment: Environment<'_>, here: &Path) -> Result<Self> {
        let home = directory(environment, "XDG_CONFIG_HOME", ".config");
        let scratch = directory(environment, "XDG_CACHE_HOME", ".cache");
        let shared = match here.ancestors().map(|dir| dir.join(".aic.toml")).find(|path| path.is_file()) {
            Some(path) => read(&path)?,
            None => File::default(),
        };
        let own = read(&home.join("config.toml"))?;
        let credentials = home.join("credentials.json");

        let said = flags.url.clone().or_else(|| environment("AIC_URL"));
        let only_shared = said.is_none() && shared.url.is_some();
        let url = said.or(shared.url).or(own.url).unwrap_or_else(|| DEFAULT_URL.to_owned());
        let url = checked(&url)?;
        let given = flags.token.clone().or_else(|| environment("AIC_TOKEN"));
        // A checkout of somebody else's must not be able to collect tokens by naming an address.
        if given.is_some() && only_shared && !is_loopback(&url) {
            let sentence = format!("the token is not sent to `{url}`, an address only `.aic.toml` names");
            return Err(Failure::not_allowed(sentence).hint("confirm the address with --url or AIC_URL"));
        }
        let (token, ends) = match given {
            Some(token) => (Some(token), None),
            None => match tokens(&credentials)?.remove(&url) {
                Some(kept) => (Some(kept.token), kept.expires.filter(|_| kept.refresh.is_some())),
                None => (None, None),
            },
        };
        Ok(Self {
            url,
            token,
            project: flags
                .project
                .clone()
                .or_else(|| environment("AIC_PROJECT"))
                .or(shared.project)
                .or(own.project),
            ca_file: flags
                .ca_file
                .clone()
                .or_else(|| environment("AIC_CA_FILE").map(PathBuf::from))
                .or(shared.ca_file)
                .or(own.ca_file),
            format: flags.output.or(shared.output).or(own.output),
            fields: flags.json.clone(),
            dry_run: flags.dry_run,
            colour: environment("NO_COLOR").is_none() && environment("TERM").as_deref() != Some("dumb"),
            editor: environment("VISUAL")
                .or_else(|| environment("EDITOR"))
                .unwrap_or_else(|| "vi".to_owned()),
            scratch,
            credentials,
            ends,
        })
    }

    /// Keeps a token for this server, in a file only its owner reads; answers where.
    pub fn keep(&self, token: &Kept) -> Result<&Path> {
        let mut all = tokens(&self.credentials)?;
        all.insert(self.url.clone(), token.clone());
        let text = serde_json::to_string_pretty(&all).map_err(|error| Failure::failed(error.to_string()))?;
        write_private(&self.credentials, text.as_bytes())
            .map_err(|error| Failure::file(self.credentials.display(), &error))?;
        Ok(&self.credentials)
    }

    /// What is kept for this server now.
    pub fn kept(&self) -> Result<Option<Kept>> {
        Ok(tokens(&self.credentials)?.remove(&self.url))
    }

    /// Whether the token is a kept one that can be renewed and ends before a moment, in seconds since 1970.
    pub fn ends_before(&self, moment: i64) -> bool {
        self.ends.is_some_and(|ends| ends < moment)
    }

    /// Keeps other commands from changing the tokens until the answer is dropped.
    pub fn lock(&self) -> Result<fs::File> {
        let path = self.credentials.with_extension("lock");
        let mut options = fs::OpenOptions::new();
        let opened = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let locked = opened.and_then(|file| file.lock().map(|()| file));
        locked.map_err(|error| Failure::file(path.display(), &error))
    }

    #[cfg(test)]
    pub fn of(url: &str) -> Self {
        let nothing = |_: &str| None;
        let flags = Flags { url: Some(url.to_owned()), token: Some("t0".to_owned()), ..Flags::default() };
        Self::settle_from(&flags, &nothing, Path::new("/")).expect("nothing can go wrong here")
    }
}

/// Settles what a server needs from its flags and the environment.
pub fn settle_server(up: &Up) -> Result<Settled> {
    settle_server_from(up, &environment)
}

fn settle_server_from(up: &Up, environment: Environment<'_>) -> Result<Settled> {
    let listen = match (up.listen, environment("AIC_LISTEN")) {
        (Some(address), _) => address,
        (None, Some(text)) => text.parse().map_err(|_| {
            Failure::usage(format!("AIC_LISTEN: `{text}` is no address")).hint("for example 127.0.0.1:8080")
        })?,
        (None, None) => DEFAULT_LISTEN,
    };
    let data_dir = up.data_dir.clone().or_else(|| environment("AIC_DATA_DIR").map(PathBuf::from));
    let data_dir = data_dir.unwrap_or_else(|| data_home(environment));
    let beside =
        |variable: &str, name: &str| environment(variable).map_or_else(|| data_dir.join(name), PathBuf::from);
    let python = up.python.settle(environment, data_dir.join("python"))?;
    let programs = up.programs.settle(environment, data_dir.join("model-servers"))?;
    let telemetry = up.telemetry.settle(environment)?;
    Ok(Settled {
        backup_dir: beside("AIC_BACKUP_DIR", "backups"),
        smtp_url: environment("AIC_SMTP_URL"),
        mail_dir: beside("AIC_MAIL_DIR", "mail"),
        mail_from: environment("AIC_MAIL_FROM").unwrap_or_else(|| "AIC <aic@localhost>".to_owned()),
        data_dir,
        listen,
        database_url: up.database_url.clone().or_else(|| environment("AIC_DATABASE_URL")),
        public_url: up
            .public_url
            .clone()
            .or_else(|| environment("AIC_PUBLIC_URL"))
            .map(|url| checked(&url))
            .transpose()?,
        egress: up.egress.clone().or_else(|| environment("AIC_EGRESS")).unwrap_or_default(),
        egress_ca: up.egress_ca.clone().or_else(|| environment("AIC_EGRESS_CA").map(PathBuf::from)),
        blobs_url: up.blobs_url.clone().or_else(|| environment("AIC_BLOBS_URL")),
        blobs_settings: object_store_settings(),
        tracking_bytes: tracking_bytes(environment)?,
        workers: up.workers,
        password: environment("AIC_ADMIN_PASSWORD"),
        master_key_file: environment("AIC_MASTER_KEY_FILE").map(PathBuf::from),
        trusted_proxies: trusted(environment)?,
        tls: up.tls_cert.clone().zip(up.tls_key.clone()),
        python,
        programs,
        telemetry,
        onnxruntime: up.python.library(environment),
    })
}

/// Memory for the columns of searches of runs: a number of MiB.
fn tracking_bytes(environment: Environment<'_>) -> Result<usize> {
    let Some(text) = environment("AIC_TRACKING_MEMORY") else { return Ok(engine_tracking::COLUMNS_BYTES) };
    match text.parse::<usize>() {
        Ok(mebibytes) if mebibytes <= 1 << 20 => Ok(mebibytes << 20),
        _ => Err(Failure::usage(format!("AIC_TRACKING_MEMORY: `{text}` is no number of MiB"))
            .hint("for example 128")),
    }
}

/// The proxies that are believed.
fn trusted(environment: Environment<'_>) -> Result<Vec<ipnet::IpNet>> {
    let text = environment("AIC_TRUSTED_PROXIES").unwrap_or_default();
    face_web::origin::networks(&text).map_err(|error| {
        Failure::usage(format!("AIC_TRUSTED_PROXIES: {error}")).hint("for example 10.0.0.0/8")
    })
}

/// The settings of object stores, under the names their own tools use.
fn object_store_settings() -> Vec<(String, String)> {
    let ours = ["AWS_", "GOOGLE_", "AZURE_"];
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| ours.iter().any(|start| name.starts_with(start)))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

/// What is logged, in the directives of `tracing-subscriber`.
pub fn log_filter() -> String {
    environment("AIC_LOG").unwrap_or_else(|| "warn".to_owned())
}

/// Where the demo keeps its things.
pub fn demo_home() -> PathBuf {
    let mut home = data_home(&environment);
    home.set_file_name("aic-demo");
    home
}

fn data_home(environment: Environment<'_>) -> PathBuf {
    let base = environment("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| Path::new(&home).join(".local/share")));
    base.unwrap_or_default().join("aic")
}

/// What an MLflow client would show a server: a name and a password, or a token.
pub struct MlflowLogin {
    /// `MLFLOW_TRACKING_USERNAME`.
    pub user: Option<String>,
    /// `MLFLOW_TRACKING_PASSWORD`.
    pub password: Option<String>,
    /// `MLFLOW_TRACKING_TOKEN`.
    pub token: Option<String>,
}

/// What the environment says for MLflow's clients.
pub fn mlflow_login() -> MlflowLogin {
    MlflowLogin {
        user: environment("MLFLOW_TRACKING_USERNAME"),
        password: environment("MLFLOW_TRACKING_PASSWORD"),
        token: environment("MLFLOW_TRACKING_TOKEN"),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Our directory under one of the places XDG names; a machine without homes has its temporary one.
fn directory(environment: Environment<'_>, variable: &str, usual: &str) -> PathBuf {
    let base = environment(variable)
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| Path::new(&home).join(usual)));
    base.unwrap_or_else(std::env::temp_dir).join("aic")
}

fn checked(url: &str) -> Result<String> {
    let url = url.trim_end_matches('/');
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() => Ok(url.to_owned()),
        _ => {
            Err(Failure::usage(format!("`{url}` is not an address"))
                .hint("write it like http://127.0.0.1:8080"))
        }
    }
}

/// Whether the address is this machine's own.
pub fn is_loopback(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    // Before an `@` stands a user, and a user may be called `localhost`.
    let host = host.rsplit('@').next().unwrap_or_default();
    let name = if host.starts_with('[') {
        host.split(']').next().unwrap_or_default().trim_start_matches('[')
    } else {
        host.split(':').next().unwrap_or_default()
    };
    let numeric = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    numeric || name == "localhost"
}

fn read(path: &Path) -> Result<File> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
        Err(error) => return Err(Failure::file(path.display(), &error)),
    };
    toml::from_str(&text).map_err(|error| {
        Failure::usage(format!("`{}`: {}", path.display(), error.message()))
            .hint("it may hold `url`, `project`, `ca_file` and `output`; tokens are kept by `aic login`")
    })
}

fn tokens(path: &Path) -> Result<Tokens> {
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| {
            Failure::failed(format!("`{}`: {error}", path.display()))
                .hint("remove it and run `aic login` again")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Tokens::new()),
        Err(error) => Err(Failure::file(path.display(), &error)),
    }
}

/// Writes beside and renames, so that nobody ever sees half a file or one with a wider mode.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    // One left by a process that died; a link there is removed, never followed.
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Home(PathBuf);

    impl Home {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("aic-config-{name}-{}", std::process::id()));
            fs::create_dir_all(dir.join("config/aic")).unwrap();
            fs::create_dir_all(dir.join("work/deep")).unwrap();
            Self(dir)
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.0.join(path), text).unwrap();
        }

        fn settle(&self, flags: &Flags, variables: &[(&str, &str)]) -> Result<Settings> {
            let config = self.0.join("config").display().to_string();
            let environment = |name: &str| match name {
                "XDG_CONFIG_HOME" => Some(config.clone()),
                other => {
                    variables.iter().find(|(key, _)| *key == other).map(|(_, value)| (*value).to_owned())
                }
            };
            Settings::settle_from(flags, &environment, &self.0.join("work/deep"))
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_nearest_setting_counts() {
        let home = Home::new("order");
        let none = Flags::default();
        assert_eq!(home.settle(&none, &[]).unwrap().url, DEFAULT_URL);
        home.write("config/aic/config.toml", "url = \"http://user:1/\"\nproject = \"own\"\n");
        assert_eq!(home.settle(&none, &[]).unwrap().url, "http://user:1");
        home.write("work/.aic.toml", "url = \"http://shared:1\"\n");
        let settled = home.settle(&none, &[]).unwrap();
        assert_eq!((settled.url.as_str(), settled.project.as_deref()), ("http://shared:1", Some("own")));
        let variables = [("AIC_URL", "http://variable:1")];
        assert_eq!(home.settle(&none, &variables).unwrap().url, "http://variable:1");
        let flags = Flags { url: Some("http://flag:1".to_owned()), ..Flags::default() };
        assert_eq!(home.settle(&flags, &variables).unwrap().url, "http://flag:1");
    }

    #[test]
    fn a_token_is_kept_for_its_server_and_for_its_owner() {
        let home = Home::new("token");
        let settled = home.settle(&Flags::default(), &[]).unwrap();
        let path = settled.keep(&Kept::of("secret".to_owned())).unwrap().to_path_buf();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(home.settle(&Flags::default(), &[]).unwrap().token.as_deref(), Some("secret"));
        let elsewhere = home.settle(&Flags::default(), &[("AIC_URL", "http://other:1")]).unwrap();
        assert_eq!(elsewhere.token, None);
    }

    #[test]
    fn a_shared_file_collects_no_tokens() {
        let home = Home::new("collect");
        home.write("work/.aic.toml", "url = \"http://evil.example\"\n");
        let token = [("AIC_TOKEN", "secret")];
        assert!(home.settle(&Flags::default(), &token).is_err());
        home.write("work/.aic.toml", "token = \"x\"\n");
        let failure = home.settle(&Flags::default(), &[]).err().unwrap().to_string();
        assert!(failure.contains("unknown field `token`"), "{failure}");
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for url in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80/x"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://127.0.0.1.evil.example", "http://localhost@evil.example", "http://10.0.0.1"] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn an_address_needs_its_scheme() {
        let flags = Flags { url: Some("localhost:8080".to_owned()), ..Flags::default() };
        assert!(Home::new("scheme").settle(&flags, &[]).is_err());
    }
}
