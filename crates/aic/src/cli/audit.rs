//! `aic audit`: the journal of the whole organization.

use serde_json::{Map, Value, json};

use super::{Cx, listing};
use crate::client::Ask;
use crate::failure::{Failure, Result};
use crate::output::text;

const PATH: &str = "/api/v1/admin/audit";
/// The most entries the server gives at once.
const PAGE: usize = 1000;

/// What one can do with the journal.
#[derive(clap::Subcommand)]
pub enum Audit {
    /// List its entries, newest first.
    List(Search),
    /// Recompute its chain of hashes, and name the first entry that does not fit.
    Verify,
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
        Audit::Verify => verify(cx),
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
