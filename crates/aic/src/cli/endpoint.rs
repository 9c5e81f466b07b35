//! `aic endpoint`: where models answer.

use serde_json::{Value, json};

use super::{Cx, listing, model};
use crate::client::{Ask, encoded};
use crate::failure::{Exit, Result};
use crate::output::text;

const PATH: &str = "/api/v1/catalog/endpoints";

/// What one can do with endpoints.
#[derive(clap::Subcommand)]
pub enum Endpoint {
    /// Let an endpoint answer with a model; one that is there changes over.
    Deploy {
        /// The endpoint.
        name: String,
        /// The model.
        #[arg(short, long)]
        model: String,
        /// Its version; without it, the newest.
        #[arg(long)]
        version: Option<String>,
    },
    /// List them.
    List(listing::Query),
    /// Put one in the trash.
    Delete {
        /// The endpoint.
        name: String,
    },
}

/// Runs one of them.
pub fn run(cx: &mut Cx, it: &Endpoint) -> Result<()> {
    match it {
        Endpoint::Deploy { name, model, version } => {
            let version = model::chosen(cx, model, version.as_deref())?;
            let object = deploy(cx, name, &json!({"model": model, "version": version}))?;
            let dry = if cx.settings.dry_run { " (dry run)" } else { "" };
            cx.out.value(&object, |object| {
                let state = listing::state(object);
                format!("endpoint/{name} answers with {model} version {version}, state {state}{dry}\nnext: aic predict {name} --row '{{…}}'\n")
            })
        }
        Endpoint::List(query) => {
            let found = listing::list(cx, PATH, query)?;
            cx.out.value(&found, |found| {
                listing::columns(
                    found,
                    &[
                        ("NAME", "metadata.name"),
                        ("STATE", "@state"),
                        ("MODEL", "spec.model"),
                        ("VERSION", "spec.version"),
                        ("CREATED", "metadata.creationTimestamp"),
                    ],
                )
            })
        }
        Endpoint::Delete { name } => {
            let gone = cx.client.json(Ask::delete(item(name)))?;
            cx.out.value(&gone, |_| format!("endpoint/{name} deleted\n"))
        }
    }
}

/// Where one endpoint is.
pub fn item(name: &str) -> String {
    format!("{PATH}/{}", encoded(name))
}

/// Makes an endpoint, or changes over one that is there.
pub fn deploy(cx: &Cx, name: &str, spec: &Value) -> Result<Value> {
    let body = json!({"metadata": {"name": name}, "spec": spec});
    match cx.client.json(Ask::post(PATH).json(&body)) {
        // It is there already: to deploy then means to change over.
        Err(failure) if failure.exit == Exit::Conflict => {
            let there = cx.client.json(Ask::get(item(name)))?;
            let version = text(&there, "metadata.resourceVersion");
            let patch = json!({"metadata": {"resourceVersion": version}, "spec": spec});
            cx.client.json(Ask::patch(item(name)).json_as("application/merge-patch+json", &patch))
        }
        other => other,
    }
}
