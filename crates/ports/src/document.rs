//! A document people read: a title and sections of named facts, as Markdown or on paper.

use base::Result;

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// A line below it.
    pub subtitle: String,
    /// Its sections, in order.
    pub sections: Vec<Section>,
}

/// A part of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// What it is about.
    pub heading: String,
    /// What is told instead of facts, or above them.
    pub note: Option<String>,
    /// Facts by name.
    pub facts: Vec<(String, String)>,
}

impl Document {
    /// The document as Markdown (CommonMark with tables).
    pub fn markdown(&self) -> String {
        let mut to = format!("# {}\n\n{}\n", escaped(&self.title), escaped(&self.subtitle));
        for section in &self.sections {
            to.push_str(&format!("\n## {}\n", escaped(&section.heading)));
            if let Some(note) = &section.note {
                to.push_str(&format!("\n{}\n", escaped(note)));
            }
            if !section.facts.is_empty() {
                to.push_str("\n| | |\n|---|---|\n");
            }
            for (name, value) in &section.facts {
                to.push_str(&format!("| {} | {} |\n", escaped(name), escaped(value)));
            }
        }
        to
    }
}

/// A text that Markdown and HTML take for nothing but text.
fn escaped(text: &str) -> String {
    let mut to = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => to.push(' '),
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '!' | '~' => to.extend(['\\', c]),
            c => to.push(c),
        }
    }
    to
}

/// Puts documents on paper.
pub trait Paper: Send + Sync {
    /// The document as a PDF (ISO 32000) with pages of A4.
    ///
    /// # Errors
    /// `internal` if it cannot be written.
    fn pdf(&self, document: &Document) -> Result<Vec<u8>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let facts = vec![("a|b".to_owned(), "<script>*x*\n[y](z)".to_owned())];
        let section = Section { heading: "# one".to_owned(), note: None, facts };
        let document = Document { title: "t".to_owned(), subtitle: "s".to_owned(), sections: vec![section] };
        let text = document.markdown();
        assert!(
            text.contains("## \\# one") && text.contains("| a\\|b | &lt;script>\\*x\\* \\[y\\](z) |"),
            "{text}"
        );
    }
}
