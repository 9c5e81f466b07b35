//! Questions to the file.

use base::{Digest, Uid};
use ports::tracking::file::{Entry, File};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::disk::{Changed, Part, end_of};

/// A run's number and record.
pub fn doc(db: &Connection, org: &str, run: &Uid) -> Result<Option<(i64, Vec<u8>)>> {
    db.prepare_cached("SELECT number, doc FROM runs WHERE org = ?1 AND id = ?2")?
        .query_row((org, run.as_str()), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Records by number.
pub fn docs(db: &Connection, numbers: &[i64]) -> Result<Vec<Vec<u8>>> {
    let mut statement = db.prepare_cached("SELECT doc FROM runs WHERE number = ?1")?;
    let mut one = |number: &i64| statement.query_row([number], |row| row.get(0)).optional();
    numbers.iter().map(|number| Ok(one(number)?.unwrap_or_default())).collect()
}

/// The number of an experiment.
pub fn experiment(db: &Connection, org: &str, id: &Uid) -> Result<Option<i64>> {
    db.prepare_cached("SELECT number FROM experiments WHERE org = ?1 AND id = ?2")?
        .query_row((org, id.as_str()), |row| row.get(0))
        .optional()
}

/// What changed in an experiment.
pub fn changed(db: &Connection, experiment: i64, after: (i64, i64), limit: u32) -> Result<Vec<Changed>> {
    let row = |row: &Row<'_>| Ok(Changed { number: row.get(0)?, change: row.get(1)?, doc: row.get(2)? });
    db.prepare_cached(
        "SELECT number, change, doc FROM runs WHERE experiment = ?1 AND (change, number) > (?2, ?3)
         ORDER BY change, number LIMIT ?4",
    )?
    .query_map(params![experiment, after.0, after.1, limit], row)?
    .collect()
}

/// The blocks of a metric from one on.
pub fn blocks(db: &Connection, run: i64, key: &str, from: u64) -> Result<Vec<Vec<u8>>> {
    db.prepare_cached(
        "SELECT block FROM blocks WHERE run = ?1 AND key = ?2 AND number >= ?3 ORDER BY number",
    )?
    .query_map(params![run, key, from as i64], |row| row.get(0))?
    .collect()
}

/// The records of runs with metrics of these models.
pub fn measuring(db: &Connection, org: &str, models: &[String]) -> Result<Vec<Vec<u8>>> {
    let mut statement = db.prepare_cached(
        "SELECT r.number, r.doc FROM measured m JOIN runs r ON r.number = m.run WHERE m.org = ?1 AND m.model = ?2",
    )?;
    let mut found = std::collections::BTreeMap::new();
    for model in models {
        let rows = statement.query_map((org, model), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
        for row in rows {
            let (number, doc) = row?;
            found.insert(number, doc);
        }
    }
    Ok(found.into_values().collect())
}

/// Records by number.
pub fn scan(db: &Connection, after: i64, limit: u32) -> Result<Vec<(i64, Vec<u8>)>> {
    db.prepare_cached("SELECT number, doc FROM runs WHERE number > ?1 ORDER BY number LIMIT ?2")?
        .query_map(params![after, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn file(row: &Row<'_>) -> Result<File> {
    Ok(File {
        tree: Uid::known(row.get::<_, String>(0)?),
        path: row.get(1)?,
        blob: Digest::new(row.get(2)?),
        bytes: row.get::<_, i64>(3)? as u64,
        time_ms: row.get(4)?,
    })
}

/// Files of a part of a tree.
pub fn files(db: &Connection, part: &Part) -> Result<Vec<File>> {
    db.prepare_cached(
        "SELECT tree, path, blob, bytes, time_ms FROM files WHERE org = ?1 AND tree = ?2 AND path > ?3
         AND (?4 = '' OR path = ?4 OR (path > ?5 AND path < ?6)) ORDER BY path LIMIT ?7",
    )?
    .query_map(
        params![
            part.org,
            part.tree.as_str(),
            part.after,
            part.path,
            format!("{}/", part.path),
            end_of(&part.path),
            part.limit
        ],
        file,
    )?
    .collect()
}

/// What lies in a directory: from each entry to the next by the index, whatever lies below.
pub fn entries(db: &Connection, part: &Part) -> Result<Vec<Entry>> {
    let prefix = if part.path.is_empty() { String::new() } else { format!("{}/", part.path) };
    let mut next = db.prepare_cached(
        "SELECT tree, path, blob, bytes, time_ms FROM files WHERE org = ?1 AND tree = ?2 AND path >= ?3
         ORDER BY path LIMIT 1",
    )?;
    let mut from = prefix.clone();
    if part.after.as_str() > prefix.as_str() {
        // A file is passed alone, a directory with all that is below it.
        let at = next.query_row((&part.org, part.tree.as_str(), &part.after), file).optional()?;
        let is_file = at.is_some_and(|it| it.path == part.after);
        from = if is_file { format!("{}\u{1}", part.after) } else { end_of(&part.after) };
    }
    let mut found = Vec::new();
    while (found.len() as u64) < u64::from(part.limit) {
        let Some(file) = next.query_row((&part.org, part.tree.as_str(), &from), file).optional()? else {
            break;
        };
        let Some(rest) = file.path.strip_prefix(&prefix) else { break };
        match rest.split_once('/') {
            Some((name, _)) => {
                let path = format!("{prefix}{name}");
                from = end_of(&path);
                found.push(Entry::Directory(path));
            }
            None => {
                from = format!("{}\u{1}", file.path);
                found.push(Entry::File(file));
            }
        }
    }
    Ok(found)
}

/// Digests of files.
pub fn blobs(db: &Connection, after: Option<Digest>, limit: u32) -> Result<Vec<Digest>> {
    let after = after.map_or_else(Vec::new, |digest| digest.bytes().to_vec());
    db.prepare_cached("SELECT DISTINCT blob FROM files WHERE blob > ?1 ORDER BY blob LIMIT ?2")?
        .query_map(params![after, limit], |row| Ok(Digest::new(row.get(0)?)))?
        .collect()
}

/// Files of all trees.
pub fn all_files(db: &Connection, after: &[String; 3], limit: u32) -> Result<Vec<(String, File)>> {
    db.prepare_cached(
        "SELECT tree, path, blob, bytes, time_ms, org FROM files WHERE (org, tree, path) > (?1, ?2, ?3)
         ORDER BY org, tree, path LIMIT ?4",
    )?
    .query_map(params![after[0], after[1], after[2], limit], |row| Ok((row.get(5)?, file(row)?)))?
    .collect()
}
