//! Traces in the file: what is decided in memory, written and read by the shared statements.

use base::{Error, Result};
use ports::tracking::{
    Piece,
    trace::{
        self, Search, Span, Trace,
        measure::{Measure, Point},
    },
};
use rusqlite::{
    Connection, Row,
    functions::{Context, FunctionFlags},
    params_from_iter,
    types::Value,
};
use serde_json::Value as Json;
use store_sql::{Dialect::Sqlite, Param, Sql};

use super::apply::Failure;
use crate::{
    column,
    trace::{self as kept, Act, measure, select, statement},
};

type Done<T> = std::result::Result<T, Failure>;

fn values(sql: &Sql) -> impl Iterator<Item = Value> {
    sql.params.iter().map(|param| match param {
        Param::Text(text) => Value::Text(text.clone()),
        Param::Int(number) => Value::Integer(*number),
        Param::Real(number) => Value::Real(*number),
        // Only PostgreSQL has lists of numbers.
        Param::NoText | Param::NoInt | Param::NoReal | Param::Ints(_) => Value::Null,
    })
}

fn rows<T>(
    db: &Connection,
    sql: &Sql,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare_cached(&sql.text)?.query_map(params_from_iter(values(sql)), row)?.collect()
}

fn execute(db: &Connection, statements: Vec<Sql>) -> rusqlite::Result<()> {
    statements
        .iter()
        .try_for_each(|sql| db.prepare_cached(&sql.text)?.execute(params_from_iter(values(sql))).map(drop))
}

/// Does something with traces; a refusal writes nothing.
pub fn perform(db: &Connection, act: &Act) -> Done<Result<u64>> {
    if let Err(refusal) = kept::admit(act) {
        return Ok(Err(refusal));
    }
    match act {
        Act::Begin(told) => {
            let known = record(db, &told.org, &told.id)?.map(|(_, trace)| trace);
            keep(db, kept::begun(known, (**told).clone()))
        }
        Act::Spans(told) => {
            for told in told {
                if let Err(refusal) = keep_spans(db, told)? {
                    return Ok(Err(refusal));
                }
            }
            Ok(Ok(told.len() as u64))
        }
        Act::Edit(org, id, edit) => match record(db, org, id)? {
            Some((_, trace)) => keep(db, kept::edited(trace, edit.clone())),
            None => keep(db, kept::awaited(org, id, edit).ok_or_else(|| trace::unknown(id))),
        },
        Act::Forget(org, experiment, which) => {
            let mut numbers: Vec<i64> = Vec::new();
            for sql in statement::chosen(Sqlite, org, experiment.as_str(), which) {
                numbers.extend(rows(db, &sql, |row| row.get::<_, i64>(0))?);
            }
            execute(db, statement::forget(Sqlite, &numbers))?;
            Ok(Ok(numbers.len() as u64))
        }
    }
}

fn keep(db: &Connection, trace: Result<Trace>) -> Done<Result<u64>> {
    let trace = match trace {
        Ok(trace) => trace,
        Err(refusal) => return Ok(Err(refusal)),
    };
    write(db, &trace)?;
    Ok(Ok(1))
}

fn write(db: &Connection, trace: &Trace) -> Done<i64> {
    let numbers: Vec<i64> = rows(db, &statement::put(Sqlite, trace)?, |row| row.get(0))?;
    let number = numbers.first().copied().ok_or_else(|| Error::internal("a trace has no number"))?;
    execute(db, statement::index(Sqlite, number, trace))?;
    Ok(number)
}

