//! Every question the store answers, on a connection of the pool.

use std::collections::HashMap;

use base::{Error, Result, Time, Uid};
use deadpool_postgres::{Client, Pool};
use kernel::{
    journal::Change,
    store::{ChangeQuery, Kept, Outdated, Projects, Query, Record},
};
use store_sql::{CHANGE_COLUMNS, Dialect, Param, RECORD_COLUMNS, ROWS_MAX, Row, Sql};
use tokio_postgres::{
    GenericClient, Row as Line,
    types::{ToSql, Type},
};

use crate::fail;

struct Columns<'a>(&'a Line);

impl Row for Columns<'_> {
    fn text(&self, column: usize) -> Result<String> {
        self.0.try_get(column).map_err(Error::internal)
    }

    fn int(&self, column: usize) -> Result<i64> {
        self.0.try_get(column).map_err(Error::internal)
    }

    fn maybe_int(&self, column: usize) -> Result<Option<i64>> {
        self.0.try_get(column).map_err(Error::internal)
    }

    fn bytes(&self, column: usize) -> Result<Vec<u8>> {
        self.0.try_get(column).map_err(Error::internal)
    }
}

fn records(rows: &[Line]) -> Result<Vec<Record>> {
    rows.iter().map(|row| store_sql::record_row(&Columns(row))).collect()
}

fn changes_of(rows: &[Line]) -> Result<Vec<Change>> {
    rows.iter().map(|row| store_sql::change(&Columns(row))).collect()
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(Error::internal)
}

async fn client(pool: &Pool) -> Result<Client> {
    pool.get().await.map_err(fail::pool)
}

/// Asks a statement whose text is always the same.
async fn ask(pool: &Pool, text: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Line>> {
    let client = client(pool).await?;
    let statement = client.prepare_cached(text).await.map_err(fail::explained)?;
    client.query(&statement, values).await.map_err(fail::explained)
}

/// Asks a statement made for one question; it is not kept prepared, for there is no end of them.
async fn ask_once(client: &impl GenericClient, sql: &Sql) -> Result<Vec<Line>> {
    let values: Vec<(&(dyn ToSql + Sync), Type)> = sql
        .params
        .iter()
        .map(|param| match param {
            Param::Text(text) => (text as &(dyn ToSql + Sync), Type::TEXT),
            Param::Int(number) => (number as &(dyn ToSql + Sync), Type::INT8),
            Param::Real(number) => (number as &(dyn ToSql + Sync), Type::FLOAT8),
            Param::Ints(numbers) => (numbers as &(dyn ToSql + Sync), Type::INT8_ARRAY),
            Param::NoText => (&None::<String> as &(dyn ToSql + Sync), Type::TEXT),
            Param::NoInt => (&None::<i64> as &(dyn ToSql + Sync), Type::INT8),
            Param::NoReal => (&None::<f64> as &(dyn ToSql + Sync), Type::FLOAT8),
        })
        .collect();
    client.query_typed(&sql.text, &values).await.map_err(fail::explained)
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn rows(limit: u32) -> i64 {
    i64::from(limit.min(ROWS_MAX))
}

/// Proves that the database can be read.
pub async fn ping(pool: &Pool) -> Result<()> {
    head(pool).await.map(drop)
}

/// The last position.
pub async fn head(pool: &Pool) -> Result<u64> {
    let rows = ask(pool, "SELECT position FROM journal_head", &[]).await?;
    Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0)) as u64)
}

/// A living object by organization, kind, project and name.
pub async fn by_name(pool: &Pool, path: [&str; 4]) -> Result<Option<Record>> {
    let text = format!(
        "SELECT {RECORD_COLUMNS} FROM scopes s CROSS JOIN LATERAL (SELECT * FROM objects o \
         WHERE o.living = s.id AND o.name = $4 LIMIT 1) o \
         WHERE s.org = $1 AND s.kind = $2 AND s.project = $3"
    );
    let [org, kind, project, name] = path;
    let rows = ask(pool, &text, &[&org, &kind, &project, &name]).await?;
    Ok(records(&rows)?.pop())
}

/// An object by uid.
pub async fn by_uid(pool: &Pool, uid: &str) -> Result<Option<Record>> {
    let text =
        format!("SELECT {RECORD_COLUMNS} FROM objects o JOIN scopes s ON s.id = o.scope WHERE o.uid = $1");
    let rows = ask(pool, &text, &[&uid]).await?;
    Ok(records(&rows)?.pop())
}

/// Those of some objects that are there.
pub async fn by_uids(pool: &Pool, uids: Vec<Uid>) -> Result<HashMap<String, Record>> {
    let text = format!(
        "SELECT {RECORD_COLUMNS} FROM objects o \
         CROSS JOIN LATERAL (SELECT * FROM scopes s WHERE s.id = o.scope LIMIT 1) s \
         WHERE o.uid = ANY($1)"
    );
    let uids: Vec<&str> = uids.iter().map(Uid::as_str).collect();
    let rows = ask(pool, &text, &[&uids]).await?;
    let found = records(&rows)?.into_iter();
    Ok(found.map(|record| (record.uid.to_string(), record)).collect())
}

