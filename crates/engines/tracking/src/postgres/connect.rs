//! Reaching the server: settings, the connections that read, and the layout brought up to date.

use std::{str::FromStr, time::Duration};

use base::{Error, Result};
use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use crate::layout::STEPS;

/// How many connections read at once.
const READERS: usize = 6;
/// How long it may take to connect, or to be given a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Every question walks an index; without statistics the planner may think otherwise.
const PLANNER: &str = "-c enable_seqscan=off -c enable_bitmapscan=off -c jit=off -c synchronous_commit=on";

/// Settings from a URL or from `key=value` pairs.
pub fn settings(url: &str) -> Result<Config> {
    let mut config = Config::from_str(url).map_err(|error| {
        // The text may hold a password, so it is not repeated.
        Error::invalid("invalid-database-url", "the database URL cannot be understood")
            .hint("write `postgres://user:password@host:5432/name`, or `host=/run/postgresql dbname=name`")
            .because(error)
    })?;
    let options = match config.get_options() {
        Some(given) => format!("{given} {PLANNER}"),
        None => PLANNER.to_owned(),
    };
    config.options(options).connect_timeout(PATIENCE).application_name("aic tracking");
    Ok(config)
}

/// The connections that read.
pub fn readers(config: &Config) -> Result<Pool> {
    let recycling_method = RecyclingMethod::Fast;
    let manager = Manager::from_config(config.clone(), NoTls, ManagerConfig { recycling_method });
    Pool::builder(manager)
        .max_size(READERS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(PATIENCE))
        .build()
        .map_err(Error::internal)
}

/// A connection of one's own, with the task that drives it.
pub struct Line {
    /// What to ask.
    pub client: Client,
    driver: JoinHandle<()>,
}

impl Line {
    /// Connects.
    pub async fn open(config: &Config) -> std::result::Result<Self, tokio_postgres::Error> {
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "a connection to the database has ended");
            }
        });
        Ok(Self { client, driver })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Runs the steps of the layout the database has not seen. Processes that start together take turns.
pub async fn migrate(config: &Config) -> Result<()> {
    let mut line = Line::open(config).await.map_err(explained)?;
    // The number names this lock among all advisory locks of the database; it ends with the connection.
    let begin = "SELECT pg_advisory_lock(4702394921428); SET client_min_messages = warning; \
                 CREATE TABLE IF NOT EXISTS tracking_migrations (number bigint PRIMARY KEY)";
    line.client.batch_execute(begin).await.map_err(explained)?;
    let last = "SELECT coalesce(max(number), 0) FROM tracking_migrations";
    let found: i64 = line.client.query_one(last, &[]).await.map_err(explained)?.get(0);
    if found > STEPS.len() as i64 {
        return Err(Error::conflict(
            "store-too-new",
            format!(
                "what is logged to runs has layout {found}, and this version knows up to {}",
                STEPS.len()
            ),
        )
        .hint("start the version that wrote it, or a later one"));
    }
    for step in STEPS.iter().filter(|step| step.number > found) {
        let run = async {
            let transaction = line.client.transaction().await?;
            transaction.batch_execute(step.postgres).await?;
            let mark = "INSERT INTO tracking_migrations (number) VALUES ($1)";
            transaction.execute(mark, &[&step.number]).await?;
            transaction.commit().await
        };
        run.await.map_err(explained)?;
    }
    Ok(())
}

/// The error a caller sees.
pub fn explained(error: tokio_postgres::Error) -> Error {
    let told = match error.as_db_error() {
        Some(said) => format!("{error}: {said:?}"),
        None => format!("{error:?}"),
    };
    let code = error.code().map(|code| code.code().to_owned()).unwrap_or_default();
    if code == "53100" {
        return Error::new(base::Status::NoRoom, "store-full", "the disk is full; nothing was written")
            .hint("make room where the database lies; reading goes on, and writing resumes by itself")
            .retry_after(30)
            .because(told);
    }
    // Classes of SQLSTATE: none from the server, connection, resources, operator intervention, system.
    let away = ["", "08", "53", "57", "58"].contains(&code.get(..2).unwrap_or(""));
    if away { unavailable().because(told) } else { Error::internal(told) }
}

/// The pool has no connection to give.
pub fn pool(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) => explained(error),
        error => unavailable().because(error),
    }
}

/// The server does not answer.
pub fn unavailable() -> Error {
    Error::unavailable("store-unavailable", "the store cannot be reached just now")
        .hint("try again; if it stays, look at the server's log")
        .retry_after(5)
}
