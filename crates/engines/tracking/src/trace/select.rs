//! A search of traces as a statement: conditions over columns and side tables, an order, and where a page goes on.

use base::{Digest, Error, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ports::tracking::{
    search::{Op, Test},
    trace::{Condition, Matter, Order, Part, Place, Search, Sort, TRACES_MAX, Trace},
};
use serde_json::Value;
use store_sql::{Dialect, Param, Sql};

use super::statement::{Pair, table};
use crate::page::bad_token;

const FALSE: &str = "1=0";

/// The search's traces: records of one page and one more.
pub fn page(dialect: Dialect, ask: &Search) -> Result<Sql> {
    let mut sql = Sql::new(dialect);
    let after = ask.after.as_deref().map(|token| place_of(ask, token)).transpose()?;
    let mut parts = vec![within(&mut sql, ask)];
    parts.extend(conditions(&mut sql, ask)?);
    if let Some(after) = after {
        parts.push(behind(&mut sql, &orders(ask), &after));
    }
    let holds = parts.join(" AND ");
    let order: Vec<String> = orders(ask).iter().map(|part| ordered(&mut sql, part)).collect();
    let limit = sql.int(i64::from(limit(ask)) + 1);
    let traces = table(dialect, "traces");
    sql.push(&format!(
        "SELECT t.number, t.id, t.doc FROM {traces} t WHERE {holds} ORDER BY {} LIMIT {limit}",
        order.join(", ")
    ));
    Ok(sql)
}

/// How many traces the search finds.
pub fn count(dialect: Dialect, ask: &Search) -> Result<Sql> {
    let mut sql = Sql::new(dialect);
    let mut parts = vec![within(&mut sql, ask)];
    parts.extend(conditions(&mut sql, ask)?);
    sql.push(&format!("SELECT count(*) FROM {} t WHERE {}", table(dialect, "traces"), parts.join(" AND ")));
    Ok(sql)
}

/// How many traces a page has.
pub fn limit(ask: &Search) -> u32 {
    ask.limit.clamp(1, TRACES_MAX)
}

/// That a trace is of the experiments asked for.
pub fn within(sql: &mut Sql, ask: &Search) -> String {
    let org = sql.text(ask.org.as_str());
    let experiments: Vec<String> = ask.experiments.iter().map(|id| sql.text(id.as_str())).collect();
    match experiments.is_empty() {
        true => FALSE.to_owned(),
        false => format!("t.org = {org} AND t.experiment IN ({})", experiments.join(", ")),
    }
}

/// The order asked for, and what settles ties behind it.
fn orders(ask: &Search) -> Vec<Order> {
    let mut all = ask.order.clone();
    for (place, descending) in [(Place::Began, true), (Place::Id, false)] {
        if !all.iter().any(|part| part.place == place) {
            all.push(Order { place, descending });
        }
    }
    all
}

fn is_always_there(place: &Place) -> bool {
    matches!(place, Place::Id | Place::Experiment | Place::Began | Place::Ended | Place::State)
}

fn ordered(sql: &mut Sql, part: &Order) -> String {
    let direction = if part.descending { "DESC" } else { "ASC" };
    let value = value(sql, &part.place);
    if is_always_there(&part.place) {
        return format!("{value} {direction}");
    }
    format!("CASE WHEN {value} IS NULL THEN 1 ELSE 0 END, {value} {direction}")
}

/// A place's value as an expression.
pub fn value(sql: &mut Sql, place: &Place) -> String {
    let mut pair = |sort: Pair, key: &str| {
        let pairs = table(sql.dialect, "trace_pairs");
        let key = sql.text(key);
        format!(
            "(SELECT p.value FROM {pairs} p WHERE p.trace = t.number AND p.sort = {} AND p.key = {key})",
            sort.number()
        )
    };
    match place {
        Place::Id => "t.id".to_owned(),
        Place::Client => "t.client".to_owned(),
        Place::Experiment => "t.experiment".to_owned(),
        Place::Began => "t.began".to_owned(),
        Place::Lasted => "t.lasted".to_owned(),
        Place::Ended => "(t.began + coalesce(t.lasted, 0))".to_owned(),
        Place::State => "t.state".to_owned(),
        Place::Tag(key) => pair(Pair::Tag, key),
        Place::Metadata(key) => pair(Pair::Metadata, key),
    }
}

/// What must hold of a trace.
pub fn conditions(sql: &mut Sql, ask: &Search) -> Result<Vec<String>> {
    let mut all = Vec::new();
    let mut of_span = Vec::new();
    for condition in &ask.conditions {
        match &condition.matter {
            Matter::Span(part) => of_span.push(span(sql, part, &condition.test)?),
            _ => all.push(one(sql, ask, condition)?),
        }
    }
    if !of_span.is_empty() {
        let spans = table(sql.dialect, "spans");
        let holds = of_span.join(" AND ");
        all.push(format!("EXISTS (SELECT 1 FROM {spans} s WHERE s.trace = t.number AND {holds})"));
    }
    Ok(all)
}

fn one(sql: &mut Sql, ask: &Search, condition: &Condition) -> Result<String> {
    let linked = |sql: &mut Sql, sort: Pair, to: &str| {
        let pairs = table(sql.dialect, "trace_pairs");
        let to = sql.text(to);
        format!(
            "EXISTS (SELECT 1 FROM {pairs} p WHERE p.trace = t.number AND p.sort = {} AND p.key = {to})",
            sort.number()
        )
    };
    Ok(match (&condition.matter, &condition.test) {
        (Matter::Place(place), test) => {
            let value = value(sql, place);
            tested(sql, &value, test)?
        }
        (Matter::Run, Test::Text(Op::Is, run)) => linked(sql, Pair::Run, run),
        (Matter::Prompt, Test::Text(Op::Is, prompt)) => linked(sql, Pair::Prompt, prompt),
        (Matter::Assessment(sort, name), test) => assessed(sql, ask, (*sort, name), test)?,
        (Matter::Span(part), test) => span(sql, part, test)?,
        (Matter::Run | Matter::Prompt, _) => FALSE.to_owned(),
    })
}

fn sign(op: Op) -> &'static str {
    match op {
        Op::Is => "=",
        Op::IsNot => "<>",
        Op::Less => "<",
        Op::AtMost => "<=",
        Op::More => ">",
        Op::AtLeast => ">=",
    }
}

