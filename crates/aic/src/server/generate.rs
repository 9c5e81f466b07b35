//! Writes `api/`: what a user will see, as text a reviewer can read. Nothing in it is written by hand.

use std::{fmt::Write, fs, path::Path, sync::Arc};

use base::{Error, Result};
use face_rest::{catalogue, openapi};
use kernel::{
    declare::{Manner, Of},
    platform::Platform,
};

use super::{Settled, assemble, pages};

/// The catalogue of operations: service, method, path.
const OPERATIONS: &str = include_str!("../../../faces/rest/src/operations.tsv");

/// Writes every generated file into a directory.
pub fn generate(dir: &Path) -> Result<()> {
    let scratch = dir.join(".scratch");
    fs::create_dir_all(&scratch).map_err(Error::internal)?;
    let settled = Settled {
        data_dir: scratch.clone(),
        backup_dir: scratch.join("backups"),
        smtp_url: None,
        mail_dir: scratch.join("mail"),
        mail_from: "aic@localhost".to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        database_url: None,
        public_url: None,
        egress: String::new(),
        egress_ca: None,
        blobs_url: None,
        blobs_settings: Vec::new(),
        tracking_bytes: 0,
        master_key_file: None,
        trusted_proxies: Vec::new(),
        workers: 0,
        password: None,
        tls: None,
        onnxruntime: engine_onnxruntime::Library::Off,
        python: super::Python::default()
            .settle(&|_| None, scratch.join("python"))
            .map_err(|failure| Error::internal(format!("{failure:?}")))?,
        programs: engine_remote::Settings::default(),
        telemetry: None,
    };
    let store = store_sqlite::open(&scratch)?;
    let platform =
        Platform::new(assemble::parts(&settled, store, assemble::open_blobs(&settled)?, &Arc::default())?)?;
    let document = openapi::Document { platform: &platform, version: openapi::Version::V31 };
    let document = serde_json::to_string_pretty(&document).map_err(Error::internal)?;
    write(dir, "openapi.json", &(document + "\n"))?;
    write(dir, "kinds.md", &kinds(&platform))?;
    write(dir, "errors.md", &errors())?;
    write(dir, "catalogue.tsv", &served(&platform))?;
    drop(platform);
    fs::remove_dir_all(&scratch).map_err(Error::internal)
}

fn write(dir: &Path, name: &str, text: &str) -> Result<()> {
    fs::write(dir.join(name), text).map_err(Error::internal)
}

fn served(platform: &Platform) -> String {
    let operations = catalogue::of(platform, OPERATIONS);
    let mut text = String::from("service\tmethod\tpath\tserved\n");
    for it in &operations {
        let word = if it.served { "yes" } else { "not yet" };
        // Writing to a text does not fail.
        let _ = writeln!(text, "{}\t{}\t{}\t{word}", it.service, it.method, it.path);
    }
    text
}

fn errors() -> String {
    let mut text =
        String::from("# Error codes\n\nEach has a page in `errors/`, served at `/errors/{code}`.\n\n");
    for (code, sentence) in pages::all() {
        let _ = writeln!(text, "- `{code}`: {sentence}");
    }
    text
}

fn kinds(platform: &Platform) -> String {
    let mut text = String::from(
        "# Kinds\n\nWhat every service declares, and what it serves beyond the verbs every kind has.\n",
    );
    for kind in platform.kinds() {
        let doc = kind.doc.lines().next().unwrap_or_default();
        let _ = write!(text, "\n## {} `{}`\n\n{doc}\n\n", kind.pascal_name(), kind.id());
        for field in kind.fields {
            let required = if field.is_required() { ", required" } else { "" };
            let _ = writeln!(text, "- `spec.{}`{required}: {}", field.name, field.doc);
        }
        for field in kind.status {
            let _ = writeln!(text, "- `status.{}`: {}", field.name, field.doc);
        }
        for action in &kind.actions {
            let method = if action.manner == Manner::View { "GET" } else { "POST" };
            let place = if action.of == Of::Object { "{id}/" } else { "" };
            let permission = kind.permission(action.permission);
            let _ = writeln!(text, "- `{method} {place}{}` (`{permission}`): {}", action.name, action.doc);
        }
    }
    text
}
