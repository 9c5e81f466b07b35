//! The statements that keep and read traces, for both sorts of tables: text of ours, values beside it.

use base::{Digest, Error, Result};
use ports::tracking::trace::{SESSION, SOURCE_RUN, Span, Trace, Which};
use store_sql::{Dialect, Param, Sql};

use super::{is_of_session, number_of, value_of, written};

/// Rows of one statement at most: each has several values, and a statement may have some thousands of them.
const ROWS: usize = 500;

/// What a row of `trace_pairs` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// A tag.
    Tag,
    /// Metadata.
    Metadata,
    /// A run, by its key.
    Run,
    /// A version of a prompt, by its key.
    Prompt,
}

impl Pair {
    /// Its number in the table.
    pub fn number(self) -> &'static str {
        match self {
            Self::Tag => "0",
            Self::Metadata => "1",
            Self::Run => "2",
            Self::Prompt => "3",
        }
    }
}

/// The name of a table.
pub fn table(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::Sqlite => name.to_owned(),
        Dialect::Postgres => format!("tracking_{name}"),
    }
}

/// A conversation's text, short enough for an index whatever it is; it is only compared.
pub fn session_of(trace: &Trace) -> Option<String> {
    trace.metadata.get(SESSION).map(|text| Digest::of(text.as_bytes()).to_string())
}

fn list(sql: &mut Sql, texts: &[String]) -> String {
    texts.iter().map(|text| sql.text(text.as_str())).collect::<Vec<_>>().join(", ")
}

/// Numbers, identifiers and records of traces by identifier; at most [`ROWS`] of them.
pub fn find(dialect: Dialect, org: &str, ids: &[String]) -> Sql {
    let mut sql = Sql::new(dialect);
    let org = sql.text(org);
    let ids = list(&mut sql, ids);
    let traces = table(dialect, "traces");
    sql.push(&format!("SELECT number, id, doc FROM {traces} WHERE org = {org} AND id IN ({ids})"));
    sql
}

/// Identifiers in pieces that fit a statement.
pub fn pieces(ids: &[String]) -> impl Iterator<Item = &[String]> {
    ids.chunks(ROWS)
}

/// Keeps a trace's record; answers its number.
pub fn put(dialect: Dialect, trace: &Trace) -> Result<Sql> {
    let mut sql = Sql::new(dialect);
    let values = [
        sql.text(trace.org.as_str()),
        sql.text(trace.id.as_str()),
        sql.text(trace.experiment.as_str()),
        sql.int(trace.began_ms),
        sql.bind(trace.lasted_ms.map_or(Param::NoInt, Param::Int)),
        sql.text(trace.state.as_str()),
        sql.bind(trace.client.clone().map_or(Param::NoText, Param::Text)),
        sql.bind(session_of(trace).map_or(Param::NoText, Param::Text)),
        sql.text(written(trace)?),
    ];
    sql.push(&format!(
        "INSERT INTO {} (org, id, experiment, began, lasted, state, client, session, doc) VALUES ({}) \
         ON CONFLICT (org, id) DO UPDATE SET experiment = excluded.experiment, began = excluded.began, \
         lasted = excluded.lasted, state = excluded.state, client = excluded.client, session = excluded.session, \
         doc = excluded.doc RETURNING number",
        table(dialect, "traces"),
        values.join(", "),
    ));
    Ok(sql)
}

/// Makes what a trace is searched by the same as its record.
pub fn index(dialect: Dialect, number: i64, trace: &Trace) -> Vec<Sql> {
    let mut all =
        vec![clear(dialect, "trace_pairs", &[number]), clear(dialect, "trace_assessments", &[number])];
    let tags = trace.tags.iter().map(|(key, value)| (Pair::Tag, key.as_str(), value.as_str()));
    let metadata = trace.metadata.iter().map(|(key, value)| (Pair::Metadata, key.as_str(), value.as_str()));
    let made_in = trace.metadata.get(SOURCE_RUN).filter(|run| !trace.runs.contains(*run));
    let runs = trace.runs.iter().chain(made_in).map(|run| (Pair::Run, run.as_str(), ""));
    let prompts = trace.prompts.iter().map(|prompt| (Pair::Prompt, prompt.as_str(), ""));
    let pairs: Vec<_> = tags.chain(metadata).chain(runs).chain(prompts).collect();
    for rows in pairs.chunks(ROWS) {
        let mut sql = Sql::new(dialect);
        let number = sql.int(number);
        let rows: Vec<String> = rows
            .iter()
            .map(|(sort, key, value)| {
                let (key, value) = (sql.text(*key), sql.text(*value));
                format!("({number}, {}, {key}, {value})", sort.number())
            })
            .collect();
        sql.push(&format!("INSERT INTO {} VALUES {}", table(dialect, "trace_pairs"), rows.join(", ")));
        all.push(sql);
    }
    for rows in trace.assessments.chunks(ROWS) {
        let mut sql = Sql::new(dialect);
        let number = sql.int(number);
        let rows: Vec<String> = rows
            .iter()
            .map(|it| {
                let values = [
                    number.clone(),
                    sql.text(it.id.as_str()),
                    sql.text(it.judged.sort().as_str()),
                    sql.text(it.name.as_str()),
                    sql.text(value_of(&it.judged)),
                    sql.bind(number_of(&it.judged).map_or(Param::NoReal, Param::Real)),
                    sql.int(i64::from(it.valid)),
                    sql.int(i64::from(is_of_session(&it.metadata))),
                ];
                format!("({})", values.join(", "))
            })
            .collect();
        sql.push(&format!("INSERT INTO {} VALUES {}", table(dialect, "trace_assessments"), rows.join(", ")));
        all.push(sql);
    }
    all
}

