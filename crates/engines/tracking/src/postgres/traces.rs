//! Traces in the database: what is decided in memory, written and read by the shared statements.

use base::{Error, Result};
use deadpool_postgres::Pool;
use ports::tracking::{
    Piece,
    trace::{
        self, Search, Span, Trace,
        measure::{Measure, Point},
    },
};
use store_sql::{Dialect::Postgres, Param, Sql};
use tokio_postgres::{
    Client, GenericClient, Row,
    types::{ToSql, Type},
};

use super::connect::{explained, pool};
use crate::trace::{self as kept, Act, measure, select, statement};

fn values(sql: &Sql) -> Vec<(&(dyn ToSql + Sync), Type)> {
    sql.params.iter().map(value).collect()
}

fn value(param: &Param) -> (&(dyn ToSql + Sync), Type) {
    match param {
        Param::Text(text) => (text, Type::TEXT),
        Param::Int(number) => (number, Type::INT8),
        Param::Real(number) => (number, Type::FLOAT8),
        Param::Ints(numbers) => (numbers, Type::INT8_ARRAY),
        Param::NoText => (&None::<String>, Type::TEXT),
        Param::NoInt => (&None::<i64>, Type::INT8),
        Param::NoReal => (&None::<f64>, Type::FLOAT8),
    }
}

async fn rows(client: &impl GenericClient, sql: &Sql) -> Result<Vec<Row>> {
    client.query_typed(&sql.text, &values(sql)).await.map_err(explained)
}

async fn execute(client: &impl GenericClient, statements: Vec<Sql>) -> Result<()> {
    for sql in &statements {
        rows(client, sql).await?;
    }
    Ok(())
}

/// Does something with traces; a refusal writes nothing.
pub async fn perform(client: &Client, act: &Act) -> Result<Result<u64>> {
    if let Err(refusal) = kept::admit(act) {
        return Ok(Err(refusal));
    }
    match act {
        Act::Begin(told) => {
            let known = record(client, &told.org, &told.id).await?.map(|(_, trace)| trace);
            keep(client, kept::begun(known, (**told).clone())).await
        }
        Act::Spans(told) => {
            for told in told {
                if let Err(refusal) = keep_spans(client, told).await? {
                    return Ok(Err(refusal));
                }
            }
            Ok(Ok(told.len() as u64))
        }
        Act::Edit(org, id, edit) => match record(client, org, id).await? {
            Some((_, trace)) => keep(client, kept::edited(trace, edit.clone())).await,
            None => keep(client, kept::awaited(org, id, edit).ok_or_else(|| trace::unknown(id))).await,
        },
        Act::Forget(org, experiment, which) => {
            let mut numbers: Vec<i64> = Vec::new();
            for sql in statement::chosen(Postgres, org, experiment.as_str(), which) {
                numbers.extend(rows(client, &sql).await?.iter().map(|row| row.get::<_, i64>(0)));
            }
            execute(client, statement::forget(Postgres, &numbers)).await?;
            Ok(Ok(numbers.len() as u64))
        }
    }
}

async fn keep(client: &Client, trace: Result<Trace>) -> Result<Result<u64>> {
    let trace = match trace {
        Ok(trace) => trace,
        Err(refusal) => return Ok(Err(refusal)),
    };
    write(client, &trace).await?;
    Ok(Ok(1))
}

async fn write(client: &Client, trace: &Trace) -> Result<i64> {
    let found = rows(client, &statement::put(Postgres, trace)?).await?;
    let number = found.first().ok_or_else(|| Error::internal("a trace has no number"))?.get(0);
    execute(client, statement::index(Postgres, number, trace)).await?;
    Ok(number)
}

