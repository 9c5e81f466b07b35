//! Rows of a database that somebody else keeps, as JSON: a file of SQLite, or PostgreSQL. It only reads.
//!
//! Parameters are texts, `$1` to `$9`, and stand in a query in the order of their numbers; where a number is meant, the
//! query says so: `CAST(CAST($1 AS TEXT) AS INTEGER)`, which both databases understand.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base::{Error, Result};
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, types::ToSql};

/// How long a connection waits for a lock, or to be made.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database.
pub struct Database(Kind);

enum Kind {
    Sqlite(Mutex<Connection>),
    // The runtime drives the connection, and only while something is asked.
    Postgres(Mutex<(Runtime, Client)>),
}

impl Database {
    /// Opens one: `sqlite:///relative.db`, `sqlite:////absolute.db`, or `postgresql://USER:PASSWORD@HOST/NAME`. A driver
    /// behind a `+`, as SQLAlchemy has it, is passed over.
    ///
    /// # Errors
    /// `invalid-database-url` and `database-unreadable`.
    pub fn open(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        match scheme.split('+').next().unwrap_or_default() {
            "sqlite" => Self::sqlite(Path::new(rest.strip_prefix('/').unwrap_or(rest))),
            "postgres" | "postgresql" => Self::postgres(&format!("postgresql://{rest}")),
            _ => Err(wrong()),
        }
    }

    fn sqlite(file: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(file, flags).and_then(|it| {
            it.busy_timeout(PATIENCE)?;
            it.pragma_update(None, "query_only", true)?;
            // The file may be anything; this reads its head.
            it.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
            Ok(it)
        });
        let message = |_: &rusqlite::Error| format!("`{}` is no readable file of SQLite", file.display());
        opened
            .map(|it| Self(Kind::Sqlite(Mutex::new(it))))
            .map_err(|error| unreadable(message(&error)).because(error))
    }

    /// The same from settings as `key=value` pairs, or a URL.
    ///
    /// # Errors
    /// As above.
    pub fn postgres(settings: &str) -> Result<Self> {
        let mut config: tokio_postgres::Config = settings.parse().map_err(|_| wrong())?;
        config.connect_timeout(PATIENCE).application_name("aic import");
        config.options("-c default_transaction_read_only=on");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::internal)?;
        let failed = |error| unreadable("the database cannot be reached".to_owned()).because(error);
        let client = runtime.block_on(async {
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            // It ends with the client, and whoever asks is told why.
            tokio::spawn(async move { drop(connection.await) });
            Ok::<Client, Error>(client)
        })?;
        Ok(Self(Kind::Postgres(Mutex::new((runtime, client)))))
    }

    /// The rows of a query, each a JSON object by the names of its columns.
    ///
    /// # Errors
    /// `database-unreadable`.
    pub fn rows(&self, query: &str, texts: &[&str]) -> Result<Vec<Value>> {
        match &self.0 {
            Kind::Sqlite(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                sqlite_rows(&connection, query, texts).map_err(|error| {
                    unreadable("a query was refused".to_owned()).because(format!("{error}: {query}"))
                })
            }
            Kind::Postgres(held) => {
                let held = held.lock().unwrap_or_else(PoisonError::into_inner);
                let (runtime, client) = &*held;
                let query = format!("SELECT row_to_json(t)::text FROM ({query}) t");
                let texts: Vec<&(dyn ToSql + Sync)> = texts.iter().map(|text| text as _).collect();
                let rows = runtime.block_on(client.query(&query, &texts));
                let rows = rows.map_err(|error| {
                    unreadable("a query was refused".to_owned()).because(format!("{error:?}: {query}"))
                })?;
                rows.iter().map(|row| serde_json::from_str(row.get(0)).map_err(Error::internal)).collect()
            }
        }
    }

    /// The columns of a table; none where there is no such table.
    ///
    /// # Errors
    /// `database-unreadable`.
    pub fn columns(&self, table: &str) -> Result<Vec<String>> {
        let query = match &self.0 {
            Kind::Sqlite(_) => "SELECT name FROM pragma_table_info($1)",
            Kind::Postgres(_) => {
                "SELECT column_name::text AS name FROM information_schema.columns WHERE table_name = $1 AND table_schema = ANY (current_schemas(false))"
            }
        };
        let rows = self.rows(query, &[table])?;
        Ok(rows.iter().filter_map(|row| row["name"].as_str().map(str::to_owned)).collect())
    }
}

fn sqlite_rows(connection: &Connection, query: &str, texts: &[&str]) -> rusqlite::Result<Vec<Value>> {
    let mut statement = connection.prepare_cached(query)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query(rusqlite::params_from_iter(texts))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mut fields = Map::new();
        for (at, name) in names.iter().enumerate() {
            fields.insert(name.clone(), shown(row.get_ref(at)?));
        }
        all.push(Value::Object(fields));
    }
    Ok(all)
}

fn shown(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        // SQLite has no word for what is no number, but for the infinite.
        ValueRef::Real(number) if number.is_infinite() => {
            json!(if number > 0.0 { "Infinity" } else { "-Infinity" })
        }
        ValueRef::Real(number) => json!(number),
        ValueRef::Text(text) | ValueRef::Blob(text) => json!(String::from_utf8_lossy(text)),
    }
}

fn wrong() -> Error {
    Error::invalid("invalid-database-url", "the database URL cannot be understood")
        .hint("write `sqlite:///mlflow.db` or `postgresql://user:password@host:5432/name`")
}

fn unreadable(message: String) -> Error {
    Error::unavailable("database-unreadable", message).hint("is it there, and may you read it?")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILL: &str = "CREATE TABLE t (a integer, b text, c double precision); \
        INSERT INTO t VALUES (1, 'x', 0.1), (2, 'ü', 1.7976931348623157e308), (3, NULL, NULL)";

    fn reads(database: &Database) {
        let query = "SELECT a, b, c FROM t WHERE a >= CAST(CAST($1 AS TEXT) AS INTEGER) AND (b = $2 OR b IS NULL) ORDER BY a";
        let rows = database.rows(query, &["2", "ü"]).unwrap();
        assert_eq!(rows, [json!({"a": 2, "b": "ü", "c": f64::MAX}), json!({"a": 3, "b": null, "c": null})]);
        assert_eq!(database.columns("t").unwrap().len(), 3);
        assert_eq!(database.columns("nothing").unwrap().len(), 0);
        assert_eq!(database.rows("SELECT wrong", &[]).unwrap_err().code(), "database-unreadable");
        assert!(database.rows("DELETE FROM t", &[]).is_err());
    }

    #[test]
    fn a_file_of_sqlite_is_read_and_never_written() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("m.db");
        Connection::open(&file).unwrap().execute_batch(FILL).unwrap();
        reads(&Database::open(&format!("sqlite:///{}", file.display())).unwrap());
        std::fs::write(&file, "no database, and longer than the head of one by far".repeat(9)).unwrap();
        let url = format!("sqlite:///{}", file.display());
        assert_eq!(Database::open(&url).err().unwrap().code(), "database-unreadable");
        assert_eq!(Database::open("mysql://x").err().unwrap().code(), "invalid-database-url");
    }

    #[test]
    fn postgresql_is_read_and_never_written() {
        let server = match testing::postgres::Server::start() {
            Ok(server) => server,
            Err(why) => {
                eprintln!("skipped: {why}");
                return;
            }
        };
        let settings = server.database();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&settings, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(FILL).await.unwrap();
        });
        reads(&Database::postgres(&settings).unwrap());
    }
}