/// Takes rows of traces away.
pub fn clear(dialect: Dialect, name: &str, numbers: &[i64]) -> Sql {
    let mut sql = Sql::new(dialect);
    let numbers: Vec<String> = numbers.iter().map(|number| sql.int(*number)).collect();
    let column = if name == "traces" { "number" } else { "trace" };
    sql.push(&format!("DELETE FROM {} WHERE {column} IN ({})", table(dialect, name), numbers.join(", ")));
    sql
}

/// Takes traces away with all that belongs to them.
pub fn forget(dialect: Dialect, numbers: &[i64]) -> Vec<Sql> {
    let pieces = numbers.chunks(ROWS);
    let tables = ["spans", "trace_assessments", "trace_pairs", "traces"];
    pieces.flat_map(|piece| tables.map(|name| clear(dialect, name, piece))).collect()
}

/// Keeps spans of a trace.
pub fn put_spans(dialect: Dialect, number: i64, spans: &[Span]) -> Result<Vec<Sql>> {
    let mut all = Vec::new();
    for rows in spans.chunks(ROWS) {
        let mut sql = Sql::new(dialect);
        let number = sql.int(number);
        let mut values = Vec::with_capacity(rows.len());
        for span in rows {
            let facts = Span { body: String::new(), ..span.clone() };
            let row = [
                number.clone(),
                sql.text(span.id.as_str()),
                sql.bind(span.parent.clone().map_or(Param::NoText, Param::Text)),
                sql.text(span.name.as_str()),
                sql.bind(span.sort.clone().map_or(Param::NoText, Param::Text)),
                sql.text(span.status.as_str()),
                sql.int(span.began_ns),
                sql.text(serde_json::to_string(&facts).map_err(Error::internal)?),
                sql.text(span.body.as_str()),
            ];
            values.push(format!("({})", row.join(", ")));
        }
        sql.push(&format!(
            "INSERT INTO {} (trace, id, parent, name, sort, status, began, doc, body) VALUES {} \
             ON CONFLICT (trace, id) DO UPDATE SET parent = excluded.parent, name = excluded.name, \
             sort = excluded.sort, status = excluded.status, began = excluded.began, doc = excluded.doc, \
             body = excluded.body",
            table(dialect, "spans"),
            values.join(", "),
        ));
        all.push(sql);
    }
    Ok(all)
}

/// What a trace's spans are without their bodies.
pub fn facts(dialect: Dialect, number: i64) -> Sql {
    let mut sql = Sql::new(dialect);
    let number = sql.int(number);
    sql.push(&format!("SELECT doc FROM {} WHERE trace = {number}", table(dialect, "spans")));
    sql
}

/// A trace's spans: the first one first, then by beginning.
pub fn spans(dialect: Dialect, org: &str, id: &str) -> Sql {
    let mut sql = Sql::new(dialect);
    let (org, id) = (sql.text(org), sql.text(id));
    let (spans, traces) = (table(dialect, "spans"), table(dialect, "traces"));
    sql.push(&format!(
        "SELECT s.doc, s.body FROM {traces} t JOIN {spans} s ON s.trace = t.number WHERE t.org = {org} AND t.id = {id} \
         ORDER BY CASE WHEN s.parent IS NULL THEN 0 ELSE 1 END, s.began, s.id"
    ));
    sql
}

/// A span out of its record and body.
pub fn span(doc: &str, body: String) -> Result<Span> {
    let span: Span = serde_json::from_str(doc).map_err(|error| {
        Error::internal("a span's record in the tracking store is damaged").because(error)
    })?;
    Ok(Span { body, ..span })
}

/// The numbers of traces of an experiment.
pub fn chosen(dialect: Dialect, org: &str, experiment: &str, which: &Which) -> Vec<Sql> {
    let traces = table(dialect, "traces");
    let begin = || {
        let mut sql = Sql::new(dialect);
        let (org, experiment) = (sql.text(org), sql.text(experiment));
        sql.push(&format!("SELECT number FROM {traces} WHERE org = {org} AND experiment = {experiment}"));
        sql
    };
    match which {
        Which::All => vec![begin()],
        Which::Oldest(by_ms, limit) => {
            let mut sql = begin();
            let (by_ms, limit) = (sql.int(*by_ms), sql.int(i64::from(*limit)));
            sql.push(&format!(" AND began <= {by_ms} ORDER BY began, id LIMIT {limit}"));
            vec![sql]
        }
        Which::Named(ids) => pieces(ids)
            .map(|ids| {
                let mut sql = begin();
                let ids = list(&mut sql, ids);
                sql.push(&format!(" AND id IN ({ids})"));
                sql
            })
            .collect(),
    }
}

/// Records by number, after one.
pub fn scan(dialect: Dialect, after: i64, limit: u32) -> Sql {
    let mut sql = Sql::new(dialect);
    let (after, limit) = (sql.int(after), sql.int(i64::from(limit)));
    let traces = table(dialect, "traces");
    sql.push(&format!(
        "SELECT number, id, doc FROM {traces} WHERE number > {after} ORDER BY number LIMIT {limit}"
    ));
    sql
}
