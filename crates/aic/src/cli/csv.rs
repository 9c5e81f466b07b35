//! Rows of a CSV file (RFC 4180), one at a time, as objects to predict on.

use std::io::BufRead;

use serde_json::{Map, Number, Value};

use crate::failure::{Failure, Result};

/// The longest record, so that a stray quote does not swallow the whole file into memory.
const LONGEST: usize = 1 << 20;

/// A reader of rows under headings.
pub struct Csv<R> {
    reader: R,
    headings: Vec<String>,
    line: usize,
}

impl<R: BufRead> Csv<R> {
    /// Reads the headings.
    pub fn open(reader: R) -> Result<Self> {
        let mut csv = Self { reader, headings: Vec::new(), line: 0 };
        match csv.record()? {
            Some(headings) => csv.headings = headings,
            None => {
                return Err(Failure::usage("the file is empty; its first line must name the columns"));
            }
        }
        if let Some(first) = csv.headings.first_mut() {
            *first = first.trim_start_matches('\u{feff}').to_owned();
        }
        Ok(csv)
    }

    /// The next row, if there is one.
    pub fn row(&mut self) -> Result<Option<Value>> {
        let line = self.line + 1;
        let Some(fields) = self.record()? else {
            return Ok(None);
        };
        if fields.len() != self.headings.len() {
            let sentence =
                format!("line {line} has {} fields, the headings are {}", fields.len(), self.headings.len());
            return Err(Failure::usage(sentence));
        }
        let pairs = self.headings.iter().cloned().zip(fields.iter().map(|field| typed(field)));
        Ok(Some(Value::Object(pairs.collect::<Map<_, _>>())))
    }

    /// The fields of the next record that is no empty line.
    fn record(&mut self) -> Result<Option<Vec<String>>> {
        loop {
            let start = self.line + 1;
            let mut text = String::new();
            if !self.append_line(&mut text)? {
                return Ok(None);
            }
            // Inside quotes, a line end belongs to the field.
            while text.matches('"').count() % 2 == 1 {
                if text.len() > LONGEST || !self.append_line(&mut text)? {
                    return Err(Failure::usage(format!("line {start}: a quote is never closed")));
                }
            }
            let text = text.trim_end_matches(['\r', '\n']);
            if !text.is_empty() {
                return Ok(Some(split(text)));
            }
        }
    }

    fn append_line(&mut self, text: &mut String) -> Result<bool> {
        self.line += 1;
        let line = self.line;
        match self.reader.read_line(text) {
            Ok(read) => Ok(read > 0),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(Failure::usage(format!("line {line} is not UTF-8")))
            }
            Err(error) => Err(Failure::file("the rows", &error)),
        }
    }
}

fn split(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        // The list starts with one field and never loses one.
        let Some(field) = fields.last_mut() else {
            break;
        };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => field.push(other),
        }
    }
    fields
}

/// A field as JSON: nothing, a number, or a text. `007` is no number, and stays as it is.
fn typed(field: &str) -> Value {
    if field.is_empty() {
        return Value::Null;
    }
    match serde_json::from_str::<Number>(field) {
        Ok(number) => Value::Number(number),
        Err(_) => Value::String(field.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(text: &str) -> Result<Vec<Value>> {
        let mut csv = Csv::open(text.as_bytes())?;
        let mut rows = Vec::new();
        while let Some(row) = csv.row()? {
            rows.push(row);
        }
        Ok(rows)
    }

    #[test]
    fn fields_are_numbers_texts_or_nothing() {
        let text =
            "\u{feff}age,zip,plan\r\n41,01234,\"basic, old\"\r\n\r\n-1.5e2,,\"two\nlines \"\"x\"\"\"\n";
        assert_eq!(
            rows(text).unwrap(),
            [
                json!({"age": 41, "zip": "01234", "plan": "basic, old"}),
                json!({"age": -150.0, "zip": null, "plan": "two\nlines \"x\""}),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let refused = |text: &str| rows(text).err().unwrap().to_string();
        assert!(refused("a,b\n1,2\n3\n").starts_with("line 3 has 1 fields, the headings are 2"));
        assert!(refused("a\n\"open\n").starts_with("line 2: a quote is never closed"));
        assert!(refused("").starts_with("the file is empty"));
        let mut csv = Csv::open(&b"a\n\xff\xfe\n"[..]).unwrap();
        assert!(csv.row().unwrap_err().to_string().starts_with("line 2 is not UTF-8"));
    }
}
