//! Any bytes are a table or refused; a table that is profiled is read, and is as long when it is written again.

#![no_main]

use std::{cell::RefCell, fs};

use base::Unwatched;
use libfuzzer_sys::fuzz_target;
use ports::table::{Format, Tables};
use tempfile::TempDir;

thread_local! {
    static DIRECTORY: RefCell<TempDir> = RefCell::new(tempfile::tempdir().expect("a directory"));
}

fuzz_target!(|bytes: &[u8]| {
    let tables = engine_tables::open();
    DIRECTORY.with_borrow(|directory| {
        let (came, went) = (directory.path().join("came.csv"), directory.path().join("went.csv"));
        fs::write(&came, bytes).expect("a file is written");
        let Ok(profile) = tables.profile(Format::Csv, &came, &Unwatched) else { return };
        let table = tables.read(Format::Csv, &came, &profile, 0..profile.rows).expect("it was profiled");
        assert_eq!(table.rows as u64, profile.rows);
        tables.write(Format::Csv, &table, &went).expect("it is written");
        let again = tables.profile(Format::Csv, &went, &Unwatched).expect("it was written here");
        assert_eq!(again.rows, profile.rows);
        assert!(again.columns.iter().map(|it| &it.name).eq(profile.columns.iter().map(|it| &it.name)));
    });
});
