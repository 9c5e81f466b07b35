//! A list as statements: which index to walk, from where, and what else must hold.
//!
//! A page starts where the last one ended (keyset), so its cost does not grow with its depth. A
//! list runs along one or two legs; a scope (organization, kind, project) is always known by its
//! number.

use kernel::{
    index::{self, Cell},
    predicate::{Op, Place, Predicate},
    store::Query,
};

use crate::{
    compare::{condition, stretch},
    row::RECORD_COLUMNS,
    sql::{Dialect, Sql},
};

/// A stretch of the index that holds every object a filter can find, and perhaps others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The terms' key.
    pub key: String,
    /// The first value.
    pub from: String,
    /// The value behind the last.
    pub to: String,
    /// Whether only one value lies in it.
    pub equal: bool,
}

/// A way through the objects of a scope, in the list's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leg {
    /// Along the sort's own index of objects.
    Walk,
    /// Along the terms of the sort's key, within a range if the filter tells one.
    Terms(String, Option<Range>),
    /// The objects without a term of the sort's key, by uid.
    Missing(String),
    /// Along the one value of a term, by uid.
    Equal(Range),
    /// Everything in a short range, sorted afterwards.
    Narrow(Range),
}

/// The ranges a filter confines its objects to.
pub fn ranges(query: &Query) -> Vec<Range> {
    let mut found = Vec::new();
    // Only the living have terms.
    if let (Some(filter), false) = (&query.filter, query.deleted) {
        confine(filter, &mut found);
    }
    found
}

fn confine(filter: &Predicate, found: &mut Vec<Range>) {
    match filter {
        Predicate::All(parts) => parts.iter().for_each(|part| confine(part, found)),
        Predicate::Compare { place: Place::Term(key), op, cell } => {
            found.extend(stretch(*op, cell).map(|(from, to)| Range {
                key: key.clone(),
                from,
                to,
                equal: *op == Op::Equal,
            }))
        }
        Predicate::Compare { .. } | Predicate::Any(_) | Predicate::Not(_) => {}
    }
}

/// The legs of a list in their order. `narrow` is a range known to be short.
pub fn legs(query: &Query, narrow: Option<Range>) -> Vec<Leg> {
    let ranges = ranges(query);
    if query.deleted {
        return vec![Leg::Walk];
    }
    let Place::Term(key) = &query.sort.place else {
        if let Some(range) = narrow {
            return vec![Leg::Narrow(range)];
        }
        let equal = ranges.into_iter().find(|range| range.equal);
        return match equal {
            Some(range) if query.sort.place == Place::Uid => vec![Leg::Equal(range)],
            Some(_) | None => vec![Leg::Walk],
        };
    };
    let range = ranges.into_iter().find(|range| range.key == *key);
    let bounded = range.is_some();
    let terms = Leg::Terms(key.clone(), range);
    // Every object has a term of a declared field, but not of a label.
    if bounded || !key.starts_with("label:") {
        return vec![terms];
    }
    let missing = Leg::Missing(key.clone());
    let at_missing = matches!(&query.after, Some((Cell::Text(value), _)) if value.is_empty());
    match (query.sort.descending, &query.after) {
        (false, None) => vec![missing, terms],
        (false, Some(_)) if at_missing => vec![missing, terms],
        (false, Some(_)) => vec![terms],
        (true, Some(_)) if at_missing => vec![missing],
        (true, None | Some(_)) => vec![terms, missing],
    }
}

/// How many terms a range has, counted up to a limit.
pub fn probe(dialect: Dialect, scope: i64, range: &Range, limit: u32) -> Sql {
    let mut sql = Sql::new(dialect);
    let scope = sql.int(scope);
    let within = within(&mut sql, "x", &scope, range);
    let limit = sql.int(i64::from(limit));
    sql.push(&format!("SELECT count(*) FROM (SELECT 1 FROM terms x WHERE {within} LIMIT {limit}) y"));
    sql
}

