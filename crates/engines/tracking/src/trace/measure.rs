//! A question about many traces as one statement: the values, where each stands among those of its point, the points.

use base::Result;
use ports::tracking::trace::{
    NAME, Place, USAGE,
    measure::{Aggregate, Key, Measure, POINTS_MAX, Quantity, Subject},
};
use store_sql::{Dialect, Param, Sql};

use super::{select, statement::table};

/// The attributes in which clients tell which model a span asked.
const MODEL: &str = "mlflow.llm.model";
const PROVIDER: &str = "mlflow.llm.provider";

/// Points, each a row: when it begins where time is told apart, what it is told apart by, the values.
pub fn points(dialect: Dialect, ask: &Measure) -> Result<Sql> {
    let mut sql = Sql::new(dialect);
    let holds = holds(&mut sql, ask)?;
    let value = value(&mut sql, ask.quantity);
    let mut columns = Vec::new();
    if let Some(every_ms) = ask.every_ms {
        let (every, at) = (sql.int(every_ms), began_ms(ask.quantity.subject()));
        columns.push(format!("{at} - (({at} % {every}) + {every}) % {every}"));
    }
    for by in &ask.by {
        columns.push(key(&mut sql, *by));
    }
    let named: Vec<String> =
        columns.iter().enumerate().map(|(at, column)| format!("{column} AS k{at}")).collect();
    let names: Vec<String> = (0..columns.len()).map(|at| format!("k{at}")).collect();
    let from = from(dialect, ask.quantity.subject());
    let selected = named.into_iter().chain([format!("{value} AS x")]).collect::<Vec<_>>().join(", ");
    let there = names.iter().map(String::as_str).chain(["x"]).map(|name| format!("{name} IS NOT NULL"));
    let there = there.collect::<Vec<_>>().join(" AND ");
    let values: Vec<String> =
        ask.aggregates.iter().map(|it| aggregate(&mut sql, ask.quantity, *it)).collect();
    let answered = names.iter().cloned().chain(values).collect::<Vec<_>>().join(", ");
    let ranked = ranked(ask, &names);
    let limit = sql.int(i64::from(ask.limit.clamp(1, POINTS_MAX)));
    let grouped = match names.is_empty() {
        true => String::new(),
        false => format!("GROUP BY {0} ORDER BY {0} ", names.join(", ")),
    };
    sql.push(&format!(
        "WITH told AS (SELECT {selected} FROM {from} WHERE {holds}), ranked AS (SELECT told.*{ranked} FROM told WHERE {there}) \
         SELECT {answered} FROM ranked {grouped}LIMIT {limit}"
    ));
    Ok(sql)
}

/// Where each value stands among those of its point, for what needs to know.
fn ranked(ask: &Measure, names: &[String]) -> String {
    if !ask.aggregates.iter().any(|it| matches!(it, Aggregate::Percentile(_))) {
        return String::new();
    }
    let part = if names.is_empty() { String::new() } else { format!("PARTITION BY {} ", names.join(", ")) };
    format!(", row_number() OVER ({part}ORDER BY x) - 1 AS place, count(*) OVER ({part}) - 1 AS behind")
}

fn from(dialect: Dialect, subject: Subject) -> String {
    let traces = table(dialect, "traces");
    match subject {
        Subject::Trace => format!("{traces} t"),
        Subject::Span => format!("{traces} t JOIN {} s ON s.trace = t.number", table(dialect, "spans")),
        Subject::Assessment => {
            format!("{traces} t JOIN {} a ON a.trace = t.number", table(dialect, "trace_assessments"))
        }
    }
}

fn began_ms(subject: Subject) -> &'static str {
    match subject {
        Subject::Trace | Subject::Assessment => "t.began",
        Subject::Span => "(s.began / 1000000)",
    }
}

