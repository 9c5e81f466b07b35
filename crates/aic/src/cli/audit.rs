//! `aic audit`: the journal of the whole platform.

use serde_json::json;

use super::{Cx, listing};
use crate::client::Ask;
use crate::failure::{Failure, Result};
use crate::output::text;

/// What one can do with the journal.
#[derive(clap::Subcommand)]
pub enum Audit {
    /// List its entries.
    List(listing::Query),
    /// Recompute its chain of hashes, and name the first entry that does not fit.
    Verify,
}

/// Runs one of them.
pub fn run(cx: &mut Cx, it: &Audit) -> Result<()> {
    match it {
        Audit::List(query) => {
            // The journal only grows; without a limit one would wait for all of it.
            let query = listing::Query { limit: query.limit.or(Some(100)), ..query.clone() };
            let found = listing::list(cx, "/api/v1/admin/audit", &query)?;
            cx.out.value(&found, |found| {
                listing::columns(
                    found,
                    &[
                        ("POSITION", "position"),
                        ("TIME", "time"),
                        ("ACTOR", "actor"),
                        ("VERB", "verb"),
                        ("KIND", "kind"),
                        ("NAME", "name"),
                        ("PROJECT", "project"),
                    ],
                )
            })
        }
        Audit::Verify => verify(cx),
    }
}

fn verify(cx: &mut Cx) -> Result<()> {
    let answer = cx.client.json(Ask::call("/api/v1/admin/audit/verify").json(&json!({})))?;
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
