//! `aic model`: models, their versions, cards and files.

use std::path::PathBuf;

use super::{Cx, backup, listing};
use crate::client::{Ask, encoded};
use crate::failure::{Failure, Result};

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
                        ("TASK", "spec.task|status.task"),
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
                        ("ALGORITHM", "spec.algorithm|status.algorithm"),
                        ("DATASET", "spec.dataset|status.dataset"),
                        ("CREATED", "metadata.creationTimestamp"),
                    ],
                )
            })
        }
        Model::Card { name, version } => {
            let version = chosen(cx, name, version.as_deref())?;
            let ask = Ask::get(format!("{}/{}/card", versions(name), encoded(&version)));
            let card = cx.client.send(ask.accept("text/markdown"))?.text()?;
            cx.out.line(card.trim_end())
        }
        Model::Download { name, version, to } => {
            let version = chosen(cx, name, version.as_deref())?;
            let path = to.clone().unwrap_or_else(|| default_file(name, &version));
            let ask = Ask::get(format!("{}/{}/download", versions(name), encoded(&version)));
            let answer = cx.client.send(ask.accept("application/octet-stream"))?;
            let bytes = backup::save(cx, answer, &path, 0o644)?;
            cx.out.say(&format!("{}: {bytes} bytes", path.display()))
        }
    }
}

/// Where a version's own name may stand.
const LABEL: &str = "spec.version|status.version|metadata.name";

fn versions(name: &str) -> String {
    format!("{PATH}/{}/versions", encoded(name))
}

/// A server's words make a file name only where they are plain.
fn default_file(name: &str, version: &str) -> PathBuf {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_alphanumeric() || "-._".contains(c) { c } else { '-' }).collect()
    };
    PathBuf::from(format!("{}-{}.onnx", plain(name), plain(version)))
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
        assert_eq!(default_file("../etc/x", "1"), PathBuf::from("..-etc-x-1.onnx"));
    }
}
