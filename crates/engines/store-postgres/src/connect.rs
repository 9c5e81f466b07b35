//! Reaching the server: settings, the pool of connections that read, and the layout brought up to date.

use std::{str::FromStr, time::Duration};

use base::{Error, Result};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use store_sql::MIGRATIONS;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use crate::fail;

/// How many connections read at once.
const READERS: usize = 8;

/// How long it may take to connect, or to be given a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every question here is made to walk an index. Plans that read or sort whole tables look cheap to
/// the planner as long as it has no statistics, and a plan kept from when a table was small takes
/// any index for as good as another.
const PLANNER: &str = "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off \
                       -c enable_mergejoin=off -c enable_material=off -c enable_sort=off -c jit=off \
                       -c plan_cache_mode=force_custom_plan \
                       -c synchronous_commit=on";

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
        None => PLANNER.to_string(),
    };
    config.options(options).connect_timeout(PATIENCE);
    if config.get_application_name().is_none() {
        config.application_name("aic");
    }
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
    let mut line = Line::open(config).await.map_err(fail::explained)?;
    steps(&mut line.client).await
}

async fn steps(client: &mut Client) -> Result<()> {
    // The number names this lock among all advisory locks of the database; it ends with the connection.
    client
        .batch_execute(
            "SELECT pg_advisory_lock(4702394921427); SET client_min_messages = warning; \
             CREATE TABLE IF NOT EXISTS migrations (number bigint PRIMARY KEY)",
        )
        .await
        .map_err(fail::explained)?;
    let found = client
        .query_one("SELECT coalesce(max(number), 0) FROM migrations", &[])
        .await
        .map_err(fail::explained)?;
    let (found, known): (i64, i64) = (found.get(0), MIGRATIONS.len() as i64);
    if found > known {
        return Err(Error::conflict(
            "store-too-new",
            format!("the store has layout {found}, and this version knows up to {known}"),
        )
        .hint("start the version that wrote it, or a later one"));
    }
    for step in MIGRATIONS.iter().filter(|step| step.number > found) {
        let run = async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(step.postgres).await?;
            let mark = "INSERT INTO migrations (number) VALUES ($1)";
            transaction.execute(mark, &[&step.number]).await?;
            transaction.commit().await
        };
        run.await.map_err(fail::explained)?;
    }
    Ok(())
}
