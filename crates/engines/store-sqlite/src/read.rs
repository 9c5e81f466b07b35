//! Every question the store answers, on a connection that only reads.

use std::{cmp::Ordering, collections::HashMap};

use base::{Error, Result, Time, Uid};
use kernel::{
    journal::Change,
    store::{ChangeQuery, Kept, Outdated, Projects, Query, Record},
};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};
use store_sql::{CHANGE_COLUMNS, Dialect, Leg, Param, RECORD_COLUMNS, ROWS_MAX, Range, Row, Sql};

/// A range with at most so many terms is read whole and sorted.
const NARROW: u32 = 1_000;

struct Line<'a>(&'a rusqlite::Row<'a>);

impl Row for Line<'_> {
    fn text(&self, column: usize) -> Result<String> {
        self.0.get(column).map_err(Error::internal)
    }

    fn int(&self, column: usize) -> Result<i64> {
        self.0.get(column).map_err(Error::internal)
    }

    fn maybe_int(&self, column: usize) -> Result<Option<i64>> {
        self.0.get(column).map_err(Error::internal)
    }

    fn bytes(&self, column: usize) -> Result<Vec<u8>> {
        self.0.get(column).map_err(Error::internal)
    }
}

fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    store_sql::record_row(&Line(row)).map_err(undecodable)
}

fn change(row: &rusqlite::Row<'_>) -> rusqlite::Result<Change> {
    store_sql::change(&Line(row)).map_err(undecodable)
}

fn undecodable(error: Error) -> rusqlite::Error {
    let why = format!("{error:?}");
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Null, why.into())
}

fn values(sql: &Sql) -> Vec<Value> {
    let value = |param: &Param| match param {
        Param::Text(text) => Value::Text(text.clone()),
        Param::Int(number) => Value::Integer(*number),
        Param::Real(number) => Value::Real(*number),
        Param::NoText | Param::NoInt | Param::NoReal => Value::Null,
        // Only PostgreSQL has lists of numbers.
        Param::Ints(_) => Value::Null,
    };
    sql.params.iter().map(value).collect()
}

/// Proves that the file can be read.
pub fn ping(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("SELECT count(*) FROM counters", [], |_| Ok(()))
}

/// A living object by organization, kind, project and name.
pub fn by_name(db: &Connection, path: [&str; 4]) -> rusqlite::Result<Option<Record>> {
    let text = format!(
        "SELECT {RECORD_COLUMNS} FROM scopes s CROSS JOIN objects o INDEXED BY objects_name \
         ON o.scope = s.id WHERE s.org = ?1 AND s.kind = ?2 AND s.project = ?3 AND o.name = ?4 \
         AND o.deleted IS NULL"
    );
    db.prepare_cached(&text)?.query_row(params_from_iter(path), record).optional()
}

/// An object by uid.
pub fn by_uid(db: &Connection, uid: &str) -> rusqlite::Result<Option<Record>> {
    let text = format!(
        "SELECT {RECORD_COLUMNS} FROM objects o CROSS JOIN scopes s ON s.id = o.scope WHERE o.uid = ?1"
    );
    db.prepare_cached(&text)?.query_row([uid], record).optional()
}

/// Those of some objects that are there.
pub fn by_uids(db: &Connection, uids: Vec<Uid>) -> rusqlite::Result<HashMap<String, Record>> {
    let mut found = HashMap::new();
    for uid in uids {
        if !found.contains_key(uid.as_str())
            && let Some(record) = by_uid(db, uid.as_str())?
        {
            found.insert(uid.as_str().to_string(), record);
        }
    }
    Ok(found)
}

/// A page of objects.
pub fn list(db: &Connection, query: &Query) -> rusqlite::Result<Vec<Record>> {
    let snapshot = db.unchecked_transaction()?;
    let scopes = scopes(&snapshot, query)?;
    let limit = query.limit.min(ROWS_MAX) as usize;
    let mut found: Vec<(Standing, Record)> = Vec::new();
    for leg in store_sql::legs(query, None) {
        let mut page = Page { query, best: Vec::new(), limit: limit - found.len() };
        for scope in &scopes {
            page.read(&snapshot, &leg, *scope)?;
        }
        found.append(&mut page.best);
        if found.len() >= limit {
            break;
        }
    }
    Ok(found.into_iter().map(|(_, record)| record).collect())
}

type Standing = (Value, String);

/// The best rows so far, over several scopes.
struct Page<'a> {
    query: &'a Query,
    best: Vec<(Standing, Record)>,
    limit: usize,
}

impl Page<'_> {
    /// Reads a scope as far as its rows are better than the worst at hand.
    fn read(&mut self, db: &Connection, leg: &Leg, scope: i64) -> rusqlite::Result<()> {
        let narrow = match leg {
            Leg::Walk | Leg::Equal(_) => shortest(db, self.query, scope)?,
            Leg::Terms(..) | Leg::Missing(_) | Leg::Narrow(_) => None,
        };
        let narrow = narrow.map(Leg::Narrow);
        let leg = narrow.as_ref().unwrap_or(leg);
        let sql = store_sql::page(Dialect::Sqlite, self.query, leg, &[scope], self.limit as u32);
        let mut statement = db.prepare_cached(&sql.text)?;
        let mut rows = statement.query(params_from_iter(values(&sql)))?;
        while let Some(row) = rows.next()? {
            let place = (row.get("place")?, row.get("uid")?);
            let at = self.best.partition_point(|(other, _)| self.order(other, &place) == Ordering::Less);
            if at >= self.limit {
                break;
            }
            self.best.insert(at, (place, record(row)?));
            self.best.truncate(self.limit);
        }
        Ok(())
    }

    fn order(&self, left: &Standing, right: &Standing) -> Ordering {
        let by_place = match (&left.0, &right.0) {
            (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
            (Value::Text(left), Value::Text(right)) => left.cmp(right),
            _ => Ordering::Equal,
        };
        let order = by_place.then_with(|| left.1.cmp(&right.1));
        if self.query.sort.descending { order.reverse() } else { order }
    }
}

