//! `aic apply`: makes objects be as documents say, field by field, by the server's own merge.

use std::path::PathBuf;

use serde_json::Value;

use super::Cx;
use super::documents::{self, Document};
use super::kinds::{self, Kind};
use crate::client::Ask;
use crate::failure::{Failure, Result};
use crate::output::text;

/// Who the server remembers as the owner of the fields.
const MANAGER: &str = "aic";

/// Arguments of `aic apply`.
#[derive(clap::Args)]
pub struct Apply {
    /// Files or directories of YAML or JSON; `-` is standard input.
    #[arg(short = 'f', long = "filename", required = true, value_name = "PATH")]
    files: Vec<PathBuf>,
    /// Take over fields that somebody else applied.
    #[arg(long)]
    force: bool,
}

/// Applies every document, also after one was refused, and fails as the first refusal did.
pub fn apply(cx: &mut Cx, it: &Apply) -> Result<()> {
    let documents = documents::read(&it.files)?;
    let kinds = kinds::all(cx)?;
    let mut first: Option<Failure> = None;
    let mut refused = 0;
    for document in &documents {
        let outcome = one(cx, &kinds, document, it.force);
        if let Err(failure) = outcome {
            let failure = failure.while_doing(&document.source);
            refused += 1;
            if documents.len() > 1 {
                cx.out.failure(&failure);
            }
            first.get_or_insert(failure);
        }
    }
    match first {
        None => Ok(()),
        Some(failure) if documents.len() == 1 => Err(failure),
        Some(failure) => {
            let sentence = format!("{refused} of {} documents were refused", documents.len());
            Err(Failure::failed(sentence).hint("the rest was applied").ending(failure.exit))
        }
    }
}

fn one(cx: &mut Cx, kinds: &[Kind], document: &Document, force: bool) -> Result<()> {
    let kind = kinds::of_document(kinds, &document.value)?;
    let (answer, created) = send(cx, kind, &document.value, Manner { force, dry_run: false })?;
    if !cx.out.for_people() {
        return cx.out.value(&answer, |_| String::new());
    }
    let verb = if created { "created" } else { "applied" };
    let dry = if cx.settings.dry_run { " (dry run)" } else { "" };
    cx.out.line(&format!("{}/{} {verb}{dry}", kind.noun(), text(&answer, "metadata.name")))
}

/// How to apply.
#[derive(Clone, Copy)]
pub struct Manner {
    /// Take over what others own.
    pub force: bool,
    /// Change nothing, whatever the flags of the command line say.
    pub dry_run: bool,
}

/// Applies one document; answers the object and whether it is new.
pub fn send(cx: &Cx, kind: &Kind, document: &Value, manner: Manner) -> Result<(Value, bool)> {
    let name = text(document, "metadata.name");
    let project = Some(text(document, "metadata.namespace")).filter(|project| !project.is_empty());
    let ask = if name.is_empty() {
        if text(document, "metadata.generateName").is_empty() {
            return Err(Failure::usage("the document has no `metadata.name`"));
        }
        Ask::post(kind.path()).json(document)
    } else {
        let ask = Ask::patch(kind.item(&name)).with("fieldManager", MANAGER);
        let ask = if manner.force { ask.with("force", true) } else { ask };
        // JSON is YAML, and the server's type for this has no other name.
        ask.json_as("application/apply-patch+yaml", &declared(document))
    };
    let ask = if manner.dry_run && !cx.settings.dry_run { ask.with("dryRun", "All") } else { ask };
    let answer = cx.client.send(ask.in_project(project))?;
    let created = answer.status == 201;
    Ok((answer.json()?, created))
}

/// The document without what the server keeps itself, so that what `get -o yaml` printed can be applied.
fn declared(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(object) = document.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        for kept in ["uid", "generation", "creationTimestamp", "deletionTimestamp", "managedFields"] {
            metadata.remove(kept);
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_printed_can_be_applied() {
        let printed = json!({"kind": "Model", "metadata": {"name": "a", "uid": "mod_1", "resourceVersion": "3"}, "spec": {}, "status": {"phase": "Ready"}});
        assert_eq!(
            declared(&printed),
            json!({"kind": "Model", "metadata": {"name": "a", "resourceVersion": "3"}, "spec": {}})
        );
    }
}
