//! A predicate as an SQL condition that is true or false, never unknown.

use kernel::{
    index::{self, Cell},
    predicate::{Op, Place, Predicate},
};

use crate::{
    body::{Reach, body},
    sql::{Dialect, Param, Sql, joined},
};

pub(crate) const FALSE: &str = "1=0";
const TRUE: &str = "1=1";

/// Texts from here on may share their term with others; what is at most as long is whole.
const TERM_TEXT_MAX: usize = index::TEXT_MAX - 4;

/// The condition on the object with the alias `o`, living or in the trash.
pub fn condition(sql: &mut Sql, predicate: &Predicate, deleted: bool) -> String {
    let mut each = |parts: &[Predicate]| -> Vec<String> {
        parts.iter().map(|part| condition(sql, part, deleted)).collect()
    };
    match predicate {
        Predicate::All(parts) => joined(each(parts), "AND", TRUE),
        Predicate::Any(parts) => joined(each(parts), "OR", FALSE),
        Predicate::Not(part) => format!("NOT ({})", condition(sql, part, deleted)),
        Predicate::Compare { place, op: Op::NotEqual, cell } => {
            let equal = Predicate::Compare { place: place.clone(), op: Op::Equal, cell: cell.clone() };
            format!("NOT ({})", condition(sql, &equal, deleted))
        }
        Predicate::Compare { op, cell, .. } if never(*op, cell) => FALSE.into(),
        Predicate::Compare { place, op, cell } => match place {
            Place::Name => text_column(sql, "o.name", *op, cell),
            Place::Uid => text_column(sql, "o.uid", *op, cell),
            Place::Project => text_column(sql, PROJECT, *op, cell),
            Place::Created => created(sql, *op, cell),
            Place::Version => number_column(sql, "o.version", *op, cell),
            Place::Generation => number_column(sql, "o.generation", *op, cell),
            Place::Term(key) if deleted => body(sql, &index::path(key), Reach::Elements, *op, cell),
            Place::Term(key) => term(sql, key, *op, cell),
            Place::Body(path) => body(sql, path, Reach::Whole, *op, cell),
        },
    }
}

/// Whether no value can compare so. It is decided before anything is bound, because a statement
/// must use every value that travels with it.
fn never(op: Op, cell: &Cell) -> bool {
    match cell {
        Cell::Null => op != Op::Equal,
        Cell::Text(_) => false,
        Cell::Bool(_) | Cell::Number(_) | Cell::Time(_) => op == Op::StartsWith,
    }
}

/// The project lies in the scope.
const PROJECT: &str = "(SELECT z.project FROM scopes z WHERE z.id = o.scope)";

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

fn created(sql: &mut Sql, op: Op, cell: &Cell) -> String {
    match cell {
        Cell::Time(time) => {
            let at = sql.int(time.micros());
            ordered("o.created", whole(op), &at)
        }
        Cell::Null | Cell::Bool(_) | Cell::Number(_) | Cell::Text(_) => FALSE.into(),
    }
}

/// Whoever has a value that is no text, list or map is that value.
pub(crate) fn whole(op: Op) -> Op {
    if op == Op::Has { Op::Equal } else { op }
}

fn number_column(sql: &mut Sql, column: &str, op: Op, cell: &Cell) -> String {
    match cell {
        Cell::Number(right) => {
            let right = sql.bind(Param::Real(*right));
            ordered(column, whole(op), &right)
        }
        Cell::Null | Cell::Bool(_) | Cell::Text(_) | Cell::Time(_) => FALSE.into(),
    }
}

/// An equality is one look into the index. Order would read the index over and over for every
/// row, so it is read from the body instead, as are texts too long for a term. A list has a term
/// for each element, and so each element is compared.
fn term(sql: &mut Sql, key: &str, op: Op, cell: &Cell) -> String {
    if op != Op::Equal || *cell == Cell::Null || !fits_term(cell) {
        return body(sql, &index::path(key), Reach::Elements, op, cell);
    }
    let (key, value) = (sql.text(key), sql.text(index::encode(cell)));
    format!(
        "(SELECT 1 FROM terms x WHERE x.scope = o.scope AND x.key = {key} \
         AND x.value = {value} AND x.uid = o.uid) IS NOT NULL"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_ends_what_starts_so() {
        for (prefix, end) in [
            ("a", Some("b")),
            ("az", Some("a{")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(successor(prefix).as_deref(), end, "{prefix:?}");
        }
    }

    #[test]
    fn values_travel_beside_the_text() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let evil = "'; DROP TABLE objects; --";
            let compare = |place: Place, op| Predicate::Compare { place, op, cell: Cell::Text(evil.into()) };
            let parts = vec![
                compare(Place::Name, Op::StartsWith),
                compare(Place::Term(evil.into()), Op::Equal),
                compare(Place::Body(vec![evil.into()]), Op::Has),
            ];
            let mut sql = Sql::new(dialect);
            let text = condition(&mut sql, &Predicate::Any(parts), false);
            assert!(!text.contains("DROP"), "{text}");
            for number in 1..=sql.params.len() {
                let sign = if dialect == Dialect::Sqlite { '?' } else { '$' };
                assert!(text.contains(&format!("{sign}{number}")), "{number} is unused: {text}");
            }
        }
    }

    #[test]
    fn a_thousand_conditions_are_ten_deep() {
        let parts: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        let text = joined(parts, "OR", FALSE);
        let depth = text.chars().scan(0, |depth, c| {
            *depth += i32::from(c == '(') - i32::from(c == ')');
            Some(*depth)
        });
        assert_eq!(depth.max(), Some(10));
    }
}
