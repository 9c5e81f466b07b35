//! Questions to the database.

use std::collections::BTreeMap;

use base::{Digest, Error, Result, Uid};
use deadpool_postgres::Pool;
use ports::tracking::file::{Entry, File};
use tokio_postgres::{Row, types::ToSql};

use super::connect::{explained, pool};
use crate::disk::{Changed, Part, end_of};

async fn ask(readers: &Pool, text: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
    let client = readers.get().await.map_err(pool)?;
    let statement = client.prepare_cached(text).await.map_err(explained)?;
    client.query(&statement, values).await.map_err(explained)
}

/// A run's number and record.
pub async fn doc(readers: &Pool, org: &str, run: &Uid) -> Result<Option<(i64, Vec<u8>)>> {
    let text = "SELECT number, doc FROM tracking_runs WHERE org = $1 AND id = $2";
    let rows = ask(readers, text, &[&org, &run.as_str()]).await?;
    Ok(rows.first().map(|row| (row.get(0), row.get(1))))
}

/// Records by number.
pub async fn docs(readers: &Pool, numbers: Vec<i64>) -> Result<Vec<Vec<u8>>> {
    let text = "SELECT number, doc FROM tracking_runs WHERE number = ANY($1)";
    let rows = ask(readers, text, &[&numbers]).await?;
    let mut found: BTreeMap<i64, Vec<u8>> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(numbers.iter().map(|number| found.remove(number).unwrap_or_default()).collect())
}

/// The number of an experiment.
pub async fn experiment(readers: &Pool, org: &str, id: &Uid) -> Result<Option<i64>> {
    let text = "SELECT number FROM tracking_experiments WHERE org = $1 AND id = $2";
    Ok(ask(readers, text, &[&org, &id.as_str()]).await?.first().map(|row| row.get(0)))
}

/// What changed in an experiment.
pub async fn changed(readers: &Pool, experiment: i64, after: (i64, i64), limit: u32) -> Result<Vec<Changed>> {
    let text = "SELECT number, change, doc FROM tracking_runs
                WHERE experiment = $1 AND (change, number) > ($2, $3) ORDER BY change, number LIMIT $4";
    let rows = ask(readers, text, &[&experiment, &after.0, &after.1, &i64::from(limit)]).await?;
    let changed = |row: &Row| Changed { number: row.get(0), change: row.get(1), doc: row.get(2) };
    Ok(rows.iter().map(changed).collect())
}

/// The blocks of a metric.
pub async fn blocks(readers: &Pool, run: i64, key: &str) -> Result<Vec<Vec<u8>>> {
    let text = "SELECT block FROM tracking_blocks WHERE run = $1 AND key = $2 ORDER BY number";
    Ok(ask(readers, text, &[&run, &key]).await?.iter().map(|row| row.get(0)).collect())
}

/// The records of runs with metrics of these models.
pub async fn measuring(readers: &Pool, org: &str, models: &[String]) -> Result<Vec<Vec<u8>>> {
    let text = "SELECT DISTINCT ON (r.number) r.doc FROM tracking_measured m
                JOIN tracking_runs r ON r.number = m.run WHERE m.org = $1 AND m.model = ANY($2)";
    Ok(ask(readers, text, &[&org, &models]).await?.iter().map(|row| row.get(0)).collect())
}