/// A page of objects.
pub async fn list(pool: &Pool, query: &Query) -> Result<Vec<Record>> {
    let mut client = client(pool).await?;
    let scopes = scopes(&client, query).await?;
    let legs = store_sql::legs(query, None);
    let limit = query.limit.min(ROWS_MAX);
    let mut found = Vec::new();
    if scopes.is_empty() {
        return Ok(found);
    }
    if let [leg] = legs.as_slice() {
        let sql = store_sql::page(Dialect::Postgres, query, leg, &scopes, limit);
        return records(&ask_once(&**client, &sql).await?);
    }
    // An object must not move from one leg to the other between the questions.
    let snapshot = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
        .map_err(fail::explained)?;
    for leg in &legs {
        let left = limit - found.len() as u32;
        let sql = store_sql::page(Dialect::Postgres, query, leg, &scopes, left);
        found.extend(records(&ask_once(&*snapshot, &sql).await?)?);
        if found.len() >= limit as usize {
            break;
        }
    }
    snapshot.commit().await.map_err(fail::explained)?;
    Ok(found)
}

/// The numbers of the scopes a query is about.
async fn scopes(client: &Client, query: &Query) -> Result<Vec<i64>> {
    let statement = client
        .prepare_cached(
            "SELECT id FROM scopes WHERE kind = $1 AND ($2::text IS NULL OR org = $2) \
             AND ($3::text[] IS NULL OR project = ANY($3))",
        )
        .await
        .map_err(fail::explained)?;
    let projects = match &query.projects {
        Projects::All => None,
        Projects::These(these) => Some(these),
    };
    let rows =
        client.query(&statement, &[&query.kind, &query.org, &projects]).await.map_err(fail::explained)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// How many objects a query finds.
pub async fn count(pool: &Pool, query: &Query) -> Result<u64> {
    let client = client(pool).await?;
    let scopes = scopes(&client, query).await?;
    let mut sum = 0;
    for scope in scopes {
        let sql = store_sql::count(Dialect::Postgres, query, scope);
        let rows = ask_once(&**client, &sql).await?;
        sum += rows.first().map_or(0, |row| row.get::<_, i64>(0));
    }
    Ok(sum as u64)
}

/// The journal behind a position.
pub async fn changes(pool: &Pool, after: u64, limit: u32) -> Result<Vec<Change>> {
    let text =
        format!("SELECT {CHANGE_COLUMNS} FROM changes c WHERE c.position > $1 ORDER BY c.position LIMIT $2");
    changes_of(&ask(pool, &text, &[&whole(after), &rows(limit)]).await?)
}

/// Entries of the journal, newest first.
pub async fn history(pool: &Pool, query: &ChangeQuery) -> Result<Vec<Change>> {
    let sql = store_sql::history(Dialect::Postgres, query);
    changes_of(&ask_once(&**client(pool).await?, &sql).await?)
}

/// Entries that may be emptied, oldest first.
pub async fn outdated(pool: &Pool, which: &Outdated) -> Result<Vec<Change>> {
    let sql = store_sql::outdated(Dialect::Postgres, which);
    changes_of(&ask_once(&**client(pool).await?, &sql).await?)
}

/// A kept value that has not expired.
pub async fn kept(pool: &Pool, space: &str, key: &str, now: Time) -> Result<Option<String>> {
    let sql = "SELECT value FROM kept WHERE space = $1 AND key = $2 AND (expires IS NULL OR expires > $3)";
    let rows = ask(pool, sql, &[&space, &key, &now.micros()]).await?;
    rows.first().map(|row| text(row.get(0))).transpose()
}

/// Every kept value of a space, or of all.
pub async fn kept_all(pool: &Pool, space: Option<&str>) -> Result<Vec<Kept>> {
    let sql = "SELECT space, key, value, expires FROM kept \
               WHERE $1::text IS NULL OR space = $1 ORDER BY space, key";
    let rows = ask(pool, sql, &[&space]).await?;
    let kept = rows.iter().map(|row| {
        Ok(Kept {
            space: row.get(0),
            key: row.get(1),
            value: text(row.get(2))?,
            expires: row.get::<_, Option<i64>>(3).map(Time::from_micros),
            unless_kept: None,
        })
    });
    kept.collect()
}

/// Entries of a stream.
pub async fn stream(pool: &Pool, stream: &str, from: u64, limit: u32) -> Result<Vec<(u64, String)>> {
    let sql = "SELECT number, entry FROM streams WHERE stream = $1 AND number >= $2 \
               ORDER BY number LIMIT $3";
    let rows = ask(pool, sql, &[&stream, &whole(from), &rows(limit)]).await?;
    let entry = |row: &Line| Ok((row.get::<_, i64>(0) as u64, text(row.get(1))?));
    rows.iter().map(entry).collect()
}

/// Names of streams, each found by one look into the index.
pub async fn streams(pool: &Pool, prefix: &str, after: &str, limit: u32) -> Result<Vec<String>> {
    let sql = "WITH RECURSIVE found AS ( \
                 (SELECT stream FROM streams WHERE stream > $1 AND stream >= $2 ORDER BY stream LIMIT 1) \
                 UNION ALL \
                 SELECT (SELECT s.stream FROM streams s WHERE s.stream > found.stream ORDER BY s.stream LIMIT 1) \
                 FROM found WHERE starts_with(found.stream, $2) \
               ) SELECT stream FROM found WHERE starts_with(stream, $2) LIMIT $3";
    let rows = ask(pool, sql, &[&after, &prefix, &rows(limit)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
