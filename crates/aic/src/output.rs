//! The one module that prints: results on standard output, everything about them on standard error.

mod field;
mod meter;
mod table;

use std::io::{self, IsTerminal, Write};

use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Failure, Result};

pub use field::{at, shown, text};
use field::{choose, names};
pub use meter::Meter;
pub use table::table;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Table,
    /// The whole answer as JSON.
    Json,
    /// The whole answer as YAML.
    Yaml,
    /// Only `kind/name`, for other commands.
    Name,
}

/// Where results and remarks go, and how.
pub struct Output {
    pub format: Format,
    fields: Vec<String>,
    colour: bool,
    results: Box<dyn Write>,
    remarks: Box<dyn Write>,
    /// Whether a person watches, so that a line may be drawn over.
    live: bool,
    drawn: bool,
}

impl Output {
    /// To this process's own streams.
    pub fn standard(format: Option<Format>, fields: Vec<String>, colour: bool) -> Self {
        let live = io::stdout().is_terminal() && io::stderr().is_terminal();
        Self {
            format: format.unwrap_or(Format::Table),
            fields,
            colour: colour && io::stderr().is_terminal(),
            results: Box::new(io::stdout()),
            remarks: Box::new(io::stderr()),
            live,
            drawn: false,
        }
    }

    /// To somewhere a test can look.
    #[cfg(test)]
    pub fn to(format: Format, fields: Vec<String>, results: Box<dyn Write>) -> Self {
        let remarks = Box::new(io::sink());
        Self { format, fields, colour: false, results, remarks, live: false, drawn: false }
    }

    /// Bytes of a result, as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.erase();
        match self.results.write_all(bytes).and_then(|()| self.results.flush()) {
            Ok(()) => Ok(()),
            // Whoever read our results has seen enough, like `head`; that is no failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            Err(error) => Err(Failure::file("standard output", &error)),
        }
    }

    /// One line of a result.
    pub fn line(&mut self, text: &str) -> Result<()> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Whether people read the results as tables and sentences.
    pub fn for_people(&self) -> bool {
        self.fields.is_empty() && self.format == Format::Table
    }

    /// A sentence for people; silent when the results are for programs.
    pub fn say(&mut self, text: &str) -> Result<()> {
        if self.for_people() { self.line(text) } else { Ok(()) }
    }

    /// A remark, beside the results.
    pub fn note(&mut self, text: &str) {
        self.erase();
        // A lost remark changes nothing.
        let _ = writeln!(self.remarks, "{text}");
    }

    /// How a command ended badly.
    pub fn failure(&mut self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        let label = if self.colour { "\u{1b}[1;31merror\u{1b}[0m" } else { "error" };
        // What a server says may hold what others wrote; it must not steer the terminal.
        let text: String =
            failure.to_string().chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
        self.note(&format!("{label}: {text}"));
    }

    /// Draws over the last line drawn; only where a person watches.
    pub fn draw(&mut self, text: &str) {
        if self.live {
            let text: String = text.chars().take(100).collect();
            let _ = write!(self.remarks, "\r\u{1b}[K{text}");
            let _ = self.remarks.flush();
            self.drawn = true;
        }
    }

    /// A counter of bytes that is shown where a person watches.
    pub fn meter(&mut self, verb: &'static str, total: Option<u64>) -> Meter {
        self.drawn |= self.live;
        Meter::new(verb, total, self.live)
    }

    /// Whether a person watches.
    pub fn is_live(&self) -> bool {
        self.live
    }

    fn erase(&mut self) {
        if self.drawn {
            let _ = write!(self.remarks, "\r\u{1b}[K");
            let _ = self.remarks.flush();
            self.drawn = false;
        }
    }

    /// A value in the chosen format; a table is a matter of the caller, who passes it.
    pub fn value(&mut self, value: &Value, table: impl FnOnce(&Value) -> String) -> Result<()> {
        if !self.fields.is_empty() {
            let chosen = choose(value, &self.fields);
            return self.line(&pretty(&chosen));
        }
        match self.format {
            Format::Table => {
                let text = table(value);
                self.bytes(text.as_bytes())
            }
            Format::Json => self.line(&pretty(value)),
            Format::Yaml => {
                let text = yaml(value)?;
                self.bytes(text.as_bytes())
            }
            Format::Name => {
                let names = names(value);
                names.iter().try_for_each(|name| self.line(name))
            }
        }
    }
}

/// JSON as people read it.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// YAML, with a line end.
pub fn yaml(value: &Value) -> Result<String> {
    let text = serde_saphyr::to_string(value).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(if text.ends_with('\n') { text } else { format!("{text}\n") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_keeps_texts_texts() {
        let text = yaml(&json!({"a": "yes", "b": "12", "c": null, "d": [1, true]})).unwrap();
        assert_eq!(text, "a: \"yes\"\nb: \"12\"\nc: null\nd:\n- 1\n- true\n");
    }
}
