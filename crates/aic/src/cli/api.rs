//! `aic api`: what the server serves, and any request to it.

use std::io::Read;

use serde_json::Value;

use super::kinds::{self, Call, Kind};
use super::{Cx, listing};
use crate::client::Ask;
use crate::failure::{Failure, Result};
use crate::output::{self, shown, text};

/// What `aic api` does.
#[derive(clap::Subcommand)]
pub enum Api {
    /// Write `openapi.json`, `kinds.md`, `errors.md` and `catalogue.tsv` from this binary's declarations; needs no server.
    Generate {
        /// The directory to write into.
        #[arg(long, value_name = "DIR")]
        dir: std::path::PathBuf,
    },
    /// List the kinds the server serves.
    Kinds,
    /// Explain a kind: its fields, actions and views.
    Explain {
        /// The kind.
        kind: String,
    },
    /// Send any request and print the answer.
    Raw {
        /// The method.
        method: Method,
        /// The path, as in `/api/v1/catalog/models`.
        path: String,
        /// The body, as JSON; `@FILE` reads it from there, `-` from standard input.
        #[arg(short, long)]
        data: Option<String>,
    },
}

/// HTTP's methods.
#[derive(Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// Runs one of them.
pub fn run(cx: &mut Cx, it: &Api) -> Result<()> {
    match it {
        Api::Generate { dir } => crate::server::generate(dir).map_err(|error| Failure::of(&error)),
        Api::Kinds => list(cx),
        Api::Explain { kind } => explain(cx, kind),
        Api::Raw { method, path, data } => raw(cx, *method, path, data.as_deref()),
    }
}

fn list(cx: &mut Cx) -> Result<()> {
    let answer = cx.client.json(Ask::get("/api/v1/kinds"))?;
    let kinds = kinds::all(cx)?;
    cx.out.value(&answer, |_| {
        let rows: Vec<Vec<String>> = kinds
            .iter()
            .map(|kind| {
                vec![
                    kind.id(),
                    kind.kind.clone(),
                    kind.short_names.join(","),
                    kind.scope.clone(),
                    first_line(&kind.doc),
                ]
            })
            .collect();
        output::table(&["NAME", "KIND", "SHORT", "SCOPE", "WHAT IT IS"], &rows)
    })
}

fn explain(cx: &mut Cx, word: &str) -> Result<()> {
    let kind = kinds::find(cx, word)?;
    let all = cx.client.json(Ask::get("/api/v1/kinds"))?;
    let is_it = |one: &&Value| text(one, "service") == kind.service && text(one, "plural") == kind.plural;
    let whole = listing::items(&all).into_iter().find(is_it).cloned().unwrap_or_default();
    cx.out.value(&whole, |_| explained(&kind))
}

fn explained(kind: &Kind) -> String {
    let mut out = format!("{} ({})\n", kind.kind, kind.id());
    if !kind.doc.is_empty() {
        out.extend(kind.doc.lines().map(|line| format!("  {line}\n")));
    }
    if !kind.fields.is_empty() {
        let rows: Vec<Vec<String>> = kind
            .fields
            .iter()
            .map(|field| {
                let need = if field.required { "required" } else { "" };
                vec![field.path(), shown(&field.shape), need.to_owned(), first_line(&field.doc)]
            })
            .collect();
        out.push_str(&format!("\n{}", output::table(&["FIELD", "TYPE", "", "WHAT IT IS"], &rows)));
    }
    for (title, is_view) in [("Actions", false), ("Views", true)] {
        let calls: Vec<&Call> =
            kind.actions.iter().filter(|call| (call.method == "GET") == is_view).collect();
        if !calls.is_empty() {
            out.push_str(&format!("\n{title}:\n"));
            out.extend(calls.iter().map(|call| described(kind, call)));
        }
    }
    out
}

/// An action or a view: its request, what it takes, and what it does.
fn described(kind: &Kind, call: &Call) -> String {
    let id = if call.of == "collection" { "" } else { "/{id}" };
    let name = if call.name.is_empty() { String::new() } else { format!("/{}", call.name) };
    let asks: Vec<&str> = call.asks.iter().map(|field| field.name.as_str()).collect();
    let asks = if asks.is_empty() { String::new() } else { format!(" ({})", asks.join(", ")) };
    format!("  {} {}{id}{name}{asks}\n      {}\n", call.method, kind.path(), first_line(&call.doc))
}

fn first_line(doc: &str) -> String {
    doc.lines().next().unwrap_or_default().to_owned()
}

fn raw(cx: &mut Cx, method: Method, path: &str, data: Option<&str>) -> Result<()> {
    if !path.starts_with('/') {
        return Err(
            Failure::usage(format!("`{path}` is no path")).hint("start it with `/`, as in /api/v1/kinds")
        );
    }
    let method = match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    };
    let mut ask = Ask::raw(method, path).accept("*/*");
    if let Some(data) = data {
        let value = body(data)?;
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        ask = ask.json_as(kind, &value);
    }
    let mut reader = cx.client.send(ask)?.reader();
    let mut bytes = [0; 16 * 1024];
    loop {
        let read = reader.read(&mut bytes).map_err(|error| crate::client::broken(&error))?;
        if read == 0 {
            return Ok(());
        }
        cx.out.bytes(&bytes[..read])?;
    }
}

fn body(data: &str) -> Result<Value> {
    let text = match data.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?,
        None if data == "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::file("standard input", &error))?;
            text
        }
        None => data.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| Failure::usage(format!("the body is no JSON: {error}")))
}
