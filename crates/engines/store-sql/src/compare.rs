//! A predicate as an SQL condition that is true or false, never unknown.

use kernel::{
    index::{self, Cell},
    predicate::{Op, Place, Predicate},
};

use crate::{
    body::body,
    sql::{Dialect, Param, Sql, joined},
};

pub(crate) const FALSE: &str = "1=0";
const TRUE: &str = "1=1";

/// Texts from here on may share their term with others; what is at most as long is whole.
const TERM_TEXT_MAX: usize = index::TEXT_MAX - 4;

/// The condition on the object with the alias `o`.
pub fn condition(sql: &mut Sql, predicate: &Predicate) -> String {
    match predicate {
        Predicate::All(parts) => {
            let parts = parts.iter().map(|part| condition(sql, part)).collect();
            joined(parts, "AND", TRUE)
        }
        Predicate::Any(parts) => {
            let parts = parts.iter().map(|part| condition(sql, part)).collect();
            joined(parts, "OR", FALSE)
        }
        Predicate::Not(part) => format!("NOT ({})", condition(sql, part)),
        Predicate::Compare { place, op: Op::NotEqual, cell } => {
            format!("NOT ({})", compare(sql, place, Op::Equal, cell))
        }
        Predicate::Compare { place, op, cell } => compare(sql, place, *op, cell),
    }
}

fn compare(sql: &mut Sql, place: &Place, op: Op, cell: &Cell) -> String {
    match place {
        Place::Name => text_column(sql, "o.name", op, cell),
        Place::Uid => text_column(sql, "o.uid", op, cell),
        Place::Project => project(sql, op, cell),
        Place::Created => match cell {
            Cell::Time(time) => {
                let at = sql.int(time.micros());
                ordered("o.created", op, &at)
            }
            Cell::Null | Cell::Bool(_) | Cell::Number(_) | Cell::Text(_) => FALSE.into(),
        },
        Place::Version => number_column(sql, "o.version", op, cell),
        Place::Generation => number_column(sql, "o.generation", op, cell),
        Place::Term(key) => term(sql, key, op, cell),
        Place::Body(path) => body(sql, path, op, cell),
    }
}

/// `=`, `<` … between two expressions of the same type; an operation on texts is false.
pub(crate) fn ordered(left: &str, op: Op, right: &str) -> String {
    let sign = match op {
        Op::Equal => "=",
        Op::NotEqual => "<>",
        Op::Less => "<",
        Op::LessOrEqual => "<=",
        Op::Greater => ">",
        Op::GreaterOrEqual => ">=",
        Op::StartsWith | Op::Has => return FALSE.into(),
    };
    format!("{left} {sign} {right}")
}

/// Every operation between a text expression and a text.
pub(crate) fn text(sql: &mut Sql, left: &str, op: Op, right: &str) -> String {
    match op {
        Op::StartsWith => {
            let from = sql.text(right);
            match successor(right) {
                Some(end) => {
                    let end = sql.text(end);
                    format!("({left} >= {from} AND {left} < {end})")
                }
                None => format!("{left} >= {from}"),
            }
        }
        Op::Has => {
            let needle = sql.text(right);
            match sql.dialect {
                Dialect::Sqlite => format!("instr({left}, {needle}) > 0"),
                Dialect::Postgres => format!("strpos({left}, {needle}) > 0"),
            }
        }
        Op::Equal | Op::NotEqual | Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual => {
            let right = sql.text(right);
            ordered(left, op, &right)
        }
    }
}

/// The smallest text larger than every text that starts so; none when there is no such text.
pub fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            // The scalar values have a hole for surrogates.
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

fn text_column(sql: &mut Sql, column: &str, op: Op, cell: &Cell) -> String {
    match cell {
        Cell::Text(right) => text(sql, column, op, right),
        Cell::Null | Cell::Bool(_) | Cell::Number(_) | Cell::Time(_) => FALSE.into(),
    }
}

/// The project lies in the scope; what belongs to the organization itself has none.
fn project(sql: &mut Sql, op: Op, cell: &Cell) -> String {
    let wanted = match cell {
        Cell::Text(right) => {
            let holds = text(sql, "z.project", op, right);
            format!("z.project <> '' AND {holds}")
        }
        Cell::Null if op == Op::Equal => "z.project = ''".into(),
        Cell::Null | Cell::Bool(_) | Cell::Number(_) | Cell::Time(_) => return FALSE.into(),
    };
    format!("EXISTS (SELECT 1 FROM scopes z WHERE z.id = o.scope AND {wanted})")
}

fn number_column(sql: &mut Sql, column: &str, op: Op, cell: &Cell) -> String {
    match cell {
        Cell::Number(right) => {
            let right = sql.bind(Param::Real(*right));
            ordered(column, op, &right)
        }
        Cell::Null | Cell::Bool(_) | Cell::Text(_) | Cell::Time(_) => FALSE.into(),
    }
}

/// An equality is one look into the index. Order would read the index over and over for every
/// row, so it is read from the body instead, as are texts too long for a term.
fn term(sql: &mut Sql, key: &str, op: Op, cell: &Cell) -> String {
    if op != Op::Equal || *cell == Cell::Null || !fits_term(cell) {
        return body(sql, &index::path(key), op, cell);
    }
    let (key, value) = (sql.text(key), sql.text(index::encode(cell)));
    format!(
        "EXISTS (SELECT 1 FROM terms x WHERE x.scope = o.scope AND x.key = {key} \
         AND x.value = {value} AND x.uid = o.uid)"
    )
}

fn fits_term(cell: &Cell) -> bool {
    !matches!(cell, Cell::Text(text) if text.len() > TERM_TEXT_MAX)
}

/// The stretch of the index in which every object that fulfils a comparison has its term, perhaps
/// beside others: from a value on, before another. None when the index cannot tell.
pub fn stretch(op: Op, cell: &Cell) -> Option<(String, String)> {
    if *cell == Cell::Null || !fits_term(cell) {
        return None;
    }
    let value = index::encode(cell);
    // The first byte says the type; values of other types never compare.
    let kind = value[..1].to_string();
    let end_of_kind = successor(&kind)?;
    let next = format!("{value}\u{1}");
    match op {
        Op::Equal => Some((value, next)),
        Op::Less => Some((kind, value)),
        Op::LessOrEqual => Some((kind, next)),
        Op::Greater | Op::GreaterOrEqual => Some((value, end_of_kind)),
        Op::StartsWith if matches!(cell, Cell::Text(_)) => {
            let end = successor(&value)?;
            Some((value, end))
        }
        Op::StartsWith | Op::NotEqual | Op::Has => None,
    }
}