fn keep_spans(db: &Connection, told: &trace::Spans) -> Done<Result<u64>> {
    let known = record(db, &told.org, &told.trace)?;
    let before = match &known {
        Some((number, _)) => facts(db, *number)?,
        None => Vec::new(),
    };
    let trace = match kept::with_spans(known.map(|(_, trace)| trace), &before, told) {
        Ok(trace) => trace,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let number = write(db, &trace)?;
    execute(db, statement::put_spans(Sqlite, number, &told.spans)?)?;
    Ok(Ok(told.spans.len() as u64))
}

fn facts(db: &Connection, number: i64) -> Done<Vec<Span>> {
    let docs: Vec<String> = rows(db, &statement::facts(Sqlite, number), |row| row.get(0))?;
    docs.iter().map(|doc| Ok(statement::span(doc, String::new())?)).collect()
}

fn record(db: &Connection, org: &str, id: &str) -> Done<Option<(i64, Trace)>> {
    let sql = statement::find(Sqlite, org, &[id.to_owned()]);
    let found = rows(db, &sql, |row| Ok((row.get(0)?, row.get::<_, String>(2)?)))?;
    Ok(found.first().map(|(number, doc)| Ok::<_, Error>((*number, kept::read(doc)?))).transpose()?)
}

/// Takes in traces and spans of an export.
pub fn import(db: &Connection, pieces: &[Piece]) -> Done<()> {
    for piece in pieces {
        match piece {
            Piece::Trace(trace) => drop(write(db, trace)?),
            Piece::Spans(org, id, spans) => {
                if let Some((number, _)) = record(db, org, id)? {
                    execute(db, statement::put_spans(Sqlite, number, spans)?)?;
                }
            }
            Piece::Run(_) | Piece::Logged(..) | Piece::File(..) => {}
        }
    }
    Ok(())
}

fn traces(found: Vec<(i64, String)>) -> Result<Vec<(i64, Trace)>> {
    found.into_iter().map(|(number, doc)| Ok((number, kept::read(&doc)?))).collect()
}

fn numbered(db: &Connection, sql: &Sql) -> rusqlite::Result<Vec<(i64, String)>> {
    rows(db, sql, |row| Ok((row.get(0)?, row.get(2)?)))
}

/// Traces by identifier.
pub fn by_id(db: &Connection, org: &str, ids: &[String]) -> rusqlite::Result<Result<Vec<Trace>>> {
    let mut found = Vec::new();
    for ids in statement::pieces(ids) {
        found.extend(numbered(db, &statement::find(Sqlite, org, ids))?);
    }
    Ok(traces(found).map(|found| found.into_iter().map(|(_, trace)| trace).collect()))
}

/// The spans of a trace.
pub fn spans(db: &Connection, org: &str, id: &str) -> rusqlite::Result<Result<Vec<Span>>> {
    let found =
        rows(db, &statement::spans(Sqlite, org, id), |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    Ok(found.into_iter().map(|(doc, body)| statement::span(&doc, body)).collect())
}

/// The traces of a page.
pub fn find(db: &Connection, ask: &Search) -> rusqlite::Result<Result<Vec<Trace>>> {
    let sql = match select::page(Sqlite, ask) {
        Ok(sql) => sql,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ok(traces(numbered(db, &sql)?).map(|found| found.into_iter().map(|(_, trace)| trace).collect()))
}

/// How many traces a search finds.
pub fn count(db: &Connection, ask: &Search) -> rusqlite::Result<Result<u64>> {
    let sql = match select::count(Sqlite, ask) {
        Ok(sql) => sql,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let found: Vec<i64> = rows(db, &sql, |row| row.get(0))?;
    Ok(Ok(found.first().copied().unwrap_or(0).unsigned_abs()))
}

/// What is counted and measured over traces.
pub fn measure(db: &Connection, ask: &Measure) -> rusqlite::Result<Result<Vec<Point>>> {
    let sql = match measure::points(Sqlite, ask) {
        Ok(sql) => sql,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (times, by) = (usize::from(ask.every_ms.is_some()), ask.by.len());
    let point = |row: &Row<'_>| {
        Ok(Point {
            at_ms: if times == 1 { row.get(0)? } else { None },
            by: (times..times + by).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?,
            values: (0..ask.aggregates.len())
                .map(|at| row.get(times + by + at))
                .collect::<rusqlite::Result<_>>()?,
        })
    };
    rows(db, &sql, point).map(Ok)
}

/// Traces by number.
pub fn scan(db: &Connection, after: i64, limit: u32) -> rusqlite::Result<Result<Vec<(i64, Trace)>>> {
    Ok(traces(numbered(db, &statement::scan(Sqlite, after, limit))?))
}

/// Teaches a connection what the searches ask that SQLite does not know.
pub fn teach(db: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function("like_exactly", 2, flags, |cx| {
        Ok(two(cx)?.map(|(text, pattern)| column::like(&text, &pattern)))
    })?;
    db.create_scalar_function("lowered", 1, flags, |cx| {
        Ok(cx.get::<Option<String>>(0)?.map(|text| text.to_lowercase()))
    })?;
    db.create_scalar_function("matches", 2, flags, |cx| {
        let regex = cx.get_or_create_aux(1, |pattern| {
            let pattern = pattern.as_str()?;
            let refused = || format!("`{pattern}` is no regular expression");
            column::regex(pattern).ok_or_else(|| Box::<dyn std::error::Error + Send + Sync>::from(refused()))
        })?;
        Ok(cx.get::<Option<String>>(0)?.map(|text| regex.is_match(&text)))
    })?;
    db.create_scalar_function("counted", 2, flags, |cx| {
        Ok(two(cx)?.and_then(|(told, name)| serde_json::from_str::<Json>(&told).ok()?.get(name)?.as_f64()))
    })?;
    db.create_scalar_function("attribute", 2, flags, |cx| {
        Ok(two(cx)?.and_then(|(body, name)| attribute(&body, &name)))
    })
}

fn two(cx: &Context<'_>) -> rusqlite::Result<Option<(String, String)>> {
    Ok(cx.get::<Option<String>>(0)?.zip(cx.get::<Option<String>>(1)?))
}

/// An attribute of a span's body: the text it is, or its JSON.
fn attribute(body: &str, name: &str) -> Option<String> {
    let body: Json = serde_json::from_str(body).ok()?;
    let told = body.get("attributes")?.get(name)?.as_str()?;
    match serde_json::from_str(told) {
        Ok(Json::String(text)) => Some(text),
        _ => Some(told.to_owned()),
    }
}
