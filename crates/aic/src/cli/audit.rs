//! `aic audit`: the journal of the whole organization.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Cx, backup, listing};
use crate::client::Ask;
use crate::failure::{Failure, Result};
use crate::output::text;
use crate::verify as offline;

const PATH: &str = "/api/v1/admin/audit";
/// The most entries the server gives at once.
const PAGE: usize = 1000;

/// What one can do with the journal.
#[derive(clap::Subcommand)]
pub enum Audit {
    /// List its entries, newest first.
    List(Search),
    /// Recompute its chain of hashes, and name the first entry that does not fit.
    Verify(Verify),
    /// Write it into a file that can be verified without the server.
    Export(Export),
    /// Have the server sign it as it is now, and write the signed checkpoint.
    Checkpoint(Checkpoint),
}

/// What to verify.
#[derive(clap::Args)]
pub struct Verify {
    /// A file of `aic audit export`, verified here and without a server, instead of the server's journal.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A checkpoint the file must fit.
    #[arg(long, value_name = "FILE", requires = "file", requires = "key")]
    checkpoint: Option<PathBuf>,
    /// The public key of the checkpoint, or a file that holds it.
    #[arg(long, value_name = "KEY", requires = "checkpoint")]
    key: Option<String>,
}

/// What to export.
#[derive(clap::Args)]
pub struct Export {
    /// The file; it must not be there yet.
    file: PathBuf,
    /// As comma-separated values, for spreadsheets; these cannot be verified.
    #[arg(long)]
    csv: bool,
    /// From this entry on.
    #[arg(long, value_name = "N", default_value_t = 1)]
    from: u64,
    /// With the entries of every organization, for administrators of the platform.
    #[arg(long)]
    all: bool,
}

/// Where to write a checkpoint.
#[derive(clap::Args)]
pub struct Checkpoint {
    /// The file; standard output when absent.
    file: Option<PathBuf>,
    /// Print the public key checkpoints are verified with, and sign nothing.
    #[arg(long, conflicts_with = "file")]
    key: bool,
}

/// Which entries.
#[derive(clap::Args)]
pub struct Search {
    /// By whom: `user:ada`.
    #[arg(long)]
    actor: Option<String>,
    /// Of which kind: `catalog.models`.
    #[arg(long)]
    kind: Option<String>,
    /// What was done: `create`.
    #[arg(long)]
    verb: Option<String>,
    /// To which object.
    #[arg(long)]
    uid: Option<String>,
    /// Only in the project that --project names, not in the whole organization.
    #[arg(long)]
    in_project: bool,
    /// Not before: `2026-01-31T08:00:00Z`.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most so many; the journal only grows, and one would wait for all of it.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Runs one of them.
pub fn run(cx: &mut Cx, it: &Audit) -> Result<()> {
    match it {
        Audit::List(search) => list(cx, search),
        Audit::Verify(it) => match &it.file {
            Some(file) => verify_file(cx, file, it),
            None => verify(cx),
        },
        Audit::Export(it) => export(cx, it),
        Audit::Checkpoint(it) => checkpoint(cx, it),
    }
}

fn list(cx: &mut Cx, it: &Search) -> Result<()> {
    let project = cx.settings.project.as_ref().filter(|_| it.in_project);
    if it.in_project && project.is_none() {
        return Err(Failure::usage("which project? name it with --project"));
    }
    let words = [
        ("actor", it.actor.as_ref()),
        ("kind", it.kind.as_ref()),
        ("verb", it.verb.as_ref()),
        ("uid", it.uid.as_ref()),
        ("project", project),
        ("since", it.since.as_ref()),
        ("until", it.until.as_ref()),
    ];
    let said =
        words.into_iter().filter_map(|(name, word)| Some((name.to_owned(), Value::String(word?.clone()))));
    let said: Map<String, Value> = said.collect();
    let mut items: Vec<Value> = Vec::new();
    let mut token = String::new();
    loop {
        let mut ask = said.clone();
        ask.insert("limit".to_owned(), json!(PAGE.min(it.limit - items.len()).max(1)));
        if !token.is_empty() {
            ask.insert("pageToken".to_owned(), json!(token));
        }
        let mut page = cx.client.json(Ask::call(format!("{PATH}/search")).json(&Value::Object(ask)))?;
        if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
            items.extend(more);
        }
        let next = text(&page, "metadata.nextPageToken");
        if next.is_empty() || next == token || items.len() >= it.limit {
            break;
        }
        token = next;
    }
    items.truncate(it.limit);
    cx.out.value(&json!({"kind": "AuditList", "items": items}), |found| {
        let columns = [
            ("POSITION", "position"),
            ("TIME", "time"),
            ("ACTOR", "actor"),
            ("VERB", "verb"),
            ("KIND", "kind"),
            ("NAME", "name"),
            ("PROJECT", "project"),
        ];
        listing::columns(found, &columns)
    })
}