/// The shortest range the filter confines its objects to, if one is short.
fn shortest(db: &Connection, query: &Query, scope: i64) -> rusqlite::Result<Option<Range>> {
    let mut shortest = None;
    let mut least = NARROW;
    for range in store_sql::ranges(query) {
        let sql = store_sql::probe(Dialect::Sqlite, scope, &range, least + 1);
        let found: u32 =
            db.prepare_cached(&sql.text)?.query_row(params_from_iter(values(&sql)), |row| row.get(0))?;
        if found <= least {
            least = found;
            shortest = Some(range);
        }
    }
    Ok(shortest)
}

/// The numbers of the scopes a query is about.
fn scopes(db: &Connection, query: &Query) -> rusqlite::Result<Vec<i64>> {
    let text = match &query.org {
        Some(_) => "SELECT id, project FROM scopes WHERE kind = ?1 AND org = ?2",
        None => "SELECT id, project FROM scopes WHERE kind = ?1",
    };
    let asked = std::iter::once(&query.kind).chain(&query.org);
    let mut statement = db.prepare_cached(text)?;
    let mut rows = statement.query(params_from_iter(asked))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let project: String = row.get(1)?;
        let wanted = match &query.projects {
            Projects::All => true,
            Projects::These(these) => these.contains(&project),
        };
        if wanted {
            found.push(row.get(0)?);
        }
    }
    Ok(found)
}

/// How many objects a query finds.
pub fn count(db: &Connection, query: &Query) -> rusqlite::Result<u64> {
    let snapshot = db.unchecked_transaction()?;
    let mut sum = 0;
    for scope in scopes(&snapshot, query)? {
        let sql = store_sql::count(Dialect::Sqlite, query, scope);
        sum += snapshot
            .prepare_cached(&sql.text)?
            .query_row(params_from_iter(values(&sql)), |row| row.get::<_, i64>(0))?;
    }
    Ok(sum as u64)
}

/// The journal behind a position.
pub fn changes(db: &Connection, after: u64, limit: u32) -> rusqlite::Result<Vec<Change>> {
    let text =
        format!("SELECT {CHANGE_COLUMNS} FROM changes c WHERE c.position > ?1 ORDER BY c.position LIMIT ?2");
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    db.prepare_cached(&text)?.query_map(params![after, limit.min(ROWS_MAX)], change)?.collect()
}

/// Entries of the journal, newest first.
pub fn history(db: &Connection, query: &ChangeQuery) -> rusqlite::Result<Vec<Change>> {
    let sql = store_sql::history(Dialect::Sqlite, query);
    db.prepare_cached(&sql.text)?.query_map(params_from_iter(values(&sql)), change)?.collect()
}

/// Entries that may be emptied, oldest first.
pub fn outdated(db: &Connection, which: &Outdated) -> rusqlite::Result<Vec<Change>> {
    let sql = store_sql::outdated(Dialect::Sqlite, which);
    db.prepare_cached(&sql.text)?.query_map(params_from_iter(values(&sql)), change)?.collect()
}

/// A kept value that has not expired.
pub fn kept(db: &Connection, space: &str, key: &str, now: Time) -> rusqlite::Result<Option<String>> {
    db.prepare_cached(
        "SELECT value FROM kept WHERE space = ?1 AND key = ?2 AND (expires IS NULL OR expires > ?3)",
    )?
    .query_row(params![space, key, now.micros()], |row| row.get(0))
    .optional()
}

/// Every kept value of a space, or of all.
pub fn kept_all(db: &Connection, space: Option<&str>) -> rusqlite::Result<Vec<Kept>> {
    db.prepare_cached(
        "SELECT space, key, value, expires FROM kept WHERE ?1 IS NULL OR space = ?1 ORDER BY space, key",
    )?
    .query_map([space], |row| {
        Ok(Kept {
            space: row.get(0)?,
            key: row.get(1)?,
            value: row.get(2)?,
            expires: row.get::<_, Option<i64>>(3)?.map(Time::from_micros),
            unless_kept: None,
        })
    })?
    .collect()
}

/// Entries of a stream.
pub fn stream(db: &Connection, stream: &str, from: u64, limit: u32) -> rusqlite::Result<Vec<(u64, String)>> {
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    db.prepare_cached(
        "SELECT number, entry FROM streams WHERE stream = ?1 AND number >= ?2 ORDER BY number LIMIT ?3",
    )?
    .query_map(params![stream, from, limit.min(ROWS_MAX)], |row| {
        Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))
    })?
    .collect()
}

/// Names of streams, each found by one look into the index.
pub fn streams(db: &Connection, prefix: &str, after: String, limit: u32) -> rusqlite::Result<Vec<String>> {
    let snapshot = db.unchecked_transaction()?;
    let mut names: Vec<String> = Vec::new();
    let mut next =
        snapshot.prepare_cached("SELECT min(stream) FROM streams WHERE stream > ?1 AND stream >= ?2")?;
    let mut last = after;
    while names.len() < limit.min(ROWS_MAX) as usize {
        let found: Option<String> = next.query_row(params![last, prefix], |row| row.get(0))?;
        match found {
            Some(name) if name.starts_with(prefix) => {
                names.push(name.clone());
                last = name;
            }
            Some(_) | None => break,
        }
    }
    drop(next);
    Ok(names)
}
