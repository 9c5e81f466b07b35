//! Comma-separated values (RFC 4180): quoted cells may hold commas and line breaks, lines end in LF or CRLF,
//! a byte order mark is skipped, empty lines do not count.

use std::{
    cell::Cell as Shared,
    fs::File,
    io::{self, BufReader, Read, Write},
    ops::Range,
    path::Path,
    rc::Rc,
};

use base::Result;
use csv::{ByteRecord, Reader, ReaderBuilder, WriterBuilder};
use jiff::Timestamp;
use ports::{
    Watch,
    table::{Column, ColumnType, Profile, Rows, Table, Values},
};

use crate::{COLUMNS_MAX, cell::Cell, columns::Builder, fault, sketch::Sketch};

/// A record longer than this is a quote that was never closed.
const RECORD_MAX: u64 = 16 << 20;

/// Rows between two looks at the watch.
const ROWS_BETWEEN: u64 = 8_192;

/// Counts the bytes read, in all and since the last record.
struct Counted {
    file: File,
    counts: Rc<Counts>,
}

#[derive(Default)]
struct Counts {
    all: Shared<u64>,
    record: Shared<u64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.counts.record.get() > RECORD_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "record too long"));
        }
        let read = self.file.read(buffer)?;
        self.counts.all.set(self.counts.all.get() + read as u64);
        self.counts.record.set(self.counts.record.get() + read as u64);
        Ok(read)
    }
}

/// A file open for reading, its header read.
struct Open<'a> {
    reader: Reader<Counted>,
    counts: Rc<Counts>,
    path: &'a Path,
    header: Vec<String>,
    record: ByteRecord,
}

impl<'a> Open<'a> {
    fn new(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| fault::io(path, &error))?;
        let counts = Rc::new(Counts::default());
        let counted = Counted { file, counts: counts.clone() };
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(counted);
        let mut open = Self { reader, counts, path, header: Vec::new(), record: ByteRecord::new() };
        open.header = open.read_header()?;
        Ok(open)
    }

    fn read_header(&mut self) -> Result<Vec<String>> {
        if !self.next()? {
            return Err(fault::empty("the file has no header"));
        }
        let width = self.record.len();
        if width > COLUMNS_MAX {
            return Err(fault::too_wide(width, COLUMNS_MAX));
        }
        let mut header: Vec<String> = Vec::with_capacity(width);
        for (at, cell) in self.record.iter().enumerate() {
            let name = std::str::from_utf8(cell).map_err(|_| fault::not_utf8(1))?.trim();
            // Exports of indexed tables leave the first header empty.
            header.push(if name.is_empty() { format!("column_{}", at + 1) } else { name.to_owned() });
        }
        let mut sorted: Vec<&String> = header.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(fault::duplicate_column(pair[0])),
            None => Ok(header),
        }
    }

    /// Reads the next record; answers whether there was one.
    fn next(&mut self) -> Result<bool> {
        self.counts.record.set(0);
        let start = self.reader.position().byte();
        self.reader.read_byte_record(&mut self.record).map_err(|error| match error.kind() {
            csv::ErrorKind::Io(io) if io.kind() == io::ErrorKind::FileTooLarge => {
                let line = self.line_at(start);
                fault::unreadable(format!("line {line} never ends"))
                    .hint("look for a quote that is opened and never closed")
            }
            csv::ErrorKind::Io(io) => fault::io(self.path, io),
            _ => fault::unreadable("a line is malformed").because(&error),
        })
    }

    /// Reads the next row and checks its width; answers whether there was one.
    fn row(&mut self) -> Result<bool> {
        let more = self.next()?;
        if more && self.record.len() != self.header.len() {
            return Err(fault::ragged(self.line(), self.record.len(), self.header.len()));
        }
        Ok(more)
    }

    /// The cells of the row, checked to be UTF-8.
    fn texts(&self) -> impl Iterator<Item = Result<&str>> {
        let read = |cell| std::str::from_utf8(cell).map_err(|_| fault::not_utf8(self.line()));
        self.record.iter().map(read)
    }

    /// The line on which the last record begins.
    fn line(&self) -> u64 {
        self.line_at(self.record.position().map_or(0, csv::Position::byte))
    }

    /// The line of the first byte from an offset on that ends no line. Lines are counted only
    /// when one has to be named: while reading, the rest of a line end and empty lines still lie ahead.
    fn line_at(&self, offset: u64) -> u64 {
        let Ok(file) = File::open(self.path) else {
            return 0;
        };
        let mut line = 1;
        for (at, byte) in BufReader::new(file).bytes().enumerate() {
            match byte {
                Ok(b'\n') => line += 1,
                Ok(b'\r') => {}
                Ok(_) if (at as u64) < offset => {}
                Ok(_) | Err(_) => break,
            }
        }
        line
    }
}