async fn keep_spans(client: &Client, told: &trace::Spans) -> Result<Result<u64>> {
    let known = record(client, &told.org, &told.trace).await?;
    let before = match &known {
        Some((number, _)) => facts(client, *number).await?,
        None => Vec::new(),
    };
    let trace = match kept::with_spans(known.map(|(_, trace)| trace), &before, told) {
        Ok(trace) => trace,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let number = write(client, &trace).await?;
    execute(client, statement::put_spans(Postgres, number, &told.spans)?).await?;
    Ok(Ok(told.spans.len() as u64))
}

async fn facts(client: &Client, number: i64) -> Result<Vec<Span>> {
    let found = rows(client, &statement::facts(Postgres, number)).await?;
    found.iter().map(|row| statement::span(row.get(0), String::new())).collect()
}

fn traces(found: &[Row]) -> Result<Vec<(i64, Trace)>> {
    found.iter().map(|row| Ok((row.get(0), kept::read(row.get(2))?))).collect()
}

async fn record(client: &Client, org: &str, id: &str) -> Result<Option<(i64, Trace)>> {
    let found = rows(client, &statement::find(Postgres, org, &[id.to_owned()])).await?;
    Ok(traces(&found)?.pop())
}

/// Takes in traces and spans of an export.
pub async fn import(client: &Client, pieces: &[Piece]) -> Result<()> {
    for piece in pieces {
        match piece {
            Piece::Trace(trace) => drop(write(client, trace).await?),
            Piece::Spans(org, id, spans) => {
                if let Some((number, _)) = record(client, org, id).await? {
                    execute(client, statement::put_spans(Postgres, number, spans)?).await?;
                }
            }
            Piece::Run(_) | Piece::Logged(..) | Piece::File(..) => {}
        }
    }
    Ok(())
}

async fn ask(readers: &Pool, sql: &Sql) -> Result<Vec<Row>> {
    let client = readers.get().await.map_err(pool)?;
    rows(&**client, sql).await
}

/// Traces by identifier.
pub async fn by_id(readers: &Pool, org: &str, ids: &[String]) -> Result<Vec<Trace>> {
    let mut found = Vec::new();
    for ids in statement::pieces(ids) {
        found.extend(traces(&ask(readers, &statement::find(Postgres, org, ids)).await?)?);
    }
    Ok(found.into_iter().map(|(_, trace)| trace).collect())
}

/// The spans of a trace.
pub async fn spans(readers: &Pool, org: &str, id: &str) -> Result<Vec<Span>> {
    let found = ask(readers, &statement::spans(Postgres, org, id)).await?;
    found.iter().map(|row| statement::span(row.get(0), row.get(1))).collect()
}

/// The traces of a page.
pub async fn find(readers: &Pool, search: Search) -> Result<Vec<Trace>> {
    let found = ask(readers, &select::page(Postgres, &search)?).await?;
    Ok(traces(&found)?.into_iter().map(|(_, trace)| trace).collect())
}

/// How many traces a search finds.
pub async fn count(readers: &Pool, search: Search) -> Result<u64> {
    let found = ask(readers, &select::count(Postgres, &search)?).await?;
    Ok(found.first().map_or(0, |row| row.get::<_, i64>(0)).unsigned_abs())
}

/// What is counted and measured over traces.
pub async fn measure(readers: &Pool, measured: Measure) -> Result<Vec<Point>> {
    let found = ask(readers, &measure::points(Postgres, &measured)?).await?;
    let (times, by) = (usize::from(measured.every_ms.is_some()), measured.by.len());
    let point = |row: &Row| Point {
        at_ms: (times == 1).then(|| row.get(0)),
        by: (times..times + by).map(|at| row.get(at)).collect(),
        values: (0..measured.aggregates.len()).map(|at| row.get(times + by + at)).collect(),
    };
    Ok(found.iter().map(point).collect())
}

/// Traces by number.
pub async fn scan(readers: &Pool, after: i64, limit: u32) -> Result<Vec<(i64, Trace)>> {
    traces(&ask(readers, &statement::scan(Postgres, after, limit)).await?)
}
