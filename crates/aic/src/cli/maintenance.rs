//! `aic maintenance`: nobody but administrators of the platform changes anything while it lasts.

use serde_json::{Map, Value};

use super::Cx;
use crate::client::Ask;
use crate::failure::Result;
use crate::output::text;

const PATH: &str = "/api/v1/admin/maintenance";

/// What one can do about it.
#[derive(clap::Subcommand)]
pub enum Maintenance {
    /// Begin it: changes by others are refused until it ends; reading and predicting go on.
    On {
        /// What people are told.
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
        /// When it is announced to end: `2026-01-31T08:00:00Z`. It does not end by itself.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// End it.
    Off,
    /// Tell whether it is on, and until when.
    Status,
}

/// Runs one of them.
pub fn run(cx: &mut Cx, it: &Maintenance) -> Result<()> {
    let answer = match it {
        Maintenance::On { message, until } => {
            let said = [("message", message), ("until", until)].into_iter();
            let said = said.filter_map(|(name, text)| Some((name.to_owned(), Value::String(text.clone()?))));
            cx.client.json(Ask::post(format!("{PATH}/start")).json(&Value::Object(said.collect())))?
        }
        Maintenance::Off => {
            cx.client.json(Ask::post(format!("{PATH}/stop")).json(&Value::Object(Map::new())))?
        }
        Maintenance::Status => cx.client.json(Ask::get(format!("{PATH}/status")))?,
    };
    cx.out.value(&answer, |it| {
        if it.get("active").and_then(Value::as_bool) != Some(true) {
            return "off\n".to_owned();
        }
        let told = |name: &str, before: &str| match text(it, name) {
            text if text.is_empty() => String::new(),
            text => format!("{before}{text}"),
        };
        let (since, by) = (told("since", " since "), told("by", " by "));
        format!("on{since}{by}{}{}\n", told("until", ", announced until "), told("message", ": "))
    })
}
