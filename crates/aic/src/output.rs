//! The one module that prints: results on standard output, everything about them on standard error.

use std::io::{self, IsTerminal, Read, Write};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::{Failure, Result};

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
        Self {
            format,
            fields,
            colour: false,
            results,
            remarks,
            live: false,
            drawn: false,
        }
    }

    /// Bytes of a result, as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.erase();
        match self
            .results
            .write_all(bytes)
            .and_then(|()| self.results.flush())
        {
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
        if self.for_people() {
            self.line(text)
        } else {
            Ok(())
        }
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
        let label = if self.colour {
            "\u{1b}[1;31merror\u{1b}[0m"
        } else {
            "error"
        };
        self.note(&format!("{label}: {failure}"));
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
        Meter {
            verb,
            total,
            done: 0,
            shown: 0,
            live: self.live,
        }
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

/// How many bytes went through, drawn over and over on one line.
pub struct Meter {
    verb: &'static str,
    total: Option<u64>,
    done: u64,
    shown: u64,
    live: bool,
}

impl Meter {
    const STEP: u64 = 1 << 20;

    /// Counts some more.
    pub fn add(&mut self, bytes: usize) {
        self.done += bytes as u64;
        let over = self.total.is_some_and(|total| self.done >= total);
        if self.live && (over || self.done - self.shown >= Self::STEP) {
            self.shown = self.done;
            let (done, total) = (self.done >> 20, self.total.map(|total| total >> 20));
            let of = total
                .map(|total| format!(" of {total}"))
                .unwrap_or_default();
            // Progress that cannot be drawn is no reason to stop the work.
            let _ = write!(io::stderr(), "\r\u{1b}[K{} {done}{of} MiB", self.verb);
        }
    }

    /// Counts what is read through it.
    pub fn reading<R: Read>(self, reader: R) -> Metered<R> {
        Metered {
            meter: self,
            reader,
        }
    }
}

/// A reader with a meter on it.
pub struct Metered<R> {
    meter: Meter,
    reader: R,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.meter.add(read);
        Ok(read)
    }
}

/// JSON as people read it.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// YAML, with a line end.
pub fn yaml(value: &Value) -> Result<String> {
    let text =
        serde_saphyr::to_string(value).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(if text.ends_with('\n') {
        text
    } else {
        format!("{text}\n")
    })
}

/// The value at a path of names and dots.
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(value);
    }
    // Names may hold dots themselves (labels do), so longer first parts are tried too.
    let ends = path
        .match_indices('.')
        .map(|(end, _)| end)
        .chain([path.len()]);
    ends.into_iter().find_map(|end| {
        let inner = value.get(&path[..end])?;
        at(inner, path.get(end + 1..).unwrap_or_default())
    })
}

/// The value at a path as a person reads it, empty when there is none.
pub fn text(value: &Value, path: &str) -> String {
    at(value, path).map(shown).unwrap_or_default()
}

/// One value in one cell.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items)
            if items
                .iter()
                .all(|item| !item.is_object() && !item.is_array()) =>
        {
            items.iter().map(shown).collect::<Vec<_>>().join(",")
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn choose(value: &Value, fields: &[String]) -> Value {
    if let Some(items) = value.get("items").and_then(Value::as_array) {
        return Value::Array(items.iter().map(|item| choose(item, fields)).collect());
    }
    let pairs = fields.iter().map(|field| {
        (
            field.clone(),
            at(value, field).cloned().unwrap_or(Value::Null),
        )
    });
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn names(value: &Value) -> Vec<String> {
    if let Some(items) = value.get("items").and_then(Value::as_array) {
        return items.iter().flat_map(names).collect();
    }
    let name = text(value, "metadata.name");
    if name.is_empty() {
        return Vec::new();
    }
    vec![format!("{}/{name}", text(value, "kind").to_lowercase())]
}

/// Rows under headings, each column as wide as its widest cell.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut all: Vec<Vec<String>> = vec![
        headings
            .iter()
            .map(|heading| (*heading).to_owned())
            .collect(),
    ];
    all.extend(
        rows.iter()
            .map(|row| row.iter().map(|cell| one_line(cell)).collect()),
    );
    let width = |column: usize| {
        all.iter()
            .filter_map(|row| row.get(column))
            .map(|c| c.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in &all {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.chars().count() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What a server sends may hold line ends and control characters; a cell of a terminal may not.
fn one_line(cell: &str) -> String {
    const WIDEST: usize = 60;
    let clean: String = cell
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if clean.chars().count() <= WIDEST {
        return clean;
    }
    clean.chars().take(WIDEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![
            vec!["churn".to_owned(), "é".to_owned()],
            vec!["x".to_owned(), "two\nlines".to_owned()],
        ];
        assert_eq!(
            table(&["NAME", "B"], &rows),
            "NAME   B\nchurn  é\nx      two lines\n"
        );
    }

    #[test]
    fn a_path_finds_its_value_also_past_names_with_dots() {
        let value = json!({"metadata": {"labels": {"aic.dev/team": "x"}, "name": "n"}});
        assert_eq!(text(&value, "metadata.name"), "n");
        assert_eq!(text(&value, "metadata.labels.aic.dev/team"), "x");
        assert_eq!(text(&value, "metadata.none"), "");
    }

    #[test]
    fn chosen_fields_of_a_list_are_a_list() {
        let list = json!({"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}, "spec": {"pool": 2}}]});
        let fields = ["metadata.name".to_owned(), "spec.pool".to_owned()];
        assert_eq!(
            choose(&list, &fields),
            json!([{"metadata.name": "a", "spec.pool": null}, {"metadata.name": "b", "spec.pool": 2}])
        );
    }

    #[test]
    fn names_are_what_other_commands_take() {
        let list =
            json!({"kind": "ModelList", "items": [{"kind": "Model", "metadata": {"name": "a"}}]});
        assert_eq!(names(&list), ["model/a"]);
    }

    #[test]
    fn yaml_keeps_texts_texts() {
        let text = yaml(&json!({"a": "yes", "b": "12", "c": null, "d": [1, true]})).unwrap();
        assert_eq!(text, "a: \"yes\"\nb: \"12\"\nc: null\nd:\n- 1\n- true\n");
    }
}
