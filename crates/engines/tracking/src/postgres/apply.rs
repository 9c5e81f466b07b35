//! A group of tasks as one transaction, in a few round trips: what it depends on is read together, and what it
//! comes to is written together.

use std::collections::{BTreeMap, BTreeSet};

use base::{Error, Result, Uid};
use ports::tracking::{Piece, file::File};
use tokio_postgres::{Client, types::ToSql};

use super::{connect::explained, traces};
use crate::{
    block,
    disk::{end_of, number},
    doc::Doc,
    ledger::{Key, Ledger, Stored, Task, next_block, together},
};

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

async fn execute(client: &Client, text: &str, values: Values<'_>) -> Result<u64> {
    let statement = client.prepare(text).await.map_err(explained)?;
    client.execute(&statement, values).await.map_err(explained)
}

/// Does the tasks together. A refusal concerns only its own task, a failure all.
pub async fn group(client: &Client, tasks: &[Task]) -> Result<Vec<Result<u64>>> {
    client.batch_execute("BEGIN").await.map_err(explained)?;
    // Everybody else who writes waits here until the end of the transaction.
    let count = "UPDATE tracking_counter SET change = change + 1 RETURNING change";
    let change: i64 = client.query_one(count, &[]).await.map_err(explained)?.get(0);
    let mut ledger = load(client, tasks).await?;
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        answers.push(match ledger.perform(task) {
            Ok(()) => beside(client, task).await?,
            Err(error) => Err(error),
        });
    }
    flush(client, ledger, change).await?;
    client.batch_execute("COMMIT").await.map_err(explained)?;
    Ok(answers)
}

async fn load(client: &Client, tasks: &[Task]) -> Result<Ledger> {
    let keys: BTreeSet<Key> = tasks.iter().flat_map(Task::keys).collect();
    let mut ledger = Ledger::default();
    if keys.is_empty() {
        return Ok(ledger);
    }
    let orgs: Vec<&str> = keys.iter().map(|key| key.0.as_str()).collect();
    let ids: Vec<&str> = keys.iter().map(|key| key.1.as_str()).collect();
    let find = "SELECT r.org, r.id, r.number, r.doc FROM unnest($1::text[], $2::text[]) AS k(org, id)
                JOIN tracking_runs r ON r.org = k.org AND r.id = k.id";
    for row in client.query(find, &[&orgs, &ids]).await.map_err(explained)? {
        let doc: &[u8] = row.get(3);
        let doc = if doc.is_empty() { None } else { Some(Doc::decode(doc)?) };
        ledger
            .runs
            .insert((row.get(0), Uid::known(row.get::<_, String>(1))), Stored { number: row.get(2), doc });
    }
    for key in keys {
        ledger.runs.entry(key).or_insert(Stored { number: None, doc: None });
    }
    Ok(ledger)
}

/// What of a task is no matter of the ledger: files and traces. A refusal within concerns only the task.
async fn beside(client: &Client, task: &Task) -> Result<Result<u64>> {
    match task {
        Task::Traces(act) => traces::perform(client, act).await,
        Task::Import(pieces) => {
            traces::import(client, pieces).await?;
            Ok(Ok(move_files(client, task).await?))
        }
        Task::Put(_) | Task::Log(..) | Task::Forget(..) | Task::Place(..) | Task::Remove(..) => {
            Ok(Ok(move_files(client, task).await?))
        }
    }
}

async fn move_files(client: &Client, task: &Task) -> Result<u64> {
    match task {
        Task::Place(org, files) => {
            place(client, &files.iter().map(|file| (org.as_str(), file)).collect::<Vec<_>>()).await
        }
        Task::Remove(org, tree, path) => {
            let gone = "DELETE FROM tracking_files WHERE org = $1 AND tree = $2
                        AND ($3 = '' OR path = $3 OR (path > $4 AND path < $5))";
            let (from, to) = (format!("{path}/"), end_of(path));
            execute(client, gone, &[org, &tree.as_str(), path, &from, &to]).await
        }
        Task::Import(pieces) => {
            let files = pieces.iter().filter_map(|piece| match piece {
                Piece::File(org, file) => Some((org.as_str(), file)),
                Piece::Run(_) | Piece::Logged(..) | Piece::Trace(_) | Piece::Spans(..) => None,
            });
            place(client, &files.collect::<Vec<_>>()).await
        }
        Task::Put(_) | Task::Log(..) | Task::Forget(..) | Task::Traces(_) => Ok(0),
    }
}

async fn place(client: &Client, files: &[(&str, &File)]) -> Result<u64> {
    // A statement cannot touch a row twice: the last file at a path is the one that lies there.
    let files: BTreeMap<(&str, &str, &str), &File> =
        files.iter().map(|(org, file)| ((*org, file.tree.as_str(), file.path.as_str()), *file)).collect();
    if files.is_empty() {
        return Ok(0);
    }
    let orgs: Vec<&str> = files.keys().map(|key| key.0).collect();
    let trees: Vec<&str> = files.keys().map(|key| key.1).collect();
    let paths: Vec<&str> = files.keys().map(|key| key.2).collect();
    let blobs: Vec<&[u8]> = files.values().map(|file| file.blob.bytes().as_slice()).collect();
    let bytes: Vec<i64> = files.values().map(|file| file.bytes as i64).collect();
    let times: Vec<i64> = files.values().map(|file| file.time_ms).collect();
    let put = "INSERT INTO tracking_files
               SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::bigint[])
               ON CONFLICT (org, tree, path)
               DO UPDATE SET blob = excluded.blob, bytes = excluded.bytes, time_ms = excluded.time_ms";
    execute(client, put, &[&orgs, &trees, &paths, &blobs, &bytes, &times]).await
}

