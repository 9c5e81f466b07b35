//! `aic delete` and `aic restore`: into the trash, and out of it.

use std::path::PathBuf;

use super::kinds::{self, Kind};
use super::{Cx, documents};
use crate::client::Ask;
use crate::failure::{Failure, Result};
use crate::output::text;

/// Arguments of `aic delete`.
#[derive(clap::Args)]
pub struct Delete {
    /// The kind and the names: `model a b`, or `model/a`.
    #[arg(num_args = 1.., value_names = ["KIND", "NAME"], required_unless_present = "files")]
    target: Vec<String>,
    /// Delete what these files name; `-` is standard input.
    #[arg(short = 'f', long = "filename", value_name = "PATH", conflicts_with = "target")]
    files: Vec<PathBuf>,
    /// What happens to objects that belong to it.
    #[arg(long, value_enum, default_value = "background")]
    cascade: Cascade,
}

/// What happens to the objects that belong to a deleted one.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Cascade {
    /// They go after it.
    Background,
    /// They go before it.
    Foreground,
    /// They stay.
    Orphan,
}

/// Arguments of `aic restore`.
#[derive(clap::Args)]
pub struct Restore {
    /// The kind and the names; a uid where a name was used again.
    #[arg(required = true, num_args = 1.., value_names = ["KIND", "NAME"])]
    target: Vec<String>,
}

/// Deletes each object, up to the first that cannot be.
pub fn delete(cx: &mut Cx, it: &Delete) -> Result<()> {
    let mut doomed: Vec<(Kind, String, Option<String>)> = Vec::new();
    if it.files.is_empty() {
        let (kind, names) = kinds::targets(cx, &it.target)?;
        if names.is_empty() {
            return Err(Failure::usage("a name is missing; a whole kind is never deleted at once"));
        }
        doomed.extend(names.into_iter().map(|name| (kind.clone(), name, None)));
    } else {
        let kinds = kinds::all(cx)?;
        // What was applied last may lean on what was applied first, so it goes first.
        for document in documents::read(&it.files)?.iter().rev() {
            let kind = kinds::of_document(&kinds, &document.value)?.clone();
            let project = Some(text(&document.value, "metadata.namespace")).filter(|text| !text.is_empty());
            doomed.push((kind, text(&document.value, "metadata.name"), project));
        }
    }
    for (kind, name, project) in doomed {
        if name.is_empty() {
            return Err(Failure::usage("a document has no `metadata.name`"));
        }
        let ask = Ask::delete(kind.item(&name))
            .with("propagationPolicy", format!("{:?}", it.cascade))
            .in_project(project);
        cx.client.json(ask)?;
        let dry = if cx.settings.dry_run { " (dry run)" } else { "" };
        cx.out.line(&format!("{}/{name} deleted{dry}", kind.noun()))?;
    }
    Ok(())
}

/// Brings each object back.
pub fn restore(cx: &mut Cx, it: &Restore) -> Result<()> {
    let (kind, names) = kinds::targets(cx, &it.target)?;
    if names.is_empty() {
        return Err(Failure::usage("a name is missing"));
    }
    for name in names {
        let object = cx.client.json(Ask::post(format!("{}/restore", kind.item(&name))))?;
        cx.out.value(&object, |_| format!("{}/{name} restored\n", kind.noun()))?;
    }
    Ok(())
}
