//! A comparison with a value in an object's body, in each dialect's JSON functions and with one meaning.

use base::Time;
use kernel::{index::Cell, predicate::Op};

use crate::{
    compare::{FALSE, ordered, text},
    sql::{Dialect, Param, Sql},
};

/// A value in the body: its JSON type, and its value as a text, number or truth.
struct Value {
    at: String,
    kind: String,
    json: String,
}

/// The condition on the value at a path of the body.
pub fn body(sql: &mut Sql, path: &[String], op: Op, cell: &Cell) -> String {
    match sql.dialect {
        Dialect::Sqlite => {
            let steps: String =
                path.iter().map(|name| format!(".{}", serde_json::Value::from(name.as_str()))).collect();
            let at = sql.text(format!("${steps}"));
            let value = Value {
                kind: format!("coalesce(json_type(o.body, {at}), 'null')"),
                json: format!("json_extract(o.body, {at})"),
                at,
            };
            sqlite_holds(sql, &value, op, cell)
        }
        Dialect::Postgres => {
            let steps: String = path.iter().map(|name| format!(" -> {}", sql.text(name.as_str()))).collect();
            let holds = postgres_holds(sql, op, cell);
            // PostgreSQL's jsonb has no NUL; `OFFSET 0` keeps the body from being parsed twice.
            format!(
                "(SELECT {holds} FROM (SELECT (replace(o.body, '\\u0000', '')::jsonb{steps}) AS v OFFSET 0) j)"
            )
        }
    }
}

fn sqlite_holds(sql: &mut Sql, value: &Value, op: Op, cell: &Cell) -> String {
    let (kind, json) = (&value.kind, &value.json);
    if op == Op::Has {
        return sqlite_has(sql, value, cell);
    }
    match cell {
        Cell::Null if op == Op::Equal => format!("{kind} = 'null'"),
        Cell::Null => FALSE.into(),
        Cell::Bool(right) => {
            let right = sql.int(i64::from(*right));
            let holds = ordered(&format!("({kind} = 'true')"), op, &right);
            format!("({kind} IN ('true', 'false') AND {holds})")
        }
        Cell::Number(right) => {
            let right = sql.bind(Param::Real(*right));
            let holds = ordered(&format!("CAST({json} AS REAL)"), op, &right);
            format!("({kind} IN ('integer', 'real') AND {holds})")
        }
        Cell::Text(right) => {
            let holds = text(sql, json, op, right);
            format!("({kind} = 'text' AND {holds})")
        }
        Cell::Time(right) => {
            let holds = moment(sql, json, op, *right);
            format!("({kind} = 'text' AND {holds})")
        }
    }
}

/// Moments in a body are texts in UTC. Without the `Z`, a fraction of a second sorts where it belongs.
fn moment(sql: &mut Sql, left: &str, op: Op, right: Time) -> String {
    let right = right.to_string();
    text(sql, &format!("rtrim({left}, 'Z')"), op, right.trim_end_matches('Z'))
}

fn sqlite_has(sql: &mut Sql, value: &Value, cell: &Cell) -> String {
    let (kind, json, at) = (&value.kind, &value.json, &value.at);
    let list = |element: String| format!("EXISTS (SELECT 1 FROM json_each(o.body, {at}) e WHERE {element})");
    match cell {
        Cell::Null => FALSE.into(),
        Cell::Bool(right) => {
            let element = list(format!("e.type = '{right}'"));
            format!("({kind} = 'array' AND {element})")
        }
        Cell::Number(right) => {
            let right = sql.bind(Param::Real(*right));
            let element = list(format!("e.type IN ('integer', 'real') AND CAST(e.value AS REAL) = {right}"));
            format!("({kind} = 'array' AND {element})")
        }
        Cell::Time(right) => {
            let holds = moment(sql, "e.value", Op::Equal, *right);
            let element = list(format!("e.type = 'text' AND {holds}"));
            format!("({kind} = 'array' AND {element})")
        }
        Cell::Text(right) => {
            let right = sql.text(right.as_str());
            let element = list(format!("e.type = 'text' AND e.value = {right}"));
            let key = list(format!("e.key = {right}"));
            format!(
                "CASE {kind} WHEN 'text' THEN instr({json}, {right}) > 0 \
                 WHEN 'array' THEN {element} WHEN 'object' THEN {key} ELSE 0 END"
            )
        }
    }
}

/// The same over `j.v`, a jsonb that may be missing.
fn postgres_holds(sql: &mut Sql, op: Op, cell: &Cell) -> String {
    if op == Op::Has {
        return postgres_has(sql, cell);
    }
    let case = |kind: &str, holds: String| {
        format!("CASE WHEN jsonb_typeof(j.v) = '{kind}' THEN {holds} ELSE FALSE END")
    };
    match cell {
        Cell::Null if op == Op::Equal => "coalesce(jsonb_typeof(j.v), 'null') = 'null'".into(),
        Cell::Null => FALSE.into(),
        Cell::Bool(right) => {
            let right = if *right { "TRUE" } else { "FALSE" };
            case("boolean", ordered("(j.v)::boolean", op, right))
        }
        Cell::Number(right) => {
            let right = sql.bind(Param::Real(*right));
            case("number", ordered("(j.v)::float8", op, &right))
        }
        Cell::Text(right) => {
            let holds = text(sql, "((j.v #>> '{}') COLLATE \"C\")", op, right);
            case("string", holds)
        }
        Cell::Time(right) => {
            let holds = moment(sql, "((j.v #>> '{}') COLLATE \"C\")", op, *right);
            case("string", holds)
        }
    }
}

fn postgres_has(sql: &mut Sql, cell: &Cell) -> String {
    let list = |kind: &str, holds: String| {
        format!(
            "EXISTS (SELECT 1 FROM jsonb_array_elements(j.v) e WHERE \
             CASE WHEN jsonb_typeof(e.value) = '{kind}' THEN {holds} ELSE FALSE END)"
        )
    };
    let array =
        |element: String| format!("CASE WHEN jsonb_typeof(j.v) = 'array' THEN {element} ELSE FALSE END");
    match cell {
        Cell::Null => FALSE.into(),
        Cell::Bool(right) => array(list("boolean", format!("(e.value)::boolean = {right}"))),
        Cell::Number(right) => {
            let right = sql.bind(Param::Real(*right));
            array(list("number", format!("(e.value)::float8 = {right}")))
        }
        Cell::Time(right) => {
            let holds = moment(sql, "((e.value #>> '{}') COLLATE \"C\")", Op::Equal, *right);
            array(list("string", holds))
        }
        Cell::Text(right) => {
            let right = sql.text(right.as_str());
            format!(
                "CASE jsonb_typeof(j.v) WHEN 'string' THEN strpos(j.v #>> '{{}}', {right}) > 0 \
                 WHEN 'array' THEN j.v ? {right} WHEN 'object' THEN j.v ? {right} ELSE FALSE END"
            )
        }
    }
}