async fn flush(client: &Client, mut ledger: Ledger, change: i64) -> Result<()> {
    for key in &ledger.forgotten {
        let run = ledger.runs.get(key).and_then(|stored| stored.number);
        execute(client, "DELETE FROM tracking_blocks WHERE run = $1", &[&run]).await?;
        execute(client, "DELETE FROM tracking_measured WHERE org = $1 AND run = $2", &[&key.0, &run]).await?;
    }
    number_new(client, &mut ledger).await?;
    append(client, &mut ledger).await?;
    for (model, key) in &ledger.models {
        let run = ledger.runs.get(key).and_then(|stored| stored.number);
        let note = "INSERT INTO tracking_measured VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        execute(client, note, &[&key.0, model, &run]).await?;
    }
    let (mut numbers, mut orgs, mut ids, mut docs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for key in &ledger.changed {
        let Some(Stored { number: Some(number), doc }) = ledger.runs.get(key) else { continue };
        numbers.push(*number);
        orgs.push(key.0.as_str());
        ids.push(key.1.as_str());
        docs.push(doc.as_ref().map(Doc::encode).unwrap_or_default());
    }
    let put = "INSERT INTO tracking_runs (number, org, id, experiment, change, doc)
               SELECT k.number, k.org, k.id, k.number >> 32, $5, k.doc
               FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[]) AS k(number, org, id, doc)
               ON CONFLICT (number) DO UPDATE SET change = excluded.change, doc = excluded.doc";
    if !numbers.is_empty() {
        execute(client, put, &[&numbers, &orgs, &ids, &docs, &change]).await?;
    }
    Ok(())
}

/// Gives new runs their places, an experiment at a time.
async fn number_new(client: &Client, ledger: &mut Ledger) -> Result<()> {
    let mut new: BTreeMap<(String, Uid), Vec<Key>> = BTreeMap::new();
    for key in &ledger.changed {
        if let Some(Stored { number: None, doc: Some(doc) }) = ledger.runs.get(key) {
            new.entry((key.0.clone(), doc.run.experiment.clone())).or_default().push(key.clone());
        }
    }
    for ((org, experiment), keys) in new {
        let more = keys.len() as i64;
        let take = "INSERT INTO tracking_experiments (org, id, places) VALUES ($1, $2, $3)
                    ON CONFLICT (org, id) DO UPDATE SET places = tracking_experiments.places + excluded.places
                    RETURNING number, places";
        let statement = client.prepare(take).await.map_err(explained)?;
        let row =
            client.query_one(&statement, &[&org, &experiment.as_str(), &more]).await.map_err(explained)?;
        let (experiment, places): (i64, i64) = (row.get(0), row.get(1));
        for (at, key) in keys.iter().enumerate() {
            if let Some(stored) = ledger.runs.get_mut(key) {
                stored.number = Some(number(experiment, places - more + at as i64));
            }
        }
    }
    Ok(())
}

/// Writes the blocks of the group at once, then puts those together that have become many.
async fn append(client: &Client, ledger: &mut Ledger) -> Result<()> {
    let (mut runs, mut keys, mut numbers, mut blocks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut many = Vec::new();
    for ((key, metric), mut points) in std::mem::take(&mut ledger.points) {
        let Some(Stored { number: Some(run), doc: Some(doc) }) = ledger.runs.get_mut(&key) else { continue };
        let Some((number, open)) = next_block(doc, &metric) else { continue };
        block::settle(&mut points);
        runs.push(*run);
        numbers.push(number as i64);
        blocks.push(block::encode(&points));
        many.extend(open.map(|open| (key, metric.clone(), open)));
        keys.push(metric);
    }
    write(client, &runs, (&keys, &numbers), &blocks).await?;
    for (key, metric, open) in many {
        let Some(Stored { number: Some(run), doc: Some(doc) }) = ledger.runs.get_mut(&key) else { continue };
        let gone = "DELETE FROM tracking_blocks WHERE run = $1 AND key = $2 AND number >= $3 RETURNING number, block";
        let rows = client.query(gone, &[run, &metric, &(open as i64)]).await.map_err(explained)?;
        let mut found: Vec<(i64, Vec<u8>)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        found.sort_unstable_by_key(|(number, _)| *number);
        let found: Vec<Vec<u8>> = found.into_iter().map(|(_, block)| block).collect();
        let made = together(doc, &metric, &found)?;
        let numbers: Vec<i64> = (0..made.len() as i64).map(|at| open as i64 + at).collect();
        write(client, &vec![*run; made.len()], (&vec![metric; made.len()], &numbers), &made).await?;
    }
    Ok(())
}

async fn write(
    client: &Client,
    runs: &[i64],
    (keys, numbers): (&[String], &[i64]),
    blocks: &[Vec<u8>],
) -> Result<(), Error> {
    if runs.is_empty() {
        return Ok(());
    }
    let put = "INSERT INTO tracking_blocks SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[])";
    execute(client, put, &[&runs, &keys, &numbers, &blocks]).await.map(drop)
}