/// The longest regular expression, in bytes.
const REGEX_MAX: usize = 1_000;

/// A test of an expression; a value that is missing fits only [`Test::Missing`].
fn tested(sql: &mut Sql, value: &str, test: &Test) -> Result<String> {
    Ok(match test {
        Test::Number(op, number) => {
            let number = sql.bind(Param::Real(*number));
            format!("{value} {} {number}", sign(*op))
        }
        Test::Text(op, text) => {
            let text = sql.text(text.as_str());
            format!("{value} {} {text}", sign(*op))
        }
        Test::Like(pattern) => {
            let pattern = sql.text(pattern.as_str());
            match sql.dialect {
                Dialect::Sqlite => format!("like_exactly({value}, {pattern})"),
                Dialect::Postgres => format!("{value} LIKE {pattern} ESCAPE ''"),
            }
        }
        Test::LikeAnyCase(pattern) => {
            let pattern = sql.text(pattern.to_lowercase());
            match sql.dialect {
                Dialect::Sqlite => format!("like_exactly(lowered({value}), {pattern})"),
                Dialect::Postgres => format!("lower({value}) LIKE {pattern} ESCAPE ''"),
            }
        }
        Test::Matches(pattern) => {
            crate::column::regex(pattern).filter(|_| pattern.len() <= REGEX_MAX).ok_or_else(|| {
                Error::bad_request(
                    "bad-pattern",
                    format!("`{pattern}` is no regular expression that is read here"),
                )
                .at("filter")
                .hint("look-around and references back are not known, and it has at most 1000 bytes")
            })?;
            let pattern = sql.text(pattern.as_str());
            match sql.dialect {
                Dialect::Sqlite => format!("matches({value}, {pattern})"),
                Dialect::Postgres => format!("{value} ~ {pattern}"),
            }
        }
        Test::In(texts) => one_of(sql, value, "IN", texts),
        Test::NotIn(texts) => one_of(sql, value, "NOT IN", texts),
        Test::Missing => format!("{value} IS NULL"),
        Test::Present => format!("{value} IS NOT NULL"),
    })
}

