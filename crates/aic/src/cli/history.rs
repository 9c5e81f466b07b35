//! `aic history`, `aic diff` and `aic rollback`: what an object was, and setting it back.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::apply::{self, Manner};
use super::changes;
use super::kinds::Kind;
use super::{Cx, documents, kinds, listing};
use crate::client::Ask;
use crate::failure::{Exit, Failure, Result};
use crate::output::text;

/// The columns of a list of changes.
pub const COLUMNS: &[(&str, &str)] =
    &[("VERSION", "position"), ("TIME", "time"), ("ACTOR", "actor"), ("VERB", "verb")];

/// Arguments of `aic history`.
#[derive(clap::Args)]
pub struct History {
    /// The kind and the name.
    #[arg(required = true, num_args = 1..=2, value_names = ["KIND", "NAME"])]
    target: Vec<String>,
}

/// Arguments of `aic diff`.
#[derive(clap::Args)]
pub struct Diff {
    /// The kind and the name.
    #[arg(num_args = 1..=2, value_names = ["KIND", "NAME"], required_unless_present = "files")]
    target: Vec<String>,
    /// The earlier version; without it, the one before the last change.
    #[arg(long, value_name = "VERSION")]
    from: Option<String>,
    /// The later version; without it, the present one.
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Show what applying these files would change; ends with 1 if anything.
    #[arg(short = 'f', long = "filename", value_name = "PATH", conflicts_with_all = ["target", "from", "to"])]
    files: Vec<PathBuf>,
}

/// Arguments of `aic rollback`.
#[derive(clap::Args)]
pub struct Rollback {
    /// The kind and the name.
    #[arg(required = true, num_args = 1..=2, value_names = ["KIND", "NAME"])]
    target: Vec<String>,
    /// The version to set it back to; `aic history` lists them.
    #[arg(long, value_name = "VERSION")]
    to: u64,
}

/// Prints who did what, newest first.
pub fn history(cx: &mut Cx, it: &History) -> Result<()> {
    let (kind, name) = kinds::target(cx, &it.target)?;
    let found = changes_of(cx, &kind, &name)?;
    cx.out.value(&found, |value| listing::columns(value, COLUMNS))
}

/// The journal's entries about one object.
pub fn changes_of(cx: &Cx, kind: &Kind, name: &str) -> Result<Value> {
    listing::list(cx, &format!("{}/history", kind.item(name)), &listing::Query::default())
}

/// Prints what differs.
pub fn diff(cx: &mut Cx, it: &Diff) -> Result<()> {
    if !it.files.is_empty() {
        return diff_with_files(cx, &it.files);
    }
    let (kind, name) = kinds::target(cx, &it.target)?;
    let ask = Ask::get(format!("{}/diff", kind.item(&name)))
        .with_some("from", it.from.as_deref())
        .with_some("to", it.to.as_deref());
    let answer = cx.client.json(ask)?;
    cx.out.value(&answer, |answer| {
        let side = |name: &str| answer.get(name).cloned().unwrap_or_default();
        let found = changes::between(&side("before"), &side("after"));
        let lines: Vec<String> = found.iter().map(|change| change.shown() + "\n").collect();
        let versions = format!("version {} to {}\n", text(answer, "from"), text(answer, "to"));
        if lines.is_empty() { format!("{versions}nothing differs\n") } else { versions + &lines.concat() }
    })
}

fn diff_with_files(cx: &mut Cx, files: &[PathBuf]) -> Result<()> {
    let kinds = kinds::all(cx)?;
    let mut all = Vec::new();
    for document in documents::read(files)? {
        let kind = kinds::of_document(&kinds, &document.value)?;
        let name = text(&document.value, "metadata.name");
        let project = Some(text(&document.value, "metadata.namespace")).filter(|text| !text.is_empty());
        let before = match cx.client.json(Ask::get(kind.item(&name)).in_project(project)) {
            Ok(object) => object,
            Err(failure) if failure.exit == Exit::NotFound => json!({}),
            Err(failure) => return Err(failure),
        };
        let (after, _) = apply::send(cx, kind, &document.value, Manner { force: true, dry_run: true })?;
        for change in changes::between(&wanted(&before), &wanted(&after)) {
            cx.out.say(&format!("{}/{name} {}", kind.noun(), change.shown()))?;
            all.push(json!({"object": format!("{}/{name}", kind.noun()), "path": change.path,
                "before": change.before, "after": change.after}));
        }
    }
    if !cx.out.for_people() {
        cx.out.value(&json!({"changes": &all}), |_| String::new())?;
    }
    // As with other tools that compare, scripts learn it from the exit code.
    if all.is_empty() { Ok(()) } else { Err(Failure::silent(Exit::Failed)) }
}

/// What a document decides: the spec, the labels and the annotations.
fn wanted(object: &Value) -> Value {
    let part = |path: &str| object.pointer(path).filter(|value| !value.is_null()).cloned();
    let mut kept = json!({});
    for (name, path) in
        [("spec", "/spec"), ("labels", "/metadata/labels"), ("annotations", "/metadata/annotations")]
    {
        if let Some(value) = part(path) {
            kept[name] = value;
        }
    }
    kept
}

/// Sets an object back; that is itself a change, and can be undone likewise.
pub fn rollback(cx: &mut Cx, it: &Rollback) -> Result<()> {
    let (kind, name) = kinds::target(cx, &it.target)?;
    let ask = Ask::post(format!("{}/rollback", kind.item(&name))).json(&json!({"to": it.to}));
    let object = cx.client.json(ask)?;
    cx.out.value(&object, |object| {
        let version = text(object, "metadata.resourceVersion");
        format!("{}/{name} is as it was at version {}; it is now version {version}\n", kind.noun(), it.to)
    })
}
