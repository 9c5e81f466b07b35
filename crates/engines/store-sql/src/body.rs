//! A comparison with a value in an object's body, in each dialect's JSON functions and with one meaning.

use kernel::{index::Cell, predicate::Op};

use crate::{
    compare::{FALSE, ordered, text, whole},
    sql::{Dialect, Param, Sql},
};

/// What is compared where the body has a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The value as a whole: a list is no text, number, truth or moment.
    Whole,
    /// Each element; an empty list is no value.
    Elements,
}

/// A JSON value as SQL sees it: what it is, and itself as a text, a number, a truth (0 or 1).
struct Json {
    kind: String,
    text: String,
    number: String,
    truth: String,
}

/// The names a dialect has for the kinds of JSON values.
struct Kinds {
    text: &'static str,
    number: &'static str,
    truth: &'static str,
}

fn kinds(dialect: Dialect) -> Kinds {
    match dialect {
        Dialect::Sqlite => Kinds { text: "'text'", number: "'integer', 'real'", truth: "'true', 'false'" },
        Dialect::Postgres => Kinds { text: "'string'", number: "'number'", truth: "'boolean'" },
    }
}

/// The condition on the value at a path of the body.
pub fn body(sql: &mut Sql, path: &[String], reach: Reach, op: Op, cell: &Cell) -> String {
    match sql.dialect {
        Dialect::Sqlite => {
            let steps: String =
                path.iter().map(|name| format!(".{}", serde_json::Value::from(name.as_str()))).collect();
            let at = sql.text(format!("${steps}"));
            let value = Json {
                kind: format!("coalesce(json_type(o.body, {at}), 'null')"),
                text: format!("json_extract(o.body, {at})"),
                number: format!("CAST(json_extract(o.body, {at}) AS REAL)"),
                truth: format!("(json_type(o.body, {at}) = 'true')"),
            };
            let each = format!("json_each(o.body, {at})");
            holds(sql, &Place { value, each }, reach, op, cell)
        }
        Dialect::Postgres => {
            let steps: String = path.iter().map(|name| format!(" -> {}", sql.text(name.as_str()))).collect();
            let value = postgres("j.v");
            let each = "jsonb_array_elements(CASE WHEN jsonb_typeof(j.v) = 'array' THEN j.v \
                        ELSE jsonb_build_array(j.v) END)"
                .into();
            let holds = holds(sql, &Place { value, each }, reach, op, cell);
            // PostgreSQL's jsonb has no NUL; `OFFSET 0` keeps the body from being parsed twice.
            format!(
                "(SELECT {holds} FROM (SELECT (replace(o.body, '\\u0000', '')::jsonb{steps}) AS v OFFSET 0) j)"
            )
        }
    }
}

fn postgres(value: &str) -> Json {
    Json {
        kind: format!("coalesce(jsonb_typeof({value}), 'null')"),
        text: format!("(({value} #>> '{{}}') COLLATE \"C\")"),
        number: format!("({value})::float8"),
        truth: format!("(({value})::boolean)::int"),
    }
}

/// A value, and its elements as rows; of what is no list, itself.
struct Place {
    value: Json,
    each: String,
}

fn holds(sql: &mut Sql, place: &Place, reach: Reach, op: Op, cell: &Cell) -> String {
    let kind = &place.value.kind;
    match (reach, op, cell) {
        (Reach::Whole, Op::Equal, Cell::Null) => format!("{kind} = 'null'"),
        (Reach::Elements, Op::Equal, Cell::Null) => {
            let some = some(place, &format!("{} <> 'null'", element(sql).kind));
            format!("({kind} = 'null' OR ({kind} = 'array' AND NOT {some}))")
        }
        (Reach::Whole, Op::Has, _) => has(sql, place, cell),
        (Reach::Whole, _, _) => scalar(sql, &place.value, op, cell),
        (Reach::Elements, _, _) => {
            let one = element(sql);
            let one = scalar(sql, &one, op, cell);
            let some = some(place, &one);
            // A map's members are not its elements.
            format!("({kind} <> 'object' AND {some})")
        }
    }
}

/// An element of the list at hand.
fn element(sql: &Sql) -> Json {
    match sql.dialect {
        Dialect::Sqlite => Json {
            kind: "e.type".into(),
            text: "e.value".into(),
            number: "CAST(e.value AS REAL)".into(),
            truth: "(e.type = 'true')".into(),
        },
        Dialect::Postgres => postgres("e.value"),
    }
}

fn some(place: &Place, holds: &str) -> String {
    format!("EXISTS (SELECT 1 FROM {} e WHERE {holds})", place.each)
}

/// A list with the element, a map with the key, a text that contains it, or the value itself.
fn has(sql: &mut Sql, place: &Place, cell: &Cell) -> String {
    let one = element(sql);
    let one = scalar(sql, &one, Op::Equal, cell);
    let list = some(place, &one);
    let itself = scalar(sql, &place.value, Op::Has, cell);
    let member = match cell {
        Cell::Text(key) => {
            let key = sql.text(key.as_str());
            match sql.dialect {
                Dialect::Sqlite => some(place, &format!("e.key = {key}")),
                Dialect::Postgres => format!("j.v ? {key}"),
            }
        }
        Cell::Null | Cell::Bool(_) | Cell::Number(_) | Cell::Time(_) => FALSE.into(),
    };
    format!(
        "CASE {} WHEN 'array' THEN {list} WHEN 'object' THEN {member} ELSE {itself} END",
        place.value.kind
    )
}

/// A comparison with a value that is no list and no map. Of another kind, it does not hold.
fn scalar(sql: &mut Sql, value: &Json, op: Op, cell: &Cell) -> String {
    let kinds = kinds(sql.dialect);
    let (kind, holds) = match cell {
        Cell::Null => return FALSE.into(),
        Cell::Bool(right) => {
            let right = if *right { "1" } else { "0" };
            (kinds.truth, ordered(&value.truth, whole(op), right))
        }
        Cell::Number(right) => {
            let right = sql.bind(Param::Real(*right));
            (kinds.number, ordered(&value.number, whole(op), &right))
        }
        Cell::Text(right) => (kinds.text, text(sql, &value.text, op, right)),
        Cell::Time(right) => {
            // A moment is written so that the order of the texts is that of the moments.
            let right = sql.text(right.to_string());
            let holds = ordered(&value.text, whole(op), &right);
            let holds = format!("({} LIKE '____-__-__T%Z' AND {holds})", value.text);
            (kinds.text, holds)
        }
    };
    format!("CASE WHEN {} IN ({kind}) THEN {holds} ELSE FALSE END", value.kind)
}