fn one_of(sql: &mut Sql, value: &str, how: &str, texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| sql.text(text.as_str())).collect();
    if texts.is_empty() { FALSE.to_owned() } else { format!("{value} {how} ({})", texts.join(", ")) }
}

/// An attribute of a span as a text.
pub fn attribute(sql: &mut Sql, name: &str) -> String {
    let name = sql.text(name);
    match sql.dialect {
        Dialect::Sqlite => format!("attribute(s.body, {name})"),
        // What is no text of JSON stays as it is.
        Dialect::Postgres => {
            let found = format!("(s.body::json -> 'attributes' ->> {name})");
            format!("CASE WHEN left({found}, 1) = '\"' THEN {found}::json #>> '{{}}' ELSE {found} END")
        }
    }
}

fn span(sql: &mut Sql, part: &Part, test: &Test) -> Result<String> {
    let value = match part {
        Part::Name => "s.name".to_owned(),
        Part::Sort => "s.sort".to_owned(),
        Part::Status => "s.status".to_owned(),
        Part::Body => "s.body".to_owned(),
        Part::Attribute(name) => attribute(sql, name),
    };
    tested(sql, &value, test)
}

/// Whether some valid assessment passes: the trace's own, or one about the conversation the trace is part of.
fn assessed(sql: &mut Sql, ask: &Search, (sort, name): (Sort, &str), test: &Test) -> Result<String> {
    let name = sql.text(name);
    let passes = match test {
        Test::Missing | Test::Present => "1=1".to_owned(),
        Test::Number(op, number) => {
            let number = sql.bind(Param::Real(*number));
            format!("a.number {} {number}", sign(*op))
        }
        // A text is kept as JSON; what was written bare means a flag or a number.
        Test::Text(op @ (Op::Is | Op::IsNot), text) => {
            let (bare, quoted) = (sql.text(text.as_str()), sql.text(Value::from(text.as_str()).to_string()));
            let not = if *op == Op::IsNot { "NOT " } else { "" };
            format!("{not}(a.value = {bare} OR a.value = {quoted})")
        }
        other => tested(sql, "a.value", other)?,
    };
    let of = format!("a.sort = '{}' AND a.name = {name} AND a.valid = 1 AND {passes}", sort.as_str());
    let assessments = table(sql.dialect, "trace_assessments");
    let traces = table(sql.dialect, "traces");
    let own = format!("EXISTS (SELECT 1 FROM {assessments} a WHERE a.trace = t.number AND {of})");
    let experiments: Vec<String> = ask.experiments.iter().map(|id| sql.text(id.as_str())).collect();
    let conversation = format!(
        "EXISTS (SELECT 1 FROM {traces} c JOIN {assessments} a ON a.trace = c.number WHERE c.org = t.org \
         AND c.session = t.session AND c.experiment IN ({}) AND a.of_session = 1 AND {of})",
        experiments.join(", ")
    );
    Ok(match test {
        Test::Missing => format!("NOT ({own} OR {conversation})"),
        _ => format!("({own} OR {conversation})"),
    })
}

/// A value to order by.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Number(i64),
    Text(String),
    Nothing,
}

