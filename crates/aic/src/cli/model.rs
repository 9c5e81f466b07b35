//! `aic model`: models, their versions, cards and files.

use std::path::PathBuf;

use serde_json::Value;

use super::{Cx, backup, follow, listing, train};
use crate::client::{Ask, encoded};
use crate::failure::{Failure, Result};
use crate::output::{shown, text, yaml};

const PATH: &str = "/api/v1/catalog/models";

/// What one can do with models.
#[derive(clap::Subcommand)]
pub enum Model {
    /// List them.
    List(listing::Query),
    /// List the versions of one.
    Versions {
        /// The model.
        name: String,
    },
    /// Print the card of a version: what it is for, what it saw, how good it is.
    Card {
        /// The model.
        name: String,
        /// The version; without it, the newest.
        #[arg(long)]
        version: Option<String>,
        /// Save it as a file for people (`pdf`, `markdown`) or, signed, for proof (`json`).
        #[arg(long, value_name = "FORMAT", value_parser = ["pdf", "markdown", "json"])]
        format: Option<String>,
        /// Where to save it; without it, a name of its own here.
        #[arg(long, value_name = "FILE", requires = "format")]
        to: Option<PathBuf>,
    },
    /// Hold a version against its signature; the exit code says whether it is what was signed.
    Verify {
        /// The model.
        name: String,
        /// The version; without it, the newest.
        version: Option<String>,
    },
    /// Learn a version again from what is recorded of it and compare files and metrics; the exit code says whether they are the same.
    Reproduce {
        /// The model.
        name: String,
        /// The version; without it, the newest.
        version: Option<String>,
    },
    /// Save a version's ONNX file.
    Download {
        /// The model.
        name: String,
        /// The version; without it, the newest.
        #[arg(long)]
        version: Option<String>,
        /// Where to save it; without it, `NAME-VERSION.onnx` here.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

/// Runs one of them.
pub fn run(cx: &mut Cx, it: &Model) -> Result<()> {
    match it {
        Model::List(query) => {
            let found = listing::list(cx, PATH, query)?;
            cx.out.value(&found, |found| {
                listing::columns(
                    found,
                    &[
                        ("NAME", "metadata.name"),
                        ("STATE", "@state"),
                        ("LATEST", "status.latest"),
                        ("TASK", "status.task"),
                        ("DESCRIPTION", "spec.description"),
                        ("CREATED", "metadata.creationTimestamp"),
                    ],
                )
            })
        }
        Model::Versions { name } => {
            let found = listing::list(cx, &versions(name), &listing::Query::default())?;
            cx.out.value(&found, |found| {
                listing::columns(
                    found,
                    &[
                        ("VERSION", LABEL),
                        ("STATE", "@state"),
                        ("TASK", "spec.task"),
                        ("DATA", "spec.datasetVersion"),
                        ("CREATED", "metadata.creationTimestamp"),
                    ],
                )
            })
        }
        Model::Card { name, version, format: Some(format), to } => {
            let version = chosen(cx, name, version.as_deref())?;
            let ending = match format.as_str() {
                "markdown" => "card.md",
                "json" => "card.dsse.json",
                _ => "card.pdf",
            };
            let path = to.clone().unwrap_or_else(|| own_file(name, &version, ending));
            let ask = Ask::get(format!("{}/{}/evidence?format={format}", versions(name), encoded(&version)));
            let answer = cx.client.send(ask.accept("*/*"))?;
            let bytes = backup::save(cx, answer, &path, 0o644)?;
            cx.out.say(&format!("{}: {bytes} bytes", path.display()))
        }
        Model::Verify { name, version } => {
            let version = chosen(cx, name, version.as_deref())?;
            let told =
                cx.client.json(Ask::get(format!("{}/{}/verify", versions(name), encoded(&version))))?;
            if told["verified"] == true {
                return cx.out.value(&told, |_| format!("{name} {version} is what was signed\n"));
            }
            Err(Failure::failed(format!("{name} {version} does not verify: {}", text(&told, "reason"))))
        }
        Model::Reproduce { name, version } => reproduce(cx, name, version.as_deref()),
        Model::Card { name, version, .. } => {
            let version = chosen(cx, name, version.as_deref())?;
            let ask = Ask::get(format!("{}/{}/card", versions(name), encoded(&version)));
            let card = cx.client.json(ask)?;
            let text = yaml(&card)?;
            cx.out.value(&card, |_| text)
        }
        Model::Download { name, version, to } => {
            let version = chosen(cx, name, version.as_deref())?;
            let path = to.clone().unwrap_or_else(|| own_file(name, &version, "onnx"));
            let ask = Ask::get(format!("{}/{}/download", versions(name), encoded(&version)));
            let answer = cx.client.send(ask.accept("application/octet-stream"))?;
            let bytes = backup::save(cx, answer, &path, 0o644)?;
            cx.out.say(&format!("{}: {bytes} bytes", path.display()))
        }
    }
}

/// Where a version's own name may stand.
const LABEL: &str = "spec.number|metadata.name";

fn versions(name: &str) -> String {
    format!("{PATH}/{}/versions", encoded(name))
}

/// Learns a version again, in front of the user, and tells how it compares.
fn reproduce(cx: &mut Cx, name: &str, version: Option<&str>) -> Result<()> {
    let version = chosen(cx, name, version)?;
    let ordered = cx.client.json(Ask::post(format!("{}/{}/reproduce", versions(name), encoded(&version))))?;
    if cx.settings.dry_run {
        return cx.out.value(&ordered, |_| "it could be learned again (dry run)\n".to_owned());
    }
    let run = train::run_of(cx, &ordered, &text(&ordered, "job"))?;
    let done = follow::follow(cx, &run)?;
    let told = done.pointer("/status/output/reproduction").cloned().unwrap_or_default();
    cx.out.value(&told, comparison)?;
    match told["reproduced"] == true {
        true => Ok(()),
        false => Err(Failure::failed(format!("{name} {version} was not reproduced"))),
    }
}

/// How a version that was learned again compares, for people.
fn comparison(told: &Value) -> String {
    let same = |it: &Value| if it["same"] == true || it == &Value::Bool(true) { "same" } else { "different" };
    let mut lines = format!("file: {}\n", same(&told["sameFile"]));
    for (name, it) in told["metrics"].as_object().into_iter().flatten() {
        lines.push_str(&format!("{name}: {} -> {} ({})\n", shown(&it["was"]), shown(&it["is"]), same(it)));
    }
    lines
}

/// A server's words make a file name only where they are plain.
fn own_file(name: &str, version: &str, ending: &str) -> PathBuf {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_alphanumeric() || "-._".contains(c) { c } else { '-' }).collect()
    };
    PathBuf::from(format!("{}-{}.{ending}", plain(name), plain(version)))
}

/// The version asked for, or the newest.
pub fn chosen(cx: &Cx, name: &str, version: Option<&str>) -> Result<String> {
    if let Some(version) = version {
        return Ok(version.to_owned());
    }
    let newest = listing::Query {
        sort: Some("-metadata.creationTimestamp".to_owned()),
        limit: Some(1),
        ..listing::Query::default()
    };
    let found = listing::list(cx, &versions(name), &newest)?;
    let version =
        listing::items(&found).first().map(|item| listing::first_of(item, LABEL)).unwrap_or_default();
    if version.is_empty() {
        return Err(Failure::not_found(format!("the model `{name}` has no version"))
            .hint("make one with `aic train`"));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_inside_this_directory() {
        assert_eq!(own_file("../etc/x", "1", "onnx"), PathBuf::from("..-etc-x-1.onnx"));
    }
}