/// Records by number.
pub async fn scan(readers: &Pool, after: i64, limit: u32) -> Result<Vec<(i64, Vec<u8>)>> {
    let text = "SELECT number, doc FROM tracking_runs WHERE number > $1 ORDER BY number LIMIT $2";
    let rows = ask(readers, text, &[&after, &i64::from(limit)]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn digest(bytes: &[u8]) -> Result<Digest> {
    let bytes = bytes.try_into().map_err(|_| Error::internal("a digest in the database is damaged"))?;
    Ok(Digest::new(bytes))
}

fn file(row: &Row) -> Result<File> {
    Ok(File {
        tree: Uid::known(row.get::<_, String>(0)),
        path: row.get(1),
        blob: digest(row.get(2))?,
        bytes: row.get::<_, i64>(3) as u64,
        time_ms: row.get(4),
    })
}

/// Files of a part of a tree.
pub async fn files(readers: &Pool, part: Part) -> Result<Vec<File>> {
    let text = "SELECT tree, path, blob, bytes, time_ms FROM tracking_files WHERE org = $1 AND tree = $2
                AND path > $3 AND ($4 = '' OR path = $4 OR (path > $5 AND path < $6)) ORDER BY path LIMIT $7";
    let (from, to) = (format!("{}/", part.path), end_of(&part.path));
    let (tree, limit) = (part.tree.as_str(), i64::from(part.limit));
    let rows = ask(readers, text, &[&part.org, &tree, &part.after, &part.path, &from, &to, &limit]).await?;
    rows.iter().map(file).collect()
}

/// What lies in a directory: from each entry to the next by the index, within the server.
pub async fn entries(readers: &Pool, part: Part) -> Result<Vec<Entry>> {
    let text = "WITH RECURSIVE walk AS (
                  (SELECT f.*, 0::bigint AS at FROM tracking_files f
                   WHERE org = $1 AND tree = $2 AND path >= $4 ORDER BY path LIMIT 1)
                  UNION ALL
                  SELECT n.* FROM walk w CROSS JOIN LATERAL (
                    SELECT f.*, w.at + 1 FROM tracking_files f WHERE org = $1 AND tree = $2
                    AND path >= CASE WHEN strpos(substr(w.path, length($3) + 1), '/') > 0
                      THEN $3 || split_part(substr(w.path, length($3) + 1), '/', 1) || '0'
                      ELSE w.path || chr(1) END
                    ORDER BY path LIMIT 1) n
                  WHERE w.at + 1 < $5 AND starts_with(w.path, $3))
                SELECT tree, path, blob, bytes, time_ms FROM walk WHERE starts_with(path, $3) ORDER BY at";
    let prefix = if part.path.is_empty() { String::new() } else { format!("{}/", part.path) };
    let (tree, limit) = (part.tree.as_str(), i64::from(part.limit));
    let mut from = prefix.clone();
    if part.after.as_str() > prefix.as_str() {
        // A file is passed alone, a directory with all that is below it.
        let at = "SELECT 1 FROM tracking_files WHERE org = $1 AND tree = $2 AND path = $3";
        let is_file = !ask(readers, at, &[&part.org, &tree, &part.after]).await?.is_empty();
        from = if is_file { format!("{}\u{1}", part.after) } else { end_of(&part.after) };
    }
    let rows = ask(readers, text, &[&part.org, &tree, &prefix, &from, &limit]).await?;
    let entry = |row: &Row| {
        let file = file(row)?;
        Ok(match file.path[prefix.len()..].split_once('/') {
            Some((name, _)) => Entry::Directory(format!("{prefix}{name}")),
            None => Entry::File(file),
        })
    };
    rows.iter().map(entry).collect()
}

/// Digests of files.
pub async fn blobs(readers: &Pool, after: Option<Digest>, limit: u32) -> Result<Vec<Digest>> {
    let text = "SELECT DISTINCT blob FROM tracking_files WHERE blob > $1 ORDER BY blob LIMIT $2";
    let after = after.map_or_else(Vec::new, |digest| digest.bytes().to_vec());
    ask(readers, text, &[&after, &i64::from(limit)]).await?.iter().map(|row| digest(row.get(0))).collect()
}

/// Files of all trees.
pub async fn all_files(readers: &Pool, after: [String; 3], limit: u32) -> Result<Vec<(String, File)>> {
    let text = "SELECT tree, path, blob, bytes, time_ms, org FROM tracking_files
                WHERE (org, tree, path) > ($1, $2, $3) ORDER BY org, tree, path LIMIT $4";
    let [org, tree, path] = after;
    let rows = ask(readers, text, &[&org, &tree, &path, &i64::from(limit)]).await?;
    rows.iter().map(|row| Ok((row.get(5), file(row)?))).collect()
}