fn cell(trace: &Trace, place: &Place) -> Cell {
    let text = |text: Option<&String>| text.map_or(Cell::Nothing, |text| Cell::Text(text.clone()));
    match place {
        Place::Id => Cell::Text(trace.id.clone()),
        Place::Client => text(trace.client.as_ref()),
        Place::Experiment => Cell::Text(trace.experiment.to_string()),
        Place::Began => Cell::Number(trace.began_ms),
        Place::Lasted => trace.lasted_ms.map_or(Cell::Nothing, Cell::Number),
        Place::Ended => Cell::Number(trace.began_ms + trace.lasted_ms.unwrap_or(0)),
        Place::State => Cell::Text(trace.state.as_str().to_owned()),
        Place::Tag(key) => text(trace.tags.get(key)),
        Place::Metadata(key) => text(trace.metadata.get(key)),
    }
}

/// What lies behind a place in the order: the same up to some part of it, and past it there.
fn behind(sql: &mut Sql, orders: &[Order], after: &[Cell]) -> String {
    let mut ways = Vec::new();
    let mut same: Vec<String> = Vec::new();
    for (part, cell) in orders.iter().zip(after) {
        let past_sign = if part.descending { "<" } else { ">" };
        let bound = match cell {
            Cell::Nothing => None,
            Cell::Number(number) => Some(Param::Int(*number)),
            Cell::Text(text) => Some(Param::Text(text.clone())),
        };
        let Some(bound) = bound else {
            // What is missing comes last: nothing is past it.
            same.push(format!("{} IS NULL", value(sql, &part.place)));
            continue;
        };
        let place = value(sql, &part.place);
        let past = sql.bind(bound.clone());
        let past = match is_always_there(&part.place) {
            true => format!("{place} {past_sign} {past}"),
            false => format!("({place} {past_sign} {past} OR {place} IS NULL)"),
        };
        ways.push(same.iter().chain([&past]).cloned().collect::<Vec<_>>().join(" AND "));
        let bound = sql.bind(bound);
        same.push(format!("{place} = {bound}"));
    }
    // The last part's equality was bound, and a statement must use what travels with it.
    let last = same.pop().unwrap_or_else(|| FALSE.to_owned());
    let ways = ways.into_iter().map(|way| format!("({way})")).collect::<Vec<_>>().join(" OR ");
    format!("(({ways}) AND NOT ({}))", same.into_iter().chain([last]).collect::<Vec<_>>().join(" AND "))
}

fn fingerprint(ask: &Search) -> String {
    let told = format!("{:?}", (&ask.org, &ask.experiments, &ask.conditions, &ask.order));
    Digest::of(told.as_bytes()).to_string()[..16].to_owned()
}

/// The token of the page behind a trace.
pub fn token(ask: &Search, trace: &Trace) -> String {
    let cells = orders(ask).into_iter().map(|part| match cell(trace, &part.place) {
        Cell::Number(number) => Value::from(number),
        Cell::Text(text) => Value::from(text),
        Cell::Nothing => Value::Null,
    });
    let told: Vec<Value> = [Value::from(fingerprint(ask))].into_iter().chain(cells).collect();
    URL_SAFE_NO_PAD.encode(Value::from(told).to_string())
}

fn place_of(ask: &Search, token: &str) -> Result<Vec<Cell>> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad_token())?;
    let told: Vec<Value> = serde_json::from_slice(&bytes).map_err(|_| bad_token())?;
    let orders = orders(ask);
    if told.len() != orders.len() + 1 || told[0] != fingerprint(ask) {
        return Err(bad_token());
    }
    let cells = told[1..].iter().zip(&orders).map(|(told, part)| match (told, part.place.is_number()) {
        (Value::Null, _) if !is_always_there(&part.place) => Ok(Cell::Nothing),
        (Value::Number(number), true) => number.as_i64().map(Cell::Number).ok_or_else(bad_token),
        (Value::String(text), false) => Ok(Cell::Text(text.clone())),
        _ => Err(bad_token()),
    });
    cells.collect()
}