fn within(sql: &mut Sql, alias: &str, scope: &str, range: &Range) -> String {
    let key = sql.text(range.key.as_str());
    if range.equal {
        let value = sql.text(range.from.as_str());
        return format!("{alias}.scope = {scope} AND {alias}.key = {key} AND {alias}.value = {value}");
    }
    let (from, to) = (sql.text(range.from.as_str()), sql.text(range.to.as_str()));
    format!(
        "{alias}.scope = {scope} AND {alias}.key = {key} \
         AND {alias}.value >= {from} AND {alias}.value < {to}"
    )
}

/// A leg's first `limit` objects behind the query's `after`, each row with the value sorted by at its end.
///
/// SQLite asks one scope at a time; PostgreSQL merges them itself.
pub fn page(dialect: Dialect, query: &Query, leg: &Leg, scopes: &[i64], limit: u32) -> Sql {
    let mut sql = Sql::new(dialect);
    match (dialect, scopes) {
        (Dialect::Sqlite, _) | (Dialect::Postgres, [_]) => {
            let scope = sql.int(scopes[0]);
            let text = one_scope(&mut sql, query, leg, &scope, limit);
            sql.push(&text);
        }
        (Dialect::Postgres, _) => {
            let all = sql.bind(crate::sql::Param::Ints(scopes.to_vec()));
            let one = one_scope(&mut sql, query, leg, "u.id", limit);
            let direction = direction(query);
            let limit = sql.int(i64::from(limit));
            sql.push(&format!(
                "SELECT p.* FROM unnest({all}) AS u(id) CROSS JOIN LATERAL ({one}) p \
                 ORDER BY p.place {direction}, p.uid {direction} LIMIT {limit}"
            ));
        }
    }
    sql
}

fn direction(query: &Query) -> &'static str {
    if query.sort.descending { "DESC" } else { "ASC" }
}

fn one_scope(sql: &mut Sql, query: &Query, leg: &Leg, scope: &str, limit: u32) -> String {
    let (source, within) = source(sql, query, leg, scope);
    let (place, uid) = match leg {
        Leg::Terms(..) => ("t.value", "t.uid"),
        Leg::Equal(_) => ("t.uid", "t.uid"),
        Leg::Missing(_) => ("''", "o.uid"),
        Leg::Walk | Leg::Narrow(_) => (column(&query.sort.place), "o.uid"),
    };
    let mut parts = vec![on_shelf(sql, query, scope)];
    parts.extend(within);
    parts.extend(behind(sql, query, leg, place, uid));
    if let Leg::Missing(key) = leg {
        let missing =
            Predicate::Compare { place: Place::Body(index::path(key)), op: Op::Equal, cell: Cell::Null };
        parts.push(condition(sql, &missing, query.deleted));
    }
    if let Some(filter) = &query.filter {
        parts.push(condition(sql, filter, query.deleted));
    }
    let holds = parts.join(" AND ");
    let direction = direction(query);
    let order = if place == uid || matches!(leg, Leg::Missing(_)) {
        format!("{uid} {direction}")
    } else {
        format!("{place} {direction}, {uid} {direction}")
    };
    let limit = sql.int(i64::from(limit));
    let scopes = sql.joined_to("scopes", "s", "id = o.scope");
    format!(
        "SELECT {RECORD_COLUMNS}, {place} AS place FROM {source}{scopes} \
         WHERE {holds} ORDER BY {order} LIMIT {limit}"
    )
}

