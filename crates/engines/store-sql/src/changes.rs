//! A question about the journal as a statement.

use kernel::store::ChangeQuery;

use crate::{
    check::ROWS_MAX,
    row::CHANGE_COLUMNS,
    sql::{Dialect, Sql},
};

/// The entries a question finds, newest first.
pub fn history(dialect: Dialect, query: &ChangeQuery) -> Sql {
    let mut sql = Sql::new(dialect);
    let mut parts = Vec::new();
    for (column, wanted) in [
        ("org", query.org.as_deref()),
        ("project", query.project.as_deref()),
        ("kind", query.kind.as_deref()),
        ("uid", query.uid.as_ref().map(|uid| uid.as_str())),
        ("actor", query.actor.as_deref()),
        ("verb", query.verb.as_deref()),
    ] {
        if let Some(wanted) = wanted {
            let wanted = sql.text(wanted);
            parts.push(format!("c.{column} = {wanted}"));
        }
    }
    if let Some(since) = query.since {
        let since = sql.int(since.micros());
        parts.push(format!("c.time >= {since}"));
    }
    if let Some(until) = query.until {
        let until = sql.int(until.micros());
        parts.push(format!("c.time < {until}"));
    }
    if let Some(before) = query.before {
        let before = sql.int(i64::try_from(before).unwrap_or(i64::MAX));
        parts.push(format!("c.position < {before}"));
    }
    let index = match (&query.uid, &query.org) {
        (Some(_), _) => sql.indexed_by("changes_uid"),
        (None, Some(_)) => sql.indexed_by("changes_org"),
        (None, None) => String::new(),
    };
    let holds = if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) };
    let limit = sql.int(i64::from(query.limit.min(ROWS_MAX)));
    sql.push(&format!(
        "SELECT {CHANGE_COLUMNS} FROM changes c{index}{holds} ORDER BY c.position DESC LIMIT {limit}"
    ));
    sql
}
