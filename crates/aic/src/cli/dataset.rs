//! `aic dataset`: tables of data, from a file to a profiled version.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Cx, follow, listing};
use crate::client::{Ask, encoded};
use crate::failure::{Exit, Failure, Result};
use crate::output::text;

const PATH: &str = "/api/v1/catalog/datasets";

/// What one can do with datasets.
#[derive(clap::Subcommand)]
pub enum Dataset {
    /// List them.
    List(listing::Query),
    /// Make one from a CSV or Parquet file, and profile it.
    Create {
        /// What to call it.
        name: String,
        /// The file.
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// What it is, in a sentence.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Send a file as the next version of one that is there.
    Upload {
        /// The dataset.
        name: String,
        /// The file.
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Print one.
    Get {
        /// The dataset.
        name: String,
    },
    /// List the versions of one.
    Versions {
        /// The dataset.
        name: String,
    },
    /// Print what its columns hold.
    Profile {
        /// The dataset.
        name: String,
    },
}

/// Runs one of them.
pub fn run(cx: &mut Cx, it: &Dataset) -> Result<()> {
    match it {
        Dataset::List(query) => {
            let found = listing::list(cx, PATH, query)?;
            cx.out.value(&found, table)
        }
        Dataset::Create { name, file, description } => create(cx, name, file, description),
        Dataset::Upload { name, file } => upload(cx, name, &Table::open(file)?),
        Dataset::Get { name } => {
            let found = cx.client.json(Ask::get(item(name)))?;
            cx.out.value(&found, table)
        }
        Dataset::Versions { name } => {
            let found = listing::list(cx, &format!("{}/versions", item(name)), &listing::Query::default())?;
            cx.out.value(&found, |found| {
                listing::columns(
                    found,
                    &[
                        ("VERSION", "spec.version|status.version|metadata.name"),
                        ("STATE", "@state"),
                        ("ROWS", "status.rows|spec.rows"),
                        ("DIGEST", "status.digest|spec.digest"),
                        ("CREATED", "metadata.creationTimestamp"),
                    ],
                )
            })
        }
        Dataset::Profile { name } => profile(cx, name),
    }
}

fn item(name: &str) -> String {
    format!("{PATH}/{}", encoded(name))
}

fn table(value: &Value) -> String {
    listing::columns(
        value,
        &[
            ("NAME", "metadata.name"),
            ("STATE", "@state"),
            ("ROWS", "status.rows"),
            ("DESCRIPTION", "spec.description"),
            ("CREATED", "metadata.creationTimestamp"),
        ],
    )
}

/// A file that can be sent: it is there, and of a kind the platform reads.
struct Table {
    file: File,
    length: u64,
    name: String,
    kind: &'static str,
}

impl Table {
    fn open(path: &Path) -> Result<Self> {
        let failure = |error: &std::io::Error| Failure::file(path.display(), error);
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let kind = match ending.as_deref() {
            Some("csv") => "text/csv",
            Some("parquet") => "application/vnd.apache.parquet",
            _ => {
                return Err(Failure::usage(format!("`{}` is neither .csv nor .parquet", path.display()))
                    .hint("rename it if it is one of them, or convert it"));
            }
        };
        let file = File::open(path).map_err(|error| failure(&error))?;
        let length = file.metadata().map_err(|error| failure(&error))?.len();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { file, length, name, kind })
    }
}

fn create(cx: &mut Cx, name: &str, path: &Path, description: &str) -> Result<()> {
    // Looked at first: a dataset without its file is of no use.
    let table = Table::open(path)?;
    let body = json!({"metadata": {"name": name}, "spec": {"description": description}});
    let made = cx.client.json(Ask::post(PATH).json(&body)).map_err(|failure| match failure.exit {
        Exit::Conflict => {
            failure.hint(format!("`aic dataset upload {name} --file …` makes its next version"))
        }
        _ => failure,
    })?;
    if cx.settings.dry_run {
        return cx.out.value(&made, |_| format!("dataset/{name} created (dry run)\n"));
    }
    upload(cx, name, &table).map_err(|failure| {
        let hint = format!("the dataset is there; `aic dataset upload {name} --file …` tries again");
        if failure.exit == Exit::Unavailable { failure.hint(hint) } else { failure }
    })
}

fn upload(cx: &mut Cx, name: &str, table: &Table) -> Result<()> {
    if cx.settings.dry_run {
        return Err(Failure::usage("an upload has no dry run"));
    }
    let file = table.file.try_clone().map_err(|error| Failure::file(&table.name, &error))?;
    let meter = cx.out.meter("sent", Some(table.length));
    let ask = Ask::post(format!("{}/upload", item(name))).with("filename", &table.name).stream(
        table.kind,
        table.length,
        meter.reading(file),
    );
    let answer = cx.client.json(ask)?;
    let run = text(&answer, "run");
    if !run.is_empty() {
        follow::follow(cx, &run)?;
    }
    let dataset = cx.client.json(Ask::get(item(name)))?;
    if !cx.out.for_people() {
        return cx.out.value(&dataset, |_| String::new());
    }
    cx.out.line(&format!("dataset/{name} holds {}", table.name))?;
    profile(cx, name)
}

fn profile(cx: &mut Cx, name: &str) -> Result<()> {
    let answer = cx.client.json(Ask::get(format!("{}/statistics", item(name))))?;
    cx.out.value(&answer, |answer| {
        let columns = json!({"items": answer.get("columns").cloned().unwrap_or_else(|| json!([]))});
        let table = listing::columns(
            &columns,
            &[
                ("COLUMN", "name"),
                ("TYPE", "type"),
                ("MISSING", "missing"),
                ("DISTINCT", "distinct"),
                ("MIN", "min"),
                ("MEAN", "mean"),
                ("MAX", "max"),
            ],
        );
        format!("{} rows\n{table}", text(answer, "rows"))
    })
}