/// Where the rows come from, and what confines them.
fn source(sql: &mut Sql, query: &Query, leg: &Leg, scope: &str) -> (String, Option<String>) {
    match leg {
        Leg::Walk | Leg::Missing(_) => {
            let index = match (query.deleted, leg, &query.sort.place) {
                (true, _, _) => "objects_trash",
                (false, Leg::Walk, Place::Name) => "objects_name",
                (false, Leg::Walk, Place::Created) => "objects_created",
                (false, Leg::Walk, Place::Version) => "objects_version",
                (false, _, _) => "objects_uid",
            };
            (format!("objects o{}", sql.indexed_by(index)), None)
        }
        Leg::Terms(key, None) => {
            let key = sql.text(key.as_str());
            let objects = sql.joined_to("objects", "o", "uid = t.uid");
            let within = format!("t.scope = {scope} AND t.key = {key}");
            (format!("terms t{objects}"), Some(within))
        }
        Leg::Terms(_, Some(range)) | Leg::Equal(range) => {
            let within = within(sql, "t", scope, range);
            let objects = sql.joined_to("objects", "o", "uid = t.uid");
            (format!("terms t{objects}"), Some(within))
        }
        Leg::Narrow(range) => {
            let within = within(sql, "x", scope, range);
            let objects = sql.joined_to("objects", "o", "uid = n.uid");
            let found = format!("(SELECT DISTINCT x.uid FROM terms x WHERE {within}) n{objects}");
            (found, None)
        }
    }
}

fn column(place: &Place) -> &'static str {
    match place {
        Place::Name => "o.name",
        Place::Created => "o.created",
        Place::Version => "o.version",
        // The kernel sorts by no other place; by uid every list has an order.
        Place::Uid | Place::Project | Place::Generation | Place::Term(_) | Place::Body(_) => "o.uid",
    }
}

/// The objects of a scope, living or in the trash, in the words of the indexes.
fn on_shelf(sql: &Sql, query: &Query, scope: &str) -> String {
    match (query.deleted, sql.dialect) {
        (true, _) => format!("o.scope = {scope} AND o.deleted IS NOT NULL"),
        (false, Dialect::Sqlite) => format!("o.scope = {scope} AND o.deleted IS NULL"),
        (false, Dialect::Postgres) => format!("o.living = {scope}"),
    }
}

/// What lies behind the last page.
fn behind(sql: &mut Sql, query: &Query, leg: &Leg, place: &str, uid: &str) -> Option<String> {
    let (cell, last) = query.after.as_ref()?;
    let sign = if query.sort.descending { "<" } else { ">" };
    if matches!(leg, Leg::Missing(_)) {
        // The leg before it may not have come to its end: then this one has not begun.
        let begun = matches!(cell, Cell::Text(value) if value.is_empty());
        return begun.then(|| format!("{uid} {sign} {}", sql.text(last.as_str())));
    }
    if matches!(leg, Leg::Terms(..)) && !query.sort.descending {
        let at_missing = matches!(cell, Cell::Text(value) if value.is_empty());
        let labels = matches!(leg, Leg::Terms(key, _) if key.starts_with("label:"));
        if at_missing && labels {
            return None;
        }
    }
    if place == uid {
        return Some(format!("{uid} {sign} {}", sql.text(last.as_str())));
    }
    let value = match cell {
        Cell::Text(text) => sql.text(text.as_str()),
        Cell::Time(time) => sql.int(time.micros()),
        Cell::Number(number) => sql.int(*number as i64),
        Cell::Bool(_) | Cell::Null => {
            return Some(format!("{uid} {sign} {}", sql.text(last.as_str())));
        }
    };
    let last = sql.text(last.as_str());
    Some(format!("({place}, {uid}) {sign} ({value}, {last})"))
}

/// How many objects a query finds in a scope.
pub fn count(dialect: Dialect, query: &Query, scope: i64) -> Sql {
    let mut sql = Sql::new(dialect);
    let scope = sql.int(scope);
    let leg = match ranges(query).into_iter().find(|range| range.equal) {
        Some(range) => Leg::Equal(range),
        // Any walk finds them all.
        None => Leg::Walk,
    };
    let (source, within) = source(&mut sql, query, &leg, &scope);
    let mut parts = vec![on_shelf(&sql, query, &scope)];
    parts.extend(within);
    if let Some(filter) = &query.filter {
        parts.push(condition(&mut sql, filter, query.deleted));
    }
    sql.push(&format!("SELECT count(*) FROM {source} WHERE {}", parts.join(" AND ")));
    sql
}
