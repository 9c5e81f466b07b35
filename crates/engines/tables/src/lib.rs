//! Reads, types, profiles and writes tables in CSV and Parquet.
//!
//! A profile is one pass in memory that does not grow with the rows: distinct values are counted
//! to 10,000 and estimated beyond, deciles come from a sample of 10,000.

mod cell;
mod columns;
mod csv_file;
mod fault;
mod parquet_file;
mod sketch;

use std::{io::Write, ops::Range, path::Path};

use base::Result;
use ports::{
    Watch,
    table::{Format, Profile, Rows, Table, Tables},
};

/// The most columns a table may have.
pub const COLUMNS_MAX: usize = 2_000;

/// The engine. It holds nothing.
pub fn open() -> impl Tables {
    Files
}

struct Files;

impl Tables for Files {
    fn profile(&self, format: Format, path: &Path, watch: &dyn Watch) -> Result<Profile> {
        match format {
            Format::Csv => csv_file::profile(path, watch),
            Format::Parquet => parquet_file::profile(path, watch),
        }
    }

    fn read(&self, format: Format, path: &Path, profile: &Profile, rows: Range<u64>) -> Result<Table> {
        match format {
            Format::Csv => csv_file::read(path, profile, rows),
            Format::Parquet => parquet_file::read(path, profile, rows),
        }
    }

    fn scan(
        &self,
        (format, path): (Format, &Path),
        profile: &Profile,
        watch: &dyn Watch,
        take: &mut dyn FnMut(Table) -> Result<()>,
    ) -> Result<()> {
        let mut done = 0;
        let mut counted = |table: Table| {
            done += table.rows as u64;
            watch.check()?;
            take(table)?;
            watch.progress(done, profile.rows, "reading rows");
            Ok(())
        };
        match format {
            Format::Csv => csv_file::scan(path, profile, &mut counted),
            Format::Parquet => parquet_file::scan(path, profile, &mut counted),
        }
    }

    fn begin(&self, format: Format, out: Box<dyn Write + Send>) -> Box<dyn Rows> {
        match format {
            Format::Csv => Box::new(csv_file::Writing::new(out)),
            Format::Parquet => Box::new(parquet_file::Writing::new(out)),
        }
    }

    fn write(&self, format: Format, table: &Table, path: &Path) -> Result<()> {
        match format {
            Format::Csv => csv_file::write(table, path),
            Format::Parquet => parquet_file::write(table, path),
        }
    }
}

#[cfg(test)]
mod tests;
