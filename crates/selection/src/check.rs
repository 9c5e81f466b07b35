//! Holds a filter's tree against the field table: every name known, every value of the field's type.

use base::{Result, Time};
use fields::kind::Shape;
use filter::{Literal, Tree, bad};
use store::{
    index::Cell,
    predicate::{Op, Place, Predicate},
};

use crate::Table;

/// The predicate a tree means for a kind.
pub fn predicate(table: &dyn Table, tree: &Tree) -> Result<Predicate> {
    Ok(match tree {
        Tree::All(parts) => Predicate::All(each(table, parts)?),
        Tree::Any(parts) => Predicate::Any(each(table, parts)?),
        Tree::Not(part) => Predicate::Not(Box::new(predicate(table, part)?)),
        Tree::Bare(literal) => {
            Predicate::Compare { place: Place::Name, op: Op::Has, cell: Cell::Text(literal.text.clone()) }
        }
        Tree::Compare { position, path, comparator, value } => {
            let Some((place, shape)) = place(table, path) else {
                let shown: String = path.chars().take(60).collect();
                return Err(bad(*position, &format!("there is no field `{shown}` to filter by")));
            };
            compare(*position, (place, shape), comparator, value)?
        }
    })
}

fn each(table: &dyn Table, parts: &[Tree]) -> Result<Vec<Predicate>> {
    parts.iter().map(|part| predicate(table, part)).collect()
}

/// Where a path leads and what stands there.
pub fn place(table: &dyn Table, path: &str) -> Option<(Place, Shape)> {
    let known = match path.strip_prefix("metadata.").unwrap_or(path) {
        "name" => Some((Place::Name, Shape::Text)),
        "uid" => Some((Place::Uid, Shape::Text)),
        "namespace" => Some((Place::Project, Shape::Text)),
        "creationTimestamp" => Some((Place::Created, Shape::Time)),
        "resourceVersion" => Some((Place::Version, Shape::Number)),
        "generation" => Some((Place::Generation, Shape::Number)),
        other => {
            other.strip_prefix("labels.").map(|label| (Place::Term(format!("label:{label}")), Shape::Text))
        }
    };
    if known.is_some() {
        return known;
    }
    if let Some(annotation) = path.strip_prefix("metadata.annotations.") {
        let way = ["metadata", "annotations", annotation].map(str::to_owned).to_vec();
        return Some((Place::Body(way), Shape::Text));
    }
    let parts: Vec<&str> = path.split('.').collect();
    // What is never given out is not guessed at by comparing either.
    let field = table.field(&parts).filter(|field| !field.write_only)?;
    let place = if field.indexed {
        Place::Term(path.to_owned())
    } else {
        Place::Body(parts.iter().map(|part| (*part).to_owned()).collect())
    };
    // Behind a map's key or in free JSON stands whatever the map holds.
    let shape = match field.shape {
        Shape::Map(inner) if parts.last() != Some(&field.name) => *inner,
        shape => shape,
    };
    Some((place, shape))
}

fn compare(
    position: usize,
    (place, shape): (Place, Shape),
    comparator: &str,
    value: &Literal,
) -> Result<Predicate> {
    if comparator == ":" && value.text == "*" && !value.quoted {
        let nothing = Predicate::Compare { place, op: Op::Equal, cell: Cell::Null };
        return Ok(Predicate::Not(Box::new(nothing)));
    }
    let op = match comparator {
        "=" => Op::Equal,
        "!=" => Op::NotEqual,
        "<" => Op::Less,
        "<=" => Op::LessOrEqual,
        ">" => Op::Greater,
        ">=" => Op::GreaterOrEqual,
        _ => Op::Has,
    };
    let cell = cell(position, &shape, value)?;
    // In an index term a list's elements stand one by one, and all else compares as a whole.
    let op = match (&place, op) {
        (Place::Term(_), Op::Has) if !matches!(shape, Shape::Text | Shape::Name) => Op::Equal,
        (_, op) => op,
    };
    if let (Op::Equal | Op::NotEqual, Cell::Text(text)) = (op, &cell)
        && let Some(start) = text.strip_suffix('*')
        && !start.contains('*')
    {
        let cell = Cell::Text(start.to_owned());
        let starts = Predicate::Compare { place, op: Op::StartsWith, cell };
        return Ok(if op == Op::Equal { starts } else { Predicate::Not(Box::new(starts)) });
    }
    Ok(Predicate::Compare { place, op, cell })
}

fn cell(position: usize, shape: &Shape, value: &Literal) -> Result<Cell> {
    let text = &value.text;
    let wanted = |what: &str| bad(position, &format!("the field wants {what}"));
    Ok(match shape {
        Shape::Integer(..) | Shape::Number => {
            let number: f64 = text.parse().map_err(|_| wanted("a number"))?;
            if !number.is_finite() {
                return Err(wanted("a finite number"));
            }
            Cell::Number(number)
        }
        Shape::Boolean => match text.as_str() {
            "true" => Cell::Bool(true),
            "false" => Cell::Bool(false),
            _ => return Err(wanted("`true` or `false`")),
        },
        Shape::Time => {
            Cell::Time(text.parse::<Time>().map_err(|_| wanted("a time like \"2026-01-31T08:00:00Z\""))?)
        }
        Shape::Enum(known) if !text.ends_with('*') && !known.contains(&text.as_str()) => {
            return Err(wanted(&format!("one of {}", known.join(", "))));
        }
        Shape::List(inner) => cell(position, inner, value)?,
        Shape::Any if !value.quoted => match text.as_str() {
            "true" => Cell::Bool(true),
            "false" => Cell::Bool(false),
            other => other
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map_or_else(|| Cell::Text(text.clone()), Cell::Number),
        },
        _ => Cell::Text(text.clone()),
    })
}
