//! Puts documents on paper: PDF (ISO 32000) on A4, with the fonts every reader has.
//!
//! Those fonts know the characters of Windows-1252; any other is written as its code point, `U+4E2D`.

use base::Result;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use ports::document::{Document, Paper};

mod font;

use font::{encoded, width};

/// The engine.
pub fn open() -> impl Paper {
    Press
}

struct Press;

/// A4 in points, and the margins.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 56.0;
/// Where values stand beside their names.
const VALUES: f32 = 190.0;

/// One of the two fonts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    Plain,
    Bold,
}

/// A line of text at a place of a page.
struct Line {
    face: Face,
    size: f32,
    x: f32,
    y: f32,
    text: Vec<u8>,
}

/// What is written so far: pages of lines, and where the next one stands.
struct Sheet {
    pages: Vec<Vec<Line>>,
    y: f32,
}

impl Sheet {
    /// Makes sure that so much room is left on the page.
    fn room(&mut self, height: f32) {
        if self.y - height < MARGIN {
            self.pages.push(Vec::new());
            self.y = PAGE.1 - MARGIN;
        }
    }

    fn line(&mut self, (face, size): (Face, f32), x: f32, text: Vec<u8>) {
        let y = self.y;
        if let Some(page) = self.pages.last_mut() {
            page.push(Line { face, size, x, y, text });
        }
    }

    /// Writes a text in lines that end before the margin.
    fn paragraph(&mut self, style: (Face, f32), text: &str) {
        for line in wrapped(&encoded(text), style.1, PAGE.0 - 2.0 * MARGIN) {
            self.room(style.1 * 1.4);
            self.y -= style.1 * 1.4;
            self.line(style, MARGIN, line);
        }
    }

    /// Writes a fact: its name, and its value beside it.
    fn fact(&mut self, name: &str, value: &str) {
        const SIZE: f32 = 9.5;
        let names = wrapped(&encoded(name), SIZE, VALUES - MARGIN - 8.0);
        let values = wrapped(&encoded(value), SIZE, PAGE.0 - MARGIN - VALUES);
        for at in 0..names.len().max(values.len()) {
            self.room(SIZE * 1.45);
            self.y -= SIZE * 1.45;
            if let Some(name) = names.get(at) {
                self.line((Face::Bold, SIZE), MARGIN, name.clone());
            }
            if let Some(value) = values.get(at) {
                self.line((Face::Plain, SIZE), VALUES, value.clone());
            }
        }
        self.y -= 2.0;
    }
}

/// A text in lines of at most a width; a word that is longer is broken.
fn wrapped(text: &[u8], size: f32, most: f32) -> Vec<Vec<u8>> {
    let long = |line: &[u8]| line.iter().map(|c| width(*c)).sum::<f32>() * size / 1_000.0;
    let mut lines = vec![Vec::new()];
    for word in text.split(|c| *c == b' ').filter(|word| !word.is_empty()) {
        let mut word = word.to_vec();
        loop {
            let last = lines.len() - 1;
            let mut tried = lines[last].clone();
            if !tried.is_empty() {
                tried.push(b' ');
            }
            tried.extend(&word);
            if long(&tried) <= most {
                lines[last] = tried;
                break;
            }
            if !lines[last].is_empty() {
                lines.push(Vec::new());
                continue;
            }
            let mut fits = word.len();
            while fits > 1 && long(&word[..fits]) > most {
                fits -= 1;
            }
            let rest = word.split_off(fits);
            lines[last] = word;
            if rest.is_empty() {
                break;
            }
            lines.push(Vec::new());
            word = rest;
        }
    }
    lines
}

impl Paper for Press {
    fn pdf(&self, document: &Document) -> Result<Vec<u8>> {
        let mut sheet = Sheet { pages: vec![Vec::new()], y: PAGE.1 - MARGIN };
        sheet.paragraph((Face::Bold, 20.0), &document.title);
        sheet.paragraph((Face::Plain, 10.0), &document.subtitle);
        for section in &document.sections {
            sheet.room(60.0);
            sheet.y -= 14.0;
            sheet.paragraph((Face::Bold, 13.0), &section.heading);
            sheet.y -= 2.0;
            if let Some(note) = &section.note {
                sheet.paragraph((Face::Plain, 9.5), note);
            }
            for (name, value) in &section.facts {
                sheet.fact(name, value);
            }
        }
        Ok(written(&document.title, &sheet.pages))
    }
}

fn written(title: &str, pages: &[Vec<Line>]) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let id = |number: usize| Ref::new(i32::try_from(number).unwrap_or(i32::MAX));
    let (catalog, tree, plain, bold, info) = (id(1), id(2), id(3), id(4), id(5));
    let page_id = |at: usize| id(6 + 2 * at);
    pdf.catalog(catalog).pages(tree);
    pdf.document_info(info).title(TextStr(title)).producer(TextStr("AIC"));
    let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids((0..pages.len()).map(page_id)).count(count);
    for (font, name) in [(plain, &b"Helvetica"[..]), (bold, b"Helvetica-Bold")] {
        pdf.type1_font(font).base_font(Name(name)).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    for (at, lines) in pages.iter().enumerate() {
        let content_id = id(7 + 2 * at);
        let mut page = pdf.page(page_id(at));
        page.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(tree).contents(content_id);
        page.resources().fonts().pair(Name(b"P"), plain).pair(Name(b"B"), bold);
        page.finish();
        let mut content = Content::new();
        let foot = format!("{} of {}", at + 1, pages.len()).into_bytes();
        let foot =
            Line { face: Face::Plain, size: 8.0, x: PAGE.0 - MARGIN - 40.0, y: MARGIN / 2.0, text: foot };
        for line in lines.iter().chain([&foot]) {
            let face: &[u8] = if line.face == Face::Bold { b"B" } else { b"P" };
            content.begin_text();
            content.set_font(Name(face), line.size);
            content.next_line(line.x, line.y);
            content.show(Str(&line.text));
            content.end_text();
        }
        pdf.stream(content_id, &content.finish());
    }
    pdf.finish()
}

#[cfg(test)]
mod tests {
    use ports::document::Section;

    use super::*;

    #[test]
    fn a_long_document_has_several_pages() {
        let facts = (0..200)
            .map(|i| (format!("fact {i}"), "a value that is told (in brackets) \\ and more".to_owned()));
        let section = Section { heading: "Facts".to_owned(), note: None, facts: facts.collect() };
        let document =
            Document { title: "Größe 中".to_owned(), subtitle: "s".to_owned(), sections: vec![section] };
        let pdf = open().pdf(&document).unwrap();
        assert!(pdf.starts_with(b"%PDF-1.") && pdf.ends_with(b"%%EOF"), "{}", pdf.len());
        let text = String::from_utf8_lossy(&pdf);
        assert!(text.contains("/Count 5") || text.contains("/Count 4"), "{}", text.matches("/Count").count());
        // `U+4E2D`, in the hexadecimal digits of a string that is not all ASCII.
        assert!(text.to_uppercase().contains("552B34453244"));
    }

    #[test]
    fn lines_end_before_the_margin() {
        let lines = wrapped(b"one two three", 10.0, 45.0);
        assert_eq!(lines, [b"one two".to_vec(), b"three".to_vec()]);
        let broken = wrapped(&[b'x'; 100], 10.0, 100.0);
        assert!(broken.len() > 4 && broken.concat().len() == 100);
        assert_eq!(wrapped(b"", 10.0, 10.0), [Vec::<u8>::new()]);
    }
}
