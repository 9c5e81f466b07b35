//! A question about the journal as a statement.

use kernel::{
    journal::{Change, PURGE},
    store::{ChangeQuery, Emptied, Outdated},
};

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

/// How many entries are looked at for one page of what is to be emptied.
const EMPTIED_PAGE: u32 = 500;

/// The entries that are old enough to be emptied, and that a later one of the same object supersedes.
pub fn outdated(dialect: Dialect, it: &Outdated) -> Sql {
    let mut sql = Sql::new(dialect);
    let org = sql.text(it.org.as_str());
    let after = sql.int(i64::try_from(it.after).unwrap_or(i64::MAX));
    let before = sql.int(it.before.micros());
    let limit = sql.int(i64::from(EMPTIED_PAGE));
    let index = sql.indexed_by("changes_org");
    sql.push(&format!(
        "SELECT {CHANGE_COLUMNS} FROM changes c{index} WHERE c.org = {org} AND c.position > {after} AND c.time < {before} \
         AND (c.verb = '{PURGE}' OR EXISTS (SELECT 1 FROM changes d WHERE d.uid = c.uid AND d.position > c.position)) \
         ORDER BY c.position LIMIT {limit}"
    ));
    sql
}

/// What is written in place of which bodies, and what is answered then.
pub fn emptied(it: &Outdated, found: &[Change]) -> (Vec<(u64, String)>, Emptied) {
    let spared =
        |change: &Change| it.spared.iter().any(|it| it == change.uid.as_str() || *it == change.actor);
    let bodies: Vec<(u64, String)> = found
        .iter()
        .filter(|change| !spared(change))
        .filter_map(|change| Some((change.position, change.without_body()?)))
        .collect();
    let next = found.last().filter(|_| found.len() == EMPTIED_PAGE as usize).map(|last| last.position);
    let entries = bodies.len() as u64;
    (bodies, Emptied { entries, next })
}