/// Reads the whole file once and says what is in it.
pub fn profile(path: &Path, watch: &dyn Watch) -> Result<Profile> {
    let mut open = Open::new(path)?;
    let size = std::fs::metadata(path).map_err(|error| fault::io(path, &error))?.len();
    let mut sketches: Vec<Sketch> = open.header.iter().map(|name| Sketch::new(name)).collect();
    let mut rows = 0;
    while open.row()? {
        for (sketch, text) in sketches.iter_mut().zip(open.texts()) {
            let text = text?;
            sketch.add(Cell::of(text), text);
        }
        rows += 1;
        if rows % ROWS_BETWEEN == 0 {
            watch.check()?;
            watch.progress(open.counts.all.get(), size, "reading rows");
        }
    }
    if rows == 0 {
        return Err(fault::empty("there is no row below the header"));
    }
    watch.progress(size, size, "read");
    Ok(Profile { rows, columns: sketches.into_iter().map(Sketch::finish).collect() })
}

/// Reads a range of rows, typed as a profile says.
pub fn read(path: &Path, profile: &Profile, rows: Range<u64>) -> Result<Table> {
    let mut open = fitting(path, profile)?;
    let mut at = 0;
    while at < rows.start && open.row()? {
        at += 1;
    }
    take(&mut open, profile, rows.end.saturating_sub(rows.start))
}

/// Hands out all rows, some at a time.
pub fn scan(path: &Path, profile: &Profile, hand: &mut dyn FnMut(Table) -> Result<()>) -> Result<()> {
    let mut open = fitting(path, profile)?;
    loop {
        let table = take(&mut open, profile, ROWS_BETWEEN)?;
        let last = (table.rows as u64) < ROWS_BETWEEN;
        if table.rows > 0 {
            hand(table)?;
        }
        if last {
            return Ok(());
        }
    }
}

/// A file open for reading whose columns are those of a profile.
fn fitting<'a>(path: &'a Path, profile: &Profile) -> Result<Open<'a>> {
    let open = Open::new(path)?;
    if open.header.iter().eq(profile.columns.iter().map(|it| &it.name)) {
        Ok(open)
    } else {
        Err(fault::unreadable("its columns are not those of the profile"))
    }
}

/// The next rows, at most so many.
fn take(open: &mut Open<'_>, profile: &Profile, most: u64) -> Result<Table> {
    let mut builders: Vec<Builder> = profile.columns.iter().map(Builder::new).collect();
    let mut rows = 0;
    while rows < most && open.row()? {
        rows += 1;
        for (builder, text) in builders.iter_mut().zip(open.texts()) {
            let text = text?;
            let cell = Cell::of_type(text, builder.kind()).ok_or_else(|| {
                let shown: String = text.chars().take(40).collect();
                let (line, column) = (open.line(), builder.name());
                fault::unreadable(format!("`{shown}` in line {line} does not fit the column `{column}`"))
            })?;
            builder.push(cell);
        }
    }
    Ok(Table { rows: rows as usize, columns: builders.into_iter().map(Builder::finish).collect() })
}

/// Writes a table with a header line.
pub fn write(table: &Table, path: &Path) -> Result<()> {
    let file = File::create(path).map_err(|error| fault::io(path, &error))?;
    let mut writing = Box::new(Writing::new(Box::new(file)));
    writing.append(table)?;
    writing.finish()
}

/// A file being written; its header line comes with the first rows.
pub struct Writing {
    writer: csv::Writer<Box<dyn Write + Send>>,
    begun: bool,
}

impl Writing {
    /// Writes to somewhere.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { writer: WriterBuilder::new().from_writer(out), begun: false }
    }
}

impl Rows for Writing {
    fn append(&mut self, table: &Table) -> Result<()> {
        let failed = |error: csv::Error| match error.into_kind() {
            csv::ErrorKind::Io(error) => fault::unwritable(&error),
            other => base::Error::internal(format!("{other:?}")),
        };
        if !self.begun {
            self.writer.write_record(table.columns.iter().map(|it| &it.name)).map_err(failed)?;
            self.begun = true;
        }
        for row in 0..table.rows {
            for column in &table.columns {
                self.writer.write_field(text(column, row)).map_err(failed)?;
            }
            self.writer.write_record(None::<&[u8]>).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.writer.flush().map_err(|error| fault::unwritable(&error))
    }
}

/// How a cell is written.
fn text(column: &Column, row: usize) -> String {
    match &column.values {
        Values::Texts { codes, distinct } => {
            codes[row].map_or_else(String::new, |code| distinct[code as usize].clone())
        }
        Values::Numbers(numbers) if numbers[row].is_nan() => String::new(),
        Values::Numbers(numbers) => match column.kind {
            ColumnType::Boolean => (numbers[row] != 0.0).to_string(),
            ColumnType::Time => Timestamp::from_microsecond((numbers[row] * 1e6).round() as i64)
                .map_or_else(|_| String::new(), |it| it.to_string()),
            ColumnType::Integer | ColumnType::Number | ColumnType::Text => numbers[row].to_string(),
        },
    }
}