fn holds(sql: &mut Sql, ask: &Measure) -> Result<String> {
    let mut parts = vec![select::within(sql, &ask.traces)];
    parts.extend(select::conditions(sql, &ask.traces)?);
    for (by, text) in &ask.is {
        let (value, text) = (key(sql, *by), sql.text(text.as_str()));
        parts.push(format!("{value} = {text}"));
    }
    if ask.quantity.subject() == Subject::Assessment {
        parts.push("a.valid = 1".to_owned());
    }
    // What a span cost is of its own time; how many there are and how long they take is of their trace's, as in MLflow.
    let at = match ask.quantity {
        Quantity::Cost(_) => began_ms(Subject::Span),
        _ => "t.began",
    };
    for (sign, bound) in [(">=", ask.from_ms), ("<=", ask.until_ms)] {
        if let Some(bound) = bound {
            let bound = sql.int(bound);
            parts.push(format!("{at} {sign} {bound}"));
        }
    }
    Ok(parts.join(" AND "))
}

/// The value as an expression: a number, or a text where only different ones are counted.
fn value(sql: &mut Sql, quantity: Quantity) -> String {
    let number = match quantity {
        Quantity::Conversations => return "t.session".to_owned(),
        Quantity::One(_) => "1".to_owned(),
        Quantity::Lasted(Subject::Span) => {
            let ended = match sql.dialect {
                Dialect::Sqlite => "json_extract(s.doc, '$.ended_ns')",
                Dialect::Postgres => "(s.doc::json ->> 'ended_ns')::bigint",
            };
            format!("({ended} - s.began) / 1000000")
        }
        Quantity::Lasted(_) => "t.lasted".to_owned(),
        Quantity::Tokens(name) => {
            let usage = select::value(sql, &Place::Metadata(USAGE.to_owned()));
            match sql.dialect {
                Dialect::Sqlite => format!("counted({usage}, '{name}')"),
                // What somebody wrote may be no JSON, and then a cast would fail.
                Dialect::Postgres => format!(
                    "substring({usage} from '\"{name}\"\\s*:\\s*(-?[0-9]{{1,18}}(?:\\.[0-9]{{1,18}})?)[\\s,}}]')"
                ),
            }
        }
        Quantity::Cost(name) => match sql.dialect {
            Dialect::Sqlite => format!("json_extract(s.doc, '$.cost.{name}')"),
            Dialect::Postgres => format!("(s.doc::json #>> '{{cost,{name}}}')"),
        },
        Quantity::Judged => {
            let word = "lower(trim(trim(a.value, '\"')))";
            format!(
                "CASE WHEN a.number IS NOT NULL THEN a.number WHEN a.value = 'true' OR {word} = 'yes' THEN 1.0 \
                 WHEN a.value = 'false' OR {word} = 'no' THEN 0.0 END"
            )
        }
    };
    format!("CAST({number} AS DOUBLE PRECISION)")
}

fn key(sql: &mut Sql, key: Key) -> String {
    match key {
        Key::TraceName => select::value(sql, &Place::Tag(NAME.to_owned())),
        Key::TraceState => "t.state".to_owned(),
        Key::SpanName => "s.name".to_owned(),
        Key::SpanSort => "s.sort".to_owned(),
        Key::SpanStatus => "s.status".to_owned(),
        Key::SpanModel => select::attribute(sql, MODEL),
        Key::SpanProvider => select::attribute(sql, PROVIDER),
        Key::AssessmentName => "a.name".to_owned(),
        Key::AssessmentValue => "a.value".to_owned(),
        Key::AssessmentSort => "a.sort".to_owned(),
    }
}

fn aggregate(sql: &mut Sql, quantity: Quantity, aggregate: Aggregate) -> String {
    match aggregate {
        Aggregate::Count if quantity == Quantity::Conversations => {
            "CAST(count(DISTINCT x) AS DOUBLE PRECISION)".to_owned()
        }
        Aggregate::Count => "CAST(count(x) AS DOUBLE PRECISION)".to_owned(),
        Aggregate::Sum => "sum(x)".to_owned(),
        Aggregate::Mean => "avg(x)".to_owned(),
        Aggregate::Least => "min(x)".to_owned(),
        Aggregate::Most => "max(x)".to_owned(),
        // Its place lies on one value or between two, which count the more the nearer they are.
        Aggregate::Percentile(percent) => {
            let share = sql.bind(Param::Real(percent / 100.0));
            let far = format!("abs(place - {share} * behind)");
            format!("sum(CASE WHEN {far} < 1 THEN x * (1 - {far}) ELSE 0 END)")
        }
    }
}
