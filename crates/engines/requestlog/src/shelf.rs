//! What is kept of one endpoint: files of Parquet, each with a note of what is in it, and the rows that are not there yet.

use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use base::{Error, Result, Time};
use ports::{
    requestlog::{Entry, Extent, Heard, Policy, Span, Truth, Truths, key},
    table::{ColumnProfile, Format, Profile, Table, Tables, Values, cells},
};
use serde::{Deserialize, Serialize};

use crate::{
    open::Open,
    rows::{self, Head},
    truth, unusable,
};

/// Rows after which a file is begun anew.
const ROWS_MAX: usize = 8_192;
/// Bytes of lines after which a file is begun anew.
const BYTES_MAX: u64 = 8 << 20;
/// Seconds of requests after which a file is begun anew.
const SECONDS_MAX: f64 = 3_600.0;

/// A file of Parquet, as its note tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sealed {
    first: u64,
    rows: u64,
    bytes: u64,
    since: Time,
    until: Time,
    /// The smallest and the largest prediction; predictions are named in the order of time.
    ids: (String, String),
    columns: Vec<Head>,
}

/// One endpoint's rows.
pub struct Shelf {
    directory: PathBuf,
    tables: Arc<dyn Tables>,
    sealed: Vec<Sealed>,
    open: Open,
    truths: Option<Arc<Truths>>,
    /// The rows of the file that was looked into last, by the number of its first.
    looked: Option<(u64, HashSet<(String, u64)>)>,
}

/// Rows to be read: those in memory, or a file.
pub enum Part {
    Memory(Table),
    File(PathBuf, Sealed),
}

