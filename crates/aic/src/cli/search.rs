//! `aic search`: objects of all kinds by their words.

use serde_json::{Map, Value, json};

use super::{Cx, listing};
use crate::client::Ask;
use crate::failure::Result;

const PATH: &str = "/api/v1/catalog/search";

/// Arguments of `aic search`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Search {
    /// The words: `"a phrase"`, `-not`, `OR` are understood. Everything when none are given.
    words: Vec<String>,
    /// Only this kind, as `catalog.models`; may be given several times.
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// How many at most.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
    /// `relevance`, `updated` or `created`.
    #[arg(long, default_value = "relevance", value_name = "ORDER")]
    sort: String,
    #[command(subcommand)]
    command: Option<Upkeep>,
}

/// Keeping the index.
#[derive(clap::Subcommand)]
enum Upkeep {
    /// Make the index anew from all objects.
    Rebuild,
    /// Tell how far the index has followed the journal.
    Status,
}

const COLUMNS: &[(&str, &str)] = &[
    ("KIND", "kind"),
    ("NAME", "name"),
    ("PROJECT", "project"),
    ("UPDATED", "updated"),
    ("TEXT", "excerpt"),
];

/// Searches, or keeps the index.
pub fn run(cx: &mut Cx, it: &Search) -> Result<()> {
    match it.command {
        None => find(cx, it),
        Some(Upkeep::Rebuild) => {
            let ask = Ask::post("/api/v1/catalog/search-index/rebuild").json(&Value::Object(Map::new()));
            let answer = cx.client.json(ask)?;
            cx.out.value(&answer, |it| format!("{} objects are in the index\n", it["objects"]))
        }
        Some(Upkeep::Status) => {
            let answer = cx.client.json(Ask::get("/api/v1/catalog/search-index"))?;
            cx.out.value(&answer, |it| format!("at {} of {}\n", it["position"], it["head"]))
        }
    }
}

fn find(cx: &mut Cx, it: &Search) -> Result<()> {
    let mut ask = json!({"query": it.words.join(" "), "kinds": it.kind, "limit": it.limit, "sort": it.sort});
    if let Some(project) = &cx.settings.project {
        ask["projects"] = json!([project]);
    }
    let answer = cx.client.json(Ask::call(format!("{PATH}/advanced")).json(&ask))?;
    cx.out.value(&answer, |it| {
        let table = listing::columns(it, COLUMNS);
        let total = it.pointer("/metadata/total").and_then(Value::as_u64).unwrap_or(0);
        let shown = it["items"].as_array().map_or(0, Vec::len) as u64;
        if total > shown { format!("{table}{shown} of {total}\n") } else { table }
    })
}