fn verify(cx: &mut Cx) -> Result<()> {
    let answer = cx.client.json(Ask::call(format!("{PATH}/verify")).json(&json!({})))?;
    let bad = answer.get("firstBad").filter(|bad| !bad.is_null()).cloned();
    cx.out.value(&answer, |answer| {
        let (entries, head) = (text(answer, "entries"), text(answer, "head"));
        match &bad {
            None => format!("{entries} entries, unbroken; the last hash is {head}\n"),
            Some(bad) => format!("{entries} entries; the chain is broken at {bad}\n"),
        }
    })?;
    match bad {
        None => Ok(()),
        Some(bad) => Err(Failure::failed(format!("entry {bad} does not fit the one before"))
            .hint("somebody changed the store beside the platform; compare with a backup")),
    }
}

fn verify_file(cx: &mut Cx, file: &Path, it: &Verify) -> Result<()> {
    let signed = it.checkpoint.clone().zip(it.key.clone());
    let found = offline::run(file, signed.as_ref())?;
    let (last, head) = found.walk.last.map_or((0, String::new()), |(last, head)| (last, head.to_string()));
    let told = json!({
        "entries": found.walk.entries,
        "told": found.walk.told,
        "first": found.walk.first,
        "last": last,
        "head": head,
        "checkpoint": found.checkpoint.as_ref().map(|it| it.position),
    });
    cx.out.value(&told, |told| {
        let signed = match &found.checkpoint {
            Some(it) => format!("; signed up to entry {}", it.position),
            None => String::new(),
        };
        let entries = text(told, "entries");
        format!("{entries} entries, unbroken, {} of them told{signed}\n", found.walk.told)
    })
}

fn export(cx: &mut Cx, it: &Export) -> Result<()> {
    if it.file.exists() {
        return Err(Failure::usage(format!("`{}` is there already", it.file.display())));
    }
    let ask = Ask::get(format!("{PATH}/export"))
        .with("format", if it.csv { "csv" } else { "jsonl" })
        .with("from", it.from)
        .with("all", it.all);
    let answer = cx.client.send(ask.accept("*/*"))?;
    let bytes = backup::save(cx, answer, &it.file, 0o600)?;
    cx.out.say(&format!("{}: {bytes} bytes", it.file.display()))
}

fn checkpoint(cx: &mut Cx, it: &Checkpoint) -> Result<()> {
    const CHECKPOINTS: &str = "/api/v1/admin/audit-checkpoints";
    if it.key {
        let answer = cx.client.json(Ask::get(format!("{CHECKPOINTS}/key")))?;
        return cx.out.line(&text(&answer, "publicKey"));
    }
    let answer = cx.client.json(Ask::post(format!("{CHECKPOINTS}/sign")).json(&json!({})))?;
    let note = text(&answer, "note");
    match &it.file {
        Some(file) => {
            std::fs::write(file, &note).map_err(|error| Failure::file(file.display(), &error))?;
            cx.out.say(&format!("{}: signed up to entry {}", file.display(), text(&answer, "position")))
        }
        None => cx.out.bytes(note.as_bytes()),
    }
}