impl Shelf {
    /// What is in a directory.
    pub fn open(directory: PathBuf, tables: Arc<dyn Tables>) -> Result<Self> {
        fs::create_dir_all(&directory).map_err(|error| unusable(&directory, &error))?;
        let (mut sealed, mut opened): (Vec<Sealed>, Vec<u64>) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&directory).map_err(|error| unusable(&directory, &error))? {
            let path = entry.map_err(|error| unusable(&directory, &error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(first) = name.strip_prefix("open-").and_then(|it| it.strip_suffix(".jsonl")) {
                opened.extend(first.parse::<u64>());
            } else if name.ends_with(".note.json") {
                let text = fs::read(&path).map_err(|error| unusable(&path, &error))?;
                sealed.push(serde_json::from_slice(&text).map_err(Error::internal)?);
            }
        }
        sealed.sort_by_key(|it| it.first);
        let next = sealed.last().map_or(0, |it| it.first + it.rows);
        let open = Open::new(&directory, next);
        let mut shelf = Self { directory, tables, sealed, open, truths: None, looked: None };
        opened.sort_unstable();
        for first in opened {
            let left = Open::read(&shelf.directory, first)?;
            // A crash came between sealing and removing the lines.
            if shelf.sealed.iter().any(|it| it.first == first) {
                left.remove();
                continue;
            }
            shelf.open = left;
            shelf.seal()?;
        }
        Ok(shelf)
    }

    /// Appends a request.
    pub fn append(&mut self, entry: &Entry) -> Result<()> {
        let rows = rows::of(entry);
        let old = self.open.when.is_some_and(|(since, _)| entry.at.seconds_since(since) >= SECONDS_MAX);
        let full = self.open.table.rows >= ROWS_MAX || self.open.bytes >= BYTES_MAX;
        if self.open.table.rows > 0 && (old || full || !self.open.takes(&rows.heads)) {
            self.seal()?;
            self.trim(&entry.policy, entry.at)?;
        }
        self.open.append(rows)
    }

    /// Puts the open rows into a file; a note beside it makes it count.
    fn seal(&mut self) -> Result<()> {
        let next = self.open.first + self.open.table.rows as u64;
        let open = std::mem::replace(&mut self.open, Open::new(&self.directory, next));
        if open.table.rows == 0 {
            open.remove();
            return Ok(());
        }
        let path = self.path(open.first);
        self.tables.write(Format::Parquet, &open.table, &path)?;
        let synced = File::open(&path).and_then(|file| {
            file.sync_all()?;
            file.metadata()
        });
        let bytes = synced.map_err(|error| unusable(&path, &error))?.len();
        let ids = keys(&open.table).map(|(id, _)| id).collect::<Vec<String>>();
        let (since, until) = open.when.unwrap_or((Time::from_micros(0), Time::from_micros(0)));
        let sealed = Sealed {
            first: open.first,
            rows: open.table.rows as u64,
            bytes,
            since,
            until,
            ids: (
                ids.iter().min().cloned().unwrap_or_default(),
                ids.iter().max().cloned().unwrap_or_default(),
            ),
            columns: open.table.columns.iter().map(|it| (it.name.clone(), it.kind)).collect(),
        };
        let note = self.note(open.first);
        put(&note, &serde_json::to_vec(&sealed).map_err(Error::internal)?)?;
        self.sealed.push(sealed);
        open.remove();
        Ok(())
    }

    fn path(&self, first: u64) -> PathBuf {
        self.directory.join(format!("{first:016}.parquet"))
    }

    fn note(&self, first: u64) -> PathBuf {
        self.directory.join(format!("{first:016}.note.json"))
    }

    /// What holds rows of a span, in its order.
    pub fn parts(&self, span: &Span) -> Vec<Part> {
        let wanted = |first: u64, rows: u64, (since, until): (Time, Time)| {
            span.since.is_none_or(|it| until >= it)
                && span.until.is_none_or(|it| since < it)
                && span.after.is_none_or(|it| first + rows > it + 1)
                && span.before.is_none_or(|it| first < it)
        };
        let mut parts: Vec<Part> = Vec::new();
        for it in &self.sealed {
            if wanted(it.first, it.rows, (it.since, it.until)) {
                parts.push(Part::File(self.path(it.first), it.clone()));
            }
        }
        let open = &self.open;
        if open.when.is_some_and(|when| wanted(open.first, open.table.rows as u64, when)) {
            parts.push(Part::Memory(open.table.clone()));
        }
        if span.newest_first {
            parts.reverse();
        }
        parts
    }

    /// Whether a row is in the log.
    fn has(&mut self, truth: &Truth) -> Result<bool> {
        let wanted = (truth.id.clone(), truth.row);
        if keys(&self.open.table).any(|key| key == wanted) {
            return Ok(true);
        }
        let holds = |it: &Sealed| it.ids.0 <= truth.id && truth.id <= it.ids.1;
        let found: Vec<Sealed> = self.sealed.iter().rev().filter(|it| holds(it)).cloned().collect();
        for it in found {
            if self.looked.as_ref().is_none_or(|(first, _)| *first != it.first) {
                let part = Part::File(self.path(it.first), it.clone());
                let table = part.read(&*self.tables, &Span::default())?.unwrap_or_default();
                self.looked = Some((it.first, keys(&table).collect()));
            }
            if self.looked.as_ref().is_some_and(|(_, keys)| keys.contains(&wanted)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is known to be true.
    pub fn truths(&mut self) -> Result<Arc<Truths>> {
        if let Some(truths) = &self.truths {
            return Ok(Arc::clone(truths));
        }
        let truths = Arc::new(truth::read(&self.directory)?);
        self.truths = Some(Arc::clone(&truths));
        Ok(truths)
    }

    /// Takes what turned out to be true.
    pub fn hear(&mut self, told: &[Truth]) -> Result<Heard> {
        let mut heard = Heard::default();
        let mut truths = self.truths()?;
        // The shelf's own copy must not be held twice while it grows.
        self.truths = None;
        let mut news: Vec<&Truth> = Vec::new();
        for truth in told {
            let before = truths.get(&(truth.id.clone(), truth.row));
            if before.is_none() && !self.has(truth)? {
                heard.unknown.push(format!("{}/{}", truth.id, truth.row));
                continue;
            }
            match before {
                Some(value) if *value == truth.value => {
                    heard.repeated += 1;
                    continue;
                }
                Some(_) => heard.changed += 1,
                None => heard.accepted += 1,
            }
            Arc::make_mut(&mut truths).insert((truth.id.clone(), truth.row), truth.value.clone());
            news.push(truth);
        }
        truth::append(&self.directory, &news, truths.len())?;
        self.truths = Some(truths);
        Ok(heard)
    }

    /// How much there is.
    pub fn extent(&mut self) -> Result<Extent> {
        let truths = self.truths()?.len() as u64;
        let open = self.open.when;
        let rows: u64 = self.sealed.iter().map(|it| it.rows).sum();
        Ok(Extent {
            rows: rows + self.open.table.rows as u64,
            bytes: self.sealed.iter().map(|it| it.bytes).sum::<u64>() + self.open.bytes,
            files: self.sealed.len() as u64 + u64::from(self.open.table.rows > 0),
            oldest: self.sealed.iter().map(|it| it.since).chain(open.map(|it| it.0)).min(),
            newest: self.sealed.iter().map(|it| it.until).chain(open.map(|it| it.1)).max(),
            next: self.open.first + self.open.table.rows as u64,
            truths,
        })
    }

    /// Lets go of what is too old or too much.
    pub fn trim(&mut self, policy: &Policy, now: Time) -> Result<u64> {
        let oldest = now.plus_s(-86_400 * i64::from(policy.days));
        if self.open.when.is_some_and(|(_, until)| until < oldest) {
            self.seal()?;
        }
        let mut bytes: u64 = self.sealed.iter().map(|it| it.bytes).sum::<u64>() + self.open.bytes;
        let mut gone = 0;
        while let Some(first) = self.sealed.first() {
            if first.until >= oldest && bytes <= policy.bytes {
                break;
            }
            let first = self.sealed.remove(0);
            bytes -= first.bytes;
            gone += first.rows;
            // Without its note a file does not count; what is left of it is overwritten or removed later.
            for path in [self.note(first.first), self.path(first.first)] {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    other => other.map_err(|error| unusable(&path, &error))?,
                }
            }
        }
        if gone > 0 && !self.truths()?.is_empty() {
            self.forget_truths()?;
        }
        Ok(gone)
    }

    /// Lets go of the truth about rows that are gone.
    fn forget_truths(&mut self) -> Result<()> {
        let mut left = HashSet::new();
        for part in self.parts(&Span::default()) {
            if let Some(table) = part.read(&*self.tables, &Span::default())? {
                left.extend(keys(&table));
            }
        }
        let mut truths = self.truths()?;
        self.truths = None;
        Arc::make_mut(&mut truths).retain(|key, _| left.contains(key));
        put(&truth::path(&self.directory), &truth::written(&truths)?)?;
        self.truths = Some(truths);
        Ok(())
    }

    /// Lets go of everything.
    pub fn forget(&mut self) -> Result<()> {
        fs::remove_dir_all(&self.directory).map_err(|error| unusable(&self.directory, &error))?;
        fs::create_dir_all(&self.directory).map_err(|error| unusable(&self.directory, &error))?;
        let next = self.open.first + self.open.table.rows as u64;
        self.sealed.clear();
        self.open = Open::new(&self.directory, next);
        (self.truths, self.looked) = (None, None);
        Ok(())
    }
}

impl Part {
    /// The rows that are of a span; none where the file is gone.
    pub fn read(self, tables: &dyn Tables, span: &Span) -> Result<Option<Table>> {
        let table = match self {
            Self::Memory(table) => table,
            Self::File(path, sealed) => {
                if !path.exists() {
                    return Ok(None);
                }
                tables.read(Format::Parquet, &path, &profile(&sealed), 0..sealed.rows)?
            }
        };
        if *span == (Span { newest_first: span.newest_first, ..Span::default() }) {
            return Ok(Some(table));
        }
        let numbers = |name: &str| match table.columns.iter().find(|it| it.name == name).map(|it| &it.values)
        {
            Some(Values::Numbers(numbers)) => numbers.as_slice(),
            Some(Values::Texts { .. }) | None => &[],
        };
        let (number, at) = (numbers("number"), numbers("at"));
        let seconds = |time: Time| time.micros() as f64 / 1e6;
        let fits = |row: &usize| {
            span.after.is_none_or(|it| number[*row] > it as f64)
                && span.before.is_none_or(|it| number[*row] < it as f64)
                && span.since.is_none_or(|it| at[*row] >= seconds(it))
                && span.until.is_none_or(|it| at[*row] < seconds(it))
        };
        let rows: Vec<usize> = (0..table.rows).filter(fits).collect();
        Ok(Some(if rows.len() == table.rows { table } else { cells::chosen(&table, &rows) }))
    }
}

/// What is said of a file's columns so that it is read as it was written.
fn profile(sealed: &Sealed) -> Profile {
    let column = |(name, kind): &Head| ColumnProfile::of(name.clone(), *kind, sealed.rows);
    Profile { rows: sealed.rows, columns: sealed.columns.iter().map(column).collect() }
}

/// The predictions and places of the rows of a table.
fn keys(table: &Table) -> impl Iterator<Item = (String, u64)> + '_ {
    (0..table.rows).filter_map(|row| key(table, row))
}

/// Writes a file as a whole: it is there with all its bytes, or it is as before.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    let written = fs::write(&part, bytes)
        .and_then(|()| File::open(&part)?.sync_all())
        .and_then(|()| fs::rename(&part, path));
    written.map_err(|error| unusable(path, &error))
}
